"""The orthogonal parts of differentiable strategies: relaxation, regularisers, expected cost, samples, paths."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings, SearchOptions
from nas.config.training import TrainSettings
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.space import Space
from nas.strategies.architecture_loss import ArchitectureLoss
from nas.strategies.base import GradientSettings
from nas.strategies.gdas import Gdas
from nas.strategies.single_path import SinglePath
from nas.supernet import Supernet
from nas.supernet.expected_cost import expected_cost, mean_edge_entropy, mean_skip_probability
from nas.supernet.relaxations import gumbel_choice
from nas.supernet.single_path import draw_path
from nas.tasks import get_task
from tests.space.space_examples import tiny_space

DIFFERENTIABLE = [s for s in STRATEGIES.names() if STRATEGIES.get(s).differentiable]


def l1(forward: Any, batch: Any) -> torch.Tensor:
    return F.l1_loss(forward(batch[0]), batch[1])


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 16, 16, generator=generator) * 255, torch.rand(1, 3, 32, 32, generator=generator) * 255


def blocks_run(supernet: Supernet) -> tuple[list[tuple[str, int]], list[Any]]:
    """(edge and candidate of every block that runs from now on, the hooks)."""
    ran: list[tuple[str, int]] = []

    def watch(name: str, column: int) -> Any:
        return lambda module, inputs, output: ran.append((name, column))

    hooks = []
    for name, module in supernet.named_modules():
        parent, _, last = name.rpartition(".")
        if parent.endswith((".ops", ".ats")) and last.isdigit() and parent.count(".") >= 4:
            hooks.append(module.register_forward_hook(watch(parent, int(last))))
    return ran, hooks


@pytest.mark.parametrize("strategy", DIFFERENTIABLE)
def test_partial_channels_and_edge_weights_can_be_set_for_any_strategy(strategy: str) -> None:
    for parts, weights in ((1, False), (4, True)):
        assign = [f"search.partial_channels={parts}", f"search.edge_weights={str(weights).lower()}"]
        settings = build(SearchSettings, None, assign)
        options = STRATEGIES.get(strategy)(settings.search, settings.train).supernet_options()
        supernet = tiny_space().supernet("sr_x2", **options)
        assert supernet.cells[0].ops[0].partial_channels == parts
        assert bool(supernet.beta_probabilities()) is weights


@pytest.mark.parametrize("strategy", ["pc_darts", "darts", "gdas"])
@pytest.mark.parametrize("order", ["first", "second"])
def test_every_order_moves_weights_and_architecture(strategy: str, order: str) -> None:
    made = STRATEGIES.get(strategy)(SearchOptions(order=order), TrainSettings(steps=4))
    supernet = tiny_space().supernet("sr_x2", **made.supernet_options())
    made.prepare(supernet, l1)
    before = {k: v.clone() for k, v in supernet.state_dict().items()}
    values = made.step(supernet, batch(0), batch(1))
    assert {"loss", "lr", "arch_loss"} <= set(values)
    moved = [k for k, v in supernet.state_dict().items() if not torch.equal(v, before[k])]
    assert any("alphas" in k for k in moved) and any("alphas" not in k for k in moved)


def test_regularisers_equal_their_formulas() -> None:
    space = tiny_space()
    supernet = space.supernet("sr_x2")
    torch.nn.init.normal_(supernet.alphas_normal)
    table = supernet.edge_probabilities()
    rows = [row[row > 0] for name in table for row in table[name]]
    wanted = torch.stack([-(row * row.log()).sum() for row in rows]).mean()
    torch.testing.assert_close(mean_edge_entropy(supernet), wanted)
    # edges with a skip: two of three operation edges (column 1) and the attention edge (column 2)
    wanted = torch.stack([table["operation"][0, 1], table["operation"][2, 1], table["attention"][0, 2]]).mean()
    torch.testing.assert_close(mean_skip_probability(supernet), wanted)
    loss = ArchitectureLoss(GradientSettings(entropy=0.5, skip=2.0), None, LimitSettings())
    total, log = loss(supernet)
    torch.testing.assert_close(total, 0.5 * mean_edge_entropy(supernet) + 2.0 * mean_skip_probability(supernet))
    assert log["arch_penalty"] == pytest.approx(float(total.detach()))
    assert not ArchitectureLoss(GradientSettings(), None, LimitSettings()).active


def mean_of_samples(space: Space, supernet: Supernet, costs: GenotypeCosts, metric: str) -> float:
    """The expected cost by enumeration of every genotype and its probability."""
    from itertools import product

    table = {n: p.double() for n, p in supernet.edge_probabilities().items()}
    total = 0.0
    for vector in product(*(range(len(d.choices)) for d in space.decisions)):
        genotype, weight = space.decode(vector), 1.0
        for decision, index in zip(space.decisions, vector, strict=True):
            edges = space.cells[decision.cell].edges
            row = [(e.source, e.target) for e in edges].index((decision.source, decision.target))
            columns = [edges[row].candidates.index(c) for c in decision.choices]
            chosen = table[decision.cell][row, columns]
            weight *= float(chosen[index] / chosen.sum())
        total += weight * costs.of(genotype)[metric]
    return total


def test_the_expected_cost_is_the_mean_over_all_genotypes_and_descent_lowers_it() -> None:
    space = tiny_space()
    costs, supernet = GenotypeCosts(space, get_task("sr_x2")), space.supernet("sr_x2")
    torch.nn.init.normal_(supernet.alphas_normal)
    found = expected_cost(supernet, costs.base("params"), costs.per_choice("params"))
    assert float(found.detach()) == pytest.approx(mean_of_samples(space, supernet, costs, "params"), rel=1e-6)
    limits = LimitSettings(params=costs.base("params"))
    loss = ArchitectureLoss(GradientSettings(cost_weight=2.0), costs, limits)
    total, log = loss(supernet)
    assert float(total.detach()) == pytest.approx(2 * (log["expected_params"] / costs.base("params") - 1), rel=1e-5)
    total.backward()
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            if parameter.grad is not None:
                parameter -= parameter.grad
    assert loss(supernet)[1]["expected_params"] < log["expected_params"]


def test_within_the_limit_the_expected_cost_has_no_gradient() -> None:
    space = tiny_space()
    costs, supernet = GenotypeCosts(space, get_task("sr_x2")), space.supernet("sr_x2")
    total, _ = ArchitectureLoss(GradientSettings(), costs, LimitSettings(params=1e9))(supernet)
    assert float(total.detach()) == 0
    assert not any(bool(g.any()) for g in torch.autograd.grad(total, [supernet.alphas_normal]))


def test_a_limit_moves_a_search_towards_small_blocks() -> None:
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"))
    ends = []
    for weight in (0.0, 100.0):
        torch.manual_seed(3)
        made = STRATEGIES.get("pc_darts")(SearchOptions(cost_weight=weight), TrainSettings(steps=6))
        supernet = space.supernet("sr_x2")
        limits = LimitSettings(params=costs.base("params") * 1.001)
        made.architecture_loss = ArchitectureLoss(made.settings, costs, limits)
        made.prepare(supernet, l1)
        for step in range(6):
            made.step(supernet, batch(step), batch(step + 9))
        ends.append(float(expected_cost(supernet, costs.base("params"), costs.per_choice("params")).detach()))
    assert ends[1] < ends[0]


def test_a_gumbel_choice_is_one_hot_forward_and_softmax_backward() -> None:
    alphas = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    noise = -torch.log(-torch.log(torch.rand(4, 5, dtype=torch.float64)))
    made = gumbel_choice(alphas, noise, 0.7)
    torch.testing.assert_close(made.weights.sum(dim=1), torch.ones(4, dtype=torch.float64))
    assert tuple(made.weights.argmax(dim=1).tolist()) == made.chosen == tuple((alphas + noise).argmax(1).tolist())
    soft = torch.softmax((torch.log_softmax(alphas, 1) + noise) / 0.7, dim=1)
    probe = torch.randn(4, 5, dtype=torch.float64)
    (found,) = torch.autograd.grad((made.weights * probe).sum(), alphas)
    (wanted,) = torch.autograd.grad((soft * probe).sum(), alphas)
    torch.testing.assert_close(found, wanted)


def test_samples_follow_the_probabilities_of_the_architecture() -> None:
    alphas = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    noise = -torch.log(-torch.log(torch.rand(4000, 1, 3, generator=torch.Generator().manual_seed(1))))
    counts = torch.bincount(torch.tensor([gumbel_choice(alphas, n, 1.0).chosen[0] for n in noise]), minlength=3)
    torch.testing.assert_close(counts / 4000, torch.tensor([0.7, 0.2, 0.1]), atol=0.03, rtol=0)


def test_gdas_runs_one_candidate_on_each_edge_and_its_temperature_falls() -> None:
    made = Gdas(SearchOptions(temperature=5.0, final_temperature=0.1), TrainSettings(steps=5))
    supernet = tiny_space().supernet("sr_x2")
    made.prepare(supernet, l1)
    ran, hooks = blocks_run(supernet)
    values = made.step(supernet, batch(0), None)
    for hook in hooks:
        hook.remove()
    edges = [edge for edge, _ in ran]
    assert ran and len(edges) == len(set(edges))  # some edges may have sampled `none`, which runs nothing
    assert values["temperature"] == 5.0
    assert [round(made.temperature(s), 6) for s in (0, 2, 4, 9)] == [5.0, 2.55, 0.1, 0.1]
    assert made.step(supernet, batch(0), batch(1))["temperature"] < 5.0


def test_only_runs_the_chosen_blocks_and_equals_the_mixture_with_one_hot_weights() -> None:
    space = tiny_space()
    supernet = space.supernet("sr_x2", edge_weights=False)
    genotype = space.sample(7)
    x = batch()[0]
    ran, hooks = blocks_run(supernet)
    with supernet.only(genotype):
        found = supernet(x)
    for hook in hooks:
        hook.remove()
    assert len(ran) == sum(map(len, genotype.cells.values())) * space.network_settings.cells

    def one_hot(cell: str, alphas: torch.Tensor) -> torch.Tensor:
        columns = [
            e.candidates.index(c.block) for e, c in zip(space.cells[cell].edges, genotype.cells[cell], strict=True)
        ]
        return F.one_hot(torch.tensor(columns), alphas.shape[1]).to(alphas.dtype)

    supernet.relax = one_hot
    torch.testing.assert_close(supernet(x), found)
    assert supernet._fixed is None


def test_a_path_of_the_single_path_supernet_is_its_derived_network() -> None:
    """Cells alone: fusion and skip around them are the supernet's own, and the blocks have the derived width."""
    space = tiny_space()
    made = SinglePath(SearchOptions(), TrainSettings())
    supernet, genotype = space.supernet("sr_x2", **made.supernet_options()), space.sample(5)
    network = space.network(genotype, "sr_x2")
    chosen = dict(network.cells[0].named_parameters())
    for part, edges in (("ops", genotype.cells["operation"]), ("atts", genotype.cells["attention"])):
        candidates = space.cells["operation" if part == "ops" else "attention"].edges
        for e, (choice, edge) in enumerate(zip(edges, candidates, strict=True)):
            mixed = getattr(supernet.cells[0], part)[e]
            source = (mixed.ops if part == "ops" else mixed.ats)[edge.candidates.index(choice.block)]
            getattr(network.cells[0], part)[e].load_state_dict(source.state_dict())
    for name in ("process", "op_nodes_fusion"):
        getattr(network.cells[0], name).load_state_dict(getattr(supernet.cells[0], name).state_dict())
    assert chosen
    x = torch.randn(1, space.features, 16, 16)
    with supernet.only(genotype):
        mixtures = supernet.mixtures()
        graphs = [
            supernet.graphs(role, part, mixtures)[0] for role, part in (("operation", "ops"), ("attention", "atts"))
        ]
        found = supernet.cells[0](x, *graphs)
    torch.testing.assert_close(found, network.cells[0](x))


def test_a_single_path_step_moves_only_the_weights_of_its_path() -> None:
    made = SinglePath(SearchOptions(), TrainSettings(steps=3))
    supernet = tiny_space().supernet("sr_x2", **made.supernet_options())
    made.prepare(supernet, l1)
    ran, hooks = blocks_run(supernet)
    for step in range(2):  # the second step must not move what only the first one used
        ran.clear()
        before = {k: v.clone() for k, v in supernet.named_parameters()}
        made.step(supernet, batch(step), None)
        moved = {k for k, v in supernet.named_parameters() if not torch.equal(v, before[k])}
        candidates = {k for k in moved if k.count(".ops.") == 2 or ".ats." in k}
        assert moved - candidates and candidates
        assert all(any(k.startswith(f"{edge}.{column}.") for edge, column in ran) for k in candidates)
    for hook in hooks:
        hook.remove()


def test_paths_are_uniform_within_what_is_allowed_and_a_settled_path_is_the_genotype() -> None:
    space = tiny_space()
    seen = {draw_path(space, seed).hash for seed in range(400)}
    assert len(seen) == space.size()
    wanted = space.sample(11)
    allowed = draw_path(space, 1, lambda g: g.hash == wanted.hash, lambda seed: wanted)
    assert allowed == wanted
    supernet = space.supernet("sr_x2")
    supernet.settle(wanted)
    assert supernet.genotype() == wanted
