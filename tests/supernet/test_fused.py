"""The fused form of mixed edges has the values and gradients of the plain one, over spaces, blocks and relaxations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.space import load_space
from nas.space.blocks import BLOCKS, BlockInfo
from nas.supernet import MixedAttention, MixedOperation, Mixture
from nas.supernet.fused import FusedEdges

OPERATIONS = ("none", "skip_connect", "sep_conv_3x3", "dil_conv_3x3", "rb", "lrb", "srb", "acb")
ATTENTIONS = tuple(BLOCKS["attention"].names())
#: candidates of the space jsm by the role of the cell
JSM = {cell.role: cell.edges[0].candidates for cell in load_space("jsm").cells.values()}


def drawn(module: nn.Module, seed: int = 0) -> Any:
    """Parameters away from their initial values, so that no gradient is zero by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            spread = 0.5 if name.startswith(("alphas", "betas")) else 0.05
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * spread)
    return module


def value_and_gradients(supernet: Any, x: Tensor, target: Tensor) -> tuple[Tensor, list[Tensor]]:
    y = supernet(x)
    trained = [p for p in supernet.parameters() if p.requires_grad]
    return y, list(torch.autograd.grad((y - target).abs().mean(), trained, allow_unused=True, materialize_grads=True))


def worst(expected: list[Tensor], found: list[Tensor]) -> float:
    """The largest difference of two lists of tensors, relative to the largest value of each."""
    # one that is zero but for rounding (a bias before a softmax) is compared on the scale of all
    least = 1e-6 * max(float(e.detach().abs().max()) for e in expected)
    return max(
        float((e - f).detach().abs().max()) / max(float(e.detach().abs().max()), least)
        for e, f in zip(expected, found, strict=True)
    )


def gap(supernet: Any, x: Tensor) -> tuple[float, float]:
    """Relative differences of the plain and the fused form: of values, and of all gradients."""
    scale = supernet.descriptor.scale
    target = torch.rand(*x.shape[:2], x.shape[2] * scale, x.shape[3] * scale, dtype=x.dtype) * 255
    supernet.fused = False
    y, slopes = value_and_gradients(supernet, x, target)
    supernet.fused = True
    z, others = value_and_gradients(supernet, x, target)
    return worst([y], [z]), worst(slopes, others)


@st.composite
def spaces(draw: st.DrawFn) -> dict[str, Any]:
    """Overrides of the space jsm: graphs, candidates, widths, relaxations."""
    width = draw(st.sampled_from([8, 16]))
    overrides: dict[str, Any] = {"network.cells": draw(st.integers(1, 2)), "network.width": width}
    for cell, blocks in (("operation", OPERATIONS), ("attention", ATTENTIONS)):
        nodes = draw(st.integers(2 if cell == "attention" else 3 if width == 8 else 2, 3))
        some = st.lists(st.sampled_from(blocks), min_size=1, max_size=4, unique=True).filter(lambda c: c != ["none"])
        overrides[f"cells.{cell}.nodes"] = nodes
        overrides[f"cells.{cell}.inputs"] = [
            sorted(draw(st.sets(st.integers(0, node - 1))) | {node - 1}) for node in range(1, nodes + 1)
        ]
        overrides[f"cells.{cell}.candidates"] = draw(some)
        first = f"{overrides[f'cells.{cell}.inputs'][0][0]}->1"
        overrides[f"cells.{cell}.edges"] = draw(st.sampled_from([{}, {first: draw(some)}]))
        overrides[f"cells.{cell}.merge"] = draw(st.sampled_from(["sum", "mean"]))
        overrides[f"cells.{cell}.relaxation.edge_weights"] = draw(st.booleans())
    overrides["cells.operation.relaxation.partial_channels"] = draw(st.sampled_from([1, 2, 4]))
    return overrides


@settings(max_examples=6)
@given(spaces(), st.sampled_from([torch.contiguous_format, torch.channels_last]), st.booleans())
def test_values_and_all_gradients_are_those_of_the_plain_form(
    overrides: dict[str, Any], memory: torch.memory_format, derived_fusion: bool
) -> None:
    torch.manual_seed(0)
    supernet = load_space("jsm", overrides=overrides).supernet("sr_x2", derived_fusion=derived_fusion)
    supernet = drawn(supernet.double()).to(memory_format=memory)
    x = torch.rand(1, 3, 16, 17, dtype=torch.float64) * 255
    values, gradients = gap(supernet, x.contiguous(memory_format=memory))
    assert values < 1e-12
    assert gradients < 1e-9


def test_in_single_precision_both_forms_are_equally_far_from_the_exact_result() -> None:
    torch.manual_seed(0)
    supernet = drawn(load_space("jsm", overrides={"network.cells": 2}).supernet("sr_x2").double())
    single = copy.deepcopy(supernet).float()
    x, target = torch.rand(2, 3, 18, 16, dtype=torch.float64) * 255, torch.rand(2, 3, 36, 32, dtype=torch.float64) * 255
    exact, slopes = value_and_gradients(supernet, x, target)
    errors = {}
    for form in (False, True):
        single.fused = form
        y, found = value_and_gradients(single, x.float(), target.float())
        norms = [float((s - f.double()).norm()) for s, f in zip(slopes, found, strict=True)]
        errors[form] = float((exact - y.double()).detach().norm()), sum(n**2 for n in norms) ** 0.5
    # rounding errors of sums in another order: of the same size, within a factor that chance explains
    assert errors[True][0] < 5 * errors[False][0]
    assert errors[True][1] < 5 * errors[False][1]


# ------------------------------------------------------------------ blocks that are read, and those that are not


class Squeeze(nn.Module):
    """A gate among operations, with a hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.nn.functional.hardsigmoid(self.conv(x.mean((2, 3), keepdim=True)))


class OnePlus(Squeeze):
    """A gate around one, and the input beside it."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (1 + 0.5 * torch.sigmoid(self.conv(x))) * x - 2 * x


class Pooled(Squeeze):
    """Layers of other kinds, a strided path, and a product of two branches."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.down = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.layers = nn.Sequential(nn.GELU(), nn.MaxPool2d(3, 1, 1), nn.Conv2d(2 * channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        y = torch.nn.functional.interpolate(self.layers(self.down(x)), size=(height, width), mode="nearest")
        return self.conv(x * y) - 0.5 * y


class Reshaped(Squeeze):
    """What no rule knows: it is run as it is."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).flatten(2).softmax(2).view_as(x)


class Normalised(Squeeze):
    """Batch normalisation sees all pixels of a batch: it is run as it is, and its statistics move once a pass."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Branching(Squeeze):
    """It branches on values."""

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) if float(x.sum()) > 0 else -self.conv(x)


OWN = [Squeeze, OnePlus, Pooled, Reshaped, Normalised, Branching]


def info(factory: Callable[[int], nn.Module]) -> BlockInfo:
    return BlockInfo(factory.__name__, "operation", factory)


def edge_results(edges: list[Any], sources: list[int], mixture: Mixture, nodes: list[Tensor]) -> list[Tensor]:
    """What each edge contributes, one by one."""
    mixed = [edge(nodes[s], mixture.candidates[e]) for e, (edge, s) in enumerate(zip(edges, sources, strict=True))]
    return mixed if mixture.edges is None else [w * m for w, m in zip(mixture.edges, mixed, strict=True)]


@pytest.mark.parametrize("partial", [1, 2])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("names", [*[(f,) for f in OWN], ("rb", "acb", "skip_connect"), ("rb", *OWN)], ids=str)
def test_any_mixture_of_blocks_gives_what_its_edges_give_one_by_one(
    names: tuple[Any, ...], weighted: bool, partial: int
) -> None:
    infos = [BLOCKS["operation"].get(n) if isinstance(n, str) else info(n) for n in names]
    edges = [MixedOperation(infos, 8, partial).double() for _ in range(3)]
    sources = [0, 0, 1]
    nodes = [torch.rand(2, 8, 9, 8, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    candidates = torch.rand(3, len(infos), dtype=torch.float64, requires_grad=True)
    weights = torch.rand(3, dtype=torch.float64, requires_grad=True)
    mixture = Mixture(candidates, weights if weighted else None)
    leaving = FusedEdges([[e.as_edge(s) for e, s in zip(edges, sources, strict=True)]]).prepare(mixture)
    found = leaving.run(0, 0, nodes[0]) | leaving.run(0, 1, nodes[1])
    expected = edge_results(edges, sources, mixture, nodes)
    assert sorted(found) == [0, 1, 2]
    wanted = [*nodes, candidates, *([weights] if weighted else []), *[p for e in edges for p in e.parameters()]]
    slopes = [
        torch.autograd.grad(sum((r**2).sum() for r in results), wanted, allow_unused=True, materialize_grads=True)
        for results in ([found[e] for e in range(3)], expected)
    ]
    assert worst(expected, [found[e] for e in range(3)]) < 1e-12
    assert worst(list(slopes[1]), list(slopes[0])) < 1e-9


def test_a_block_that_is_not_read_is_run_once_a_pass() -> None:
    edge = MixedOperation([info(Normalised), BLOCKS["operation"].get("rb")], 8)
    leaving = FusedEdges([[edge.as_edge(0)]]).prepare(Mixture(torch.rand(1, 2)))
    leaving.run(0, 0, torch.rand(2, 8, 6, 6))
    assert int(edge.ops[0].norm.num_batches_tracked) == 1


COMPOSITES = ("pa_sa_cascade", "ca_sa_cascade", "ca_sa_parallel", "sa_ca_dual")


@pytest.mark.parametrize("name", ["acb", *COMPOSITES, *JSM["operation"], *JSM["attention"]])
def test_blocks_of_convolutions_and_gates_are_read(name: str) -> None:
    role = "operation" if name in OPERATIONS else "attention"
    kind = MixedOperation if role == "operation" else MixedAttention
    edge = kind([BLOCKS[role].get(name)], 32)
    [family] = FusedEdges([[edge.as_edge(0)]])._families
    assert family.plan.plain == []


# ------------------------------------------------------------------ the supernet around it


def small(**options: Any) -> Any:
    torch.manual_seed(0)
    return drawn(load_space("jsm", overrides={"network.cells": 1}).supernet("sr_x2", **options))


def test_both_forms_have_the_same_parameters_and_load_each_others_files() -> None:
    plain, fused = small(fused=False), small(fused=True)
    x = torch.rand(1, 3, 16, 16) * 255
    fused(x)
    assert [n for n, _ in plain.named_parameters()] == [n for n, _ in fused.named_parameters()]
    assert plain.state_dict().keys() == fused.state_dict().keys()
    drawn(plain, seed=1)
    fused.load_state_dict(plain.state_dict())
    torch.testing.assert_close(fused(x), plain(x), atol=2e-3, rtol=1e-5)


def test_second_derivatives_are_those_of_the_plain_form() -> None:
    supernet = small().double()
    x = torch.rand(1, 3, 15, 16, dtype=torch.float64) * 255
    results = []
    for form in (False, True):
        supernet.fused = form
        weights = supernet.weight_parameters()
        y = supernet(x).square().mean()
        slopes = torch.autograd.grad(y, weights, create_graph=True, allow_unused=True, materialize_grads=True)
        total = sum((s * torch.cos(torch.arange(s.numel(), dtype=s.dtype)).view_as(s)).sum() for s in slopes)
        results.append(list(torch.autograd.grad(total, supernet.arch_parameters())))
    assert worst(*results) < 1e-9


def test_chosen_candidates_run_alone() -> None:
    supernet = small()
    ran: list[nn.Module] = []
    for edge in supernet.cells[0].ops:
        for block in edge.ops:
            block.register_forward_hook(lambda module, given, result: ran.append(module))
    with supernet.discretised():
        supernet(torch.rand(1, 3, 16, 16))
    assert len(ran) == len(supernet.cells[0].ops)


def test_under_bfloat16_autocast_both_forms_are_equally_near_to_single_precision() -> None:
    supernet = small()
    x = torch.rand(2, 3, 16, 16) * 255
    supernet.fused = False
    exact = supernet(x)
    errors = {}
    for form in (False, True):
        supernet.fused = form
        with torch.autocast("cpu", torch.bfloat16):
            y = supernet(x)
        y.float().mean().backward()
        errors[form] = float((y.float() - exact).detach().norm())
        assert all(p.grad is None or bool(torch.isfinite(p.grad).all()) for p in supernet.parameters())
    assert errors[True] < 2 * errors[False]


@pytest.mark.parametrize("space", ["jsm", "jsm_modern"])
def test_a_supernet_that_is_validated_before_its_first_step_can_be_trained(space: str) -> None:
    """As in a run that is resumed where its validation is due."""
    image, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 32, 32)

    def made() -> Any:
        torch.manual_seed(0)
        return drawn(load_space(space, overrides={"network.cells": 1}).supernet("sr_x2"))

    expected = value_and_gradients(made(), image, target)[1]
    validated = made()
    with torch.inference_mode():
        validated(image)
    found = value_and_gradients(validated, image, target)[1]
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
