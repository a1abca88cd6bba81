"""What gradient strategies can add: Dirichlet draws, beta-decay, early stopping of candidates, strict fairness."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from scipy.special import digamma, gammaln

from nas.config.search import SearchOptions
from nas.config.training import TrainSettings
from nas.registry import STRATEGIES
from nas.strategies.architecture_gradients import weights_of
from nas.strategies.beta_decay import beta_decay, weight_at
from nas.strategies.drnas import concentrations, drawn_weights, flat_divergence, mean_weights
from nas.strategies.operation_stopping import OperationStopping, candidate_weights
from nas.strategies.single_path import fair_paths
from tests.space.space_examples import tiny_space
from tests.strategies.test_differentiable_parts import batch, l1

INF = float("inf")


def made(name: str, steps: int = 4, **settings: Any) -> Any:
    options = SearchOptions.model_validate(settings)
    return STRATEGIES.get(name)(options, TrainSettings(steps=steps))


def prepared(strategy: Any) -> Any:
    torch.manual_seed(0)
    supernet = tiny_space().supernet("sr_x2", **strategy.supernet_options())
    strategy.prepare(supernet, l1)
    return supernet


def test_the_draws_of_dirichlet_rows_sum_to_one_and_have_the_mean_of_their_concentrations() -> None:
    alphas = torch.tensor([[0.5, -1.0, 2.0], [0.0, 0.3, -INF]])
    torch.manual_seed(0)
    draws = torch.stack([drawn_weights(alphas) for _ in range(1000)])
    torch.testing.assert_close(draws.sum(dim=2), torch.ones(1000, 2))
    torch.testing.assert_close(draws.mean(dim=0), mean_weights(alphas), atol=0.03, rtol=0)
    assert bool((draws[:, 1, 2] == 0).all()) and float(mean_weights(alphas)[1, 2]) == 0.0


def test_the_divergence_from_the_flat_dirichlet_is_that_of_the_formula() -> None:
    alphas = torch.tensor([[0.0, 0.0, 0.0], [1.0, -0.5, -INF]], dtype=torch.float64)
    c = concentrations(alphas)[1, :2].numpy()
    total = c.sum()  # Penny, KL-divergences of Normal, Gamma, Dirichlet and Wishart densities, 2001
    wanted = gammaln(total) - gammaln(c).sum() - gammaln(2) + ((c - 1) * (digamma(c) - digamma(total))).sum()
    torch.testing.assert_close(flat_divergence(alphas), torch.tensor([0.0, wanted], dtype=torch.float64))


def test_dirichlet_rows_learn_which_of_two_edges_candidates_has_the_smaller_loss() -> None:
    losses = torch.tensor([[1.0, 3.0, 2.0], [2.0, 1.0, 3.0]])  # of the two edges' candidates alone
    alphas = torch.zeros(2, 3, requires_grad=True)
    optimizer = torch.optim.Adam([alphas], lr=0.05)
    torch.manual_seed(0)
    for _ in range(150):
        optimizer.zero_grad()
        loss = (drawn_weights(alphas) * losses).sum() + 1e-3 * flat_divergence(alphas).mean()
        loss.backward()
        optimizer.step()
    assert alphas.argmax(dim=1).tolist() == [0, 1]
    assert float(mean_weights(alphas.detach())[0, 0]) > 0.6


def test_a_dirichlet_step_draws_once_for_each_pass_and_validates_with_the_mean() -> None:
    strategy = made("drnas")
    supernet = prepared(strategy)
    calm = supernet.mixtures()["operation"].candidates
    torch.testing.assert_close(calm, mean_weights(supernet.alphas("operation")))
    strategy.begin_pass(supernet)
    once, again = (supernet.mixtures()["operation"].candidates for _ in range(2))
    assert torch.equal(once, again) and not torch.equal(once, calm)
    assert "regularisation" in strategy.step(supernet, batch(0), batch(1))


def test_the_slope_of_beta_decay_is_the_softmax_and_its_weight_grows_to_the_end() -> None:
    alphas = torch.tensor([[0.3, -0.2, 1.0], [0.1, 0.0, -INF]], requires_grad=True)
    beta_decay(alphas).sum().backward()
    torch.testing.assert_close(alphas.grad, torch.softmax(alphas.detach(), dim=1))
    assert [weight_at(step, 5, 8.0) for step in range(6)] == [0.0, 2.0, 4.0, 6.0, 8.0, 8.0]


@pytest.mark.parametrize("name", ["darts", "pc_darts", "gdas", "drnas"])
def test_beta_decay_acts_on_every_gradient_strategy(name: str) -> None:
    def flat(forward: Any, images: Any) -> torch.Tensor:
        return forward(images[0]).sum() * 0.0  # no candidate is better than another

    moved = []
    for weight in (0.0, 50.0):
        strategy = made(name, beta_decay=weight, divergence=0.0, optimizer={"lr": 0.1, "weight_decay": 0.0})
        supernet = prepared(strategy)
        strategy.prepare(supernet, flat)
        before = supernet.raw_alphas("operation").detach().clone()
        values = [strategy.step(supernet, batch(seed), batch(seed + 5)) for seed in range(3)]
        moved.append((supernet.raw_alphas("operation") - before).detach())
        assert all(("regularisation" in v) is (weight > 0) for v in values)
    assert bool((moved[0] == 0).all())
    finite = torch.isfinite(supernet.alphas("operation"))
    assert bool((moved[1][finite] < 0).all())  # the slope is a softmax: positive everywhere


def test_a_candidate_stops_where_its_gradients_match_no_more() -> None:
    stopping = OperationStopping({"fits": [0], "overfits": [1, 2]}, threshold=0.3, every=2)
    training = [torch.tensor([1.0, 0.0]), torch.tensor([1.0]), torch.tensor([[2.0]])]
    search = [torch.tensor([1.0, 0.1]), torch.tensor([-1.0]), torch.tensor([[0.5]])]
    # the second candidate: (1, 2) against (-1, 0.5), a cosine of 0
    stopping.compare(training, search)
    assert not stopping.stopped
    stopping.compare(training, search)
    assert stopping.stopped == {"overfits"}
    kept = stopping.without_stopped(training)
    assert kept[0] is training[0] and kept[1] is None and kept[2] is None
    other = OperationStopping({"fits": [0], "overfits": [1, 2]}, 0.3, 2)
    other.load_state_dict(stopping.state_dict())
    assert other.state_dict() == stopping.state_dict()


def test_stopped_candidates_keep_their_weights_and_others_do_not() -> None:
    strategy = made("darts", oles=True, oles_threshold=1.0, oles_every=1)  # nothing matches that well
    supernet = prepared(strategy)
    names = candidate_weights(supernet, list(weights_of(supernet).values()))
    assert names and all(indices for indices in names.values())
    before = {n: w.detach().clone() for n, w in weights_of(supernet).items()}
    values = strategy.step(supernet, batch(0), batch(1))
    assert values["stopped_candidates"] == len(names)
    inside = {i for indices in names.values() for i in indices}
    moved = [not torch.equal(w, before[n]) for n, w in weights_of(supernet).items()]
    assert not any(moved[i] for i in inside) and any(m for i, m in enumerate(moved) if i not in inside)


def test_fair_paths_hold_every_choice_once() -> None:
    space = tiny_space()
    for seed in range(5):
        paths = [space.encode(path) for path in fair_paths(space, seed)]
        assert len(paths) == max(len(d.choices) for d in space.decisions)
        for index, decision in enumerate(space.decisions):
            counts = Counter(path[index] for path in paths)
            assert set(counts) == set(range(len(decision.choices)))
            assert len(decision.choices) < len(paths) or set(counts.values()) == {1}


def test_a_strictly_fair_step_moves_every_candidate_once() -> None:
    strategy = made("single_path", fairness="strict")
    supernet = prepared(strategy)
    before = {n: w.detach().clone() for n, w in weights_of(supernet).items()}
    assert strategy.step(supernet, batch(0), None)["loss"] > 0
    names = candidate_weights(supernet, list(weights_of(supernet).values()))
    weights = list(weights_of(supernet).items())
    for name, indices in names.items():
        assert any(not torch.equal(weights[i][1], before[weights[i][0]]) for i in indices), name
