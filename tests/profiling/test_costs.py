"""Costs have the closed forms of the layers they count, and the published sizes of the released networks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nas
from nas.errors import NasError, UsageError
from nas.models.descriptor import ModelDescriptor
from nas.profiling.costs import Costs, costs_for_task, count_costs


def described(model: nn.Module, **facts: object) -> nn.Module:
    model.descriptor = ModelDescriptor("toy", **facts)  # type: ignore
    return model


def hooked(model: nn.Module, x: Tensor) -> int:
    """An independent count: hooks on the convolution modules of a real run."""
    total = 0

    def add(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        positions = inputs[0] if isinstance(module, nn.ConvTranspose2d) else out
        total += positions[0, 0].numel() * module.weight.numel()  # type: ignore[operator, union-attr]

    handles = [m.register_forward_hook(add) for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return total


LAYERS = {
    "plain": lambda: nn.Conv2d(3, 8, 3, padding=1),
    "strided": lambda: nn.Conv2d(3, 8, 3, stride=2),
    "grouped": lambda: nn.Conv2d(3, 6, 5, padding=2, groups=3),
    "dilated": lambda: nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3),
    "transposed": lambda: nn.ConvTranspose2d(3, 9, 4, stride=2, padding=1, groups=3),
    "shuffled": lambda: nn.Sequential(nn.Conv2d(3, 12, 1), nn.PixelShuffle(2), nn.Conv2d(3, 3, (1, 3))),
}


@pytest.mark.parametrize("name", LAYERS)
def test_convolutions_agree_with_hooks_and_with_torchs_own_counter(name: str) -> None:
    model = LAYERS[name]()
    costs = count_costs(model, 17, 22, 3)
    assert costs.exact
    assert costs.multiply_adds_conv == costs.multiply_adds_total == hooked(model, torch.zeros(1, 3, 17, 22))


def test_one_convolution_has_its_closed_form() -> None:
    costs = count_costs(nn.Conv2d(3, 8, 3, padding=1), 10, 12, 3)
    assert costs == Costs(
        parameters=3 * 8 * 9 + 8,
        trainable_parameters=224,
        multiply_adds_conv=120 * 216,
        multiply_adds_total=120 * 216,
        activations=120 * 8,
        convolutions=1,
        output_size="12x10",
    )


def test_functional_convolutions_and_matrix_products_are_seen() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(4, 3, 1, 1))

        def forward(self, x: Tensor) -> Tensor:
            y = F.conv2d(x, self.weight)
            rows = F.unfold(y, 2, stride=2)  # (1, 16, P)
            return torch.einsum("bcp,bcq->bpq", rows, rows)[:, None]

    costs = count_costs(Mixed(), 8, 6, 3)
    assert costs.multiply_adds_conv == 48 * 12
    assert costs.multiply_adds_total == 48 * 12 + 16 * 12 * 12
    assert costs.convolutions == 1


def test_frozen_parameters_count_but_are_not_trainable() -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    model[0].requires_grad_(False)
    costs = count_costs(model, 4, 4, 3)
    assert (costs.parameters, costs.trainable_parameters) == (24, 12)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weight_norm_counts_gain_and_direction_also_after_a_forward_pass() -> None:
    old = torch.nn.utils.weight_norm(nn.Conv2d(3, 8, 3))
    old(torch.zeros(1, 3, 5, 5))  # leaves a computed weight behind, which deepcopy refuses
    new = torch.nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3))
    for model in (old, new):
        costs = count_costs(model, 9, 9, 3)
        assert costs.parameters == 8 * 27 + 8 + 8
        assert costs.multiply_adds_conv == 49 * 216


def test_counting_leaves_the_model_usable_and_unchanged() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    count_costs(model, 16, 16, 3)
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert type(model(torch.zeros(2, 3, 8, 8))) is Tensor


def test_the_input_is_rounded_up_to_what_the_descriptor_allows() -> None:
    model = described(nn.Conv2d(1, 1, 1, bias=False), channels=1, size_multiple=8, min_size=16)
    assert count_costs(model, 9, 17).output_size == "24x16"
    assert count_costs(model, 9, 17).multiply_adds_conv == 16 * 24


def test_a_network_that_looks_at_values_is_scaled_from_a_smaller_real_run() -> None:
    class Looking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x if float(x.max()) > 0 else -x)

    costs = count_costs(described(Looking()), 720, 1280)
    assert not costs.exact
    assert costs.output_size == "1280x720"
    assert costs.multiply_adds_conv == 720 * 1280 * 135


def test_costs_of_a_task_are_for_its_output_size_rounded_down() -> None:
    model = described(nn.Sequential(nn.Conv2d(3, 27, 1, bias=False), nn.PixelShuffle(3)), scale=3)
    costs = costs_for_task(model, SimpleNamespace(cost_output=(720, 1280)))
    assert costs.output_size == "1278x720"
    assert costs.multiply_adds_conv == 426 * 240 * 81


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(UsageError, match="positive"):
        count_costs(nn.Conv2d(3, 3, 1), 0, 5, 3)
    with pytest.raises(UsageError, match="descriptor"):
        count_costs(nn.Conv2d(3, 3, 1), 5, 5)
    with pytest.raises(NasError, match="failed on"):
        count_costs(nn.Conv2d(4, 3, 1), 5, 5, 3)


@pytest.mark.parametrize(
    ("scale", "parameters", "giga", "output"),
    [(2, 476_467, 104.75, "1280x720"), (3, 522_707, 51.64, "1278x720"), (4, 513_459, 35.28, "1280x720")],
)
def test_the_released_network_has_its_published_size(scale: int, parameters: int, giga: float, output: str) -> None:
    from nas.space import load_genotype

    network = nas.load_space("jsm").network(load_genotype("jsnet_released"), f"sr_x{scale}")
    costs = costs_for_task(network, SimpleNamespace(cost_output=(720, 1280)))
    assert costs.parameters == parameters
    assert round(costs.multiply_adds_conv / 1e9, 2) == giga
    assert (costs.output_size, costs.exact) == (output, True)
