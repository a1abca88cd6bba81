"""Adam in one operation moves parameters to the same bits as torch's fused Adam."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from nas.train.stacked_adam import StackedAdam, StackedAdamW

KINDS = [(torch.optim.Adam, StackedAdam), (torch.optim.AdamW, StackedAdamW)]


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in [(3,), (4, 2), (2, 2, 3, 3)]]


def step(optimizer: torch.optim.Optimizer, seed: int, without: int | None = None) -> None:
    generator = torch.Generator().manual_seed(seed)
    for i, p in enumerate(optimizer.param_groups[0]["params"]):
        grad = torch.randn(p.shape, generator=generator)
        p.grad = None if i == without else grad
    optimizer.step()


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: kinds[0].__name__)
@pytest.mark.parametrize("gap", [None, 0, 2])
def test_parameters_and_state_are_those_of_torch_to_the_bit(
    kinds: tuple[type[torch.optim.Optimizer], type[torch.optim.Optimizer]], gap: int | None
) -> None:
    made = [kind(parameters(), 0.01, weight_decay=1e-3, fused=True) for kind in kinds]  # type: ignore[call-arg]
    for optimizer in made:
        for seed in range(5):
            optimizer.param_groups[0]["lr"] = 0.01 / (seed + 1)
            step(optimizer, seed, without=1 if seed == gap else None)
    one, other = (optimizer.state_dict() for optimizer in made)
    assert one["param_groups"] == other["param_groups"]
    for i, state in one["state"].items():
        assert state.keys() == other["state"][i].keys()
        assert all(torch.equal(state[name], other["state"][i][name]) for name in state)
    pairs = zip(*(o.param_groups[0]["params"] for o in made), strict=True)
    assert all(torch.equal(p, q) for p, q in pairs)


def test_a_loaded_state_continues_to_the_same_bits() -> None:
    whole, first = StackedAdam(parameters(), 0.01, fused=True), StackedAdam(parameters(), 0.01, fused=True)
    for seed in range(6):
        step(whole, seed)
    for seed in range(3):
        step(first, seed)
    moved = [p.detach().clone().requires_grad_() for p in first.param_groups[0]["params"]]
    second = StackedAdam(moved, 0.01, fused=True)
    step(second, 9)  # its own lists are made
    with torch.no_grad():
        for p, q in zip(moved, first.param_groups[0]["params"], strict=True):
            p.copy_(q)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for seed in range(3, 6):
        step(second, seed)
    assert all(torch.equal(p, q) for p, q in zip(moved, whole.param_groups[0]["params"], strict=True))
