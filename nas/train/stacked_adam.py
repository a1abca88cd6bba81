"""Adam in one operation for all parameters, without what torch does for each of them in every step."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor


class _OneOperation(torch.optim.Optimizer):
    """Torch's fused Adam with lists that are kept and counters that are views of one tensor.

    A supernet has thousands of small parameters; torch looks each of them up and counts its steps up by itself, which
    takes longer than the update. Values, and the names and shapes of the state, are those of torch. What is not the
    usual case (a parameter without a gradient, the first step, a device of its own kernels) is left to torch.
    """

    operation: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: list[tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], Tensor] | None] = []

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As torch does it, also when it loads a state."""
        super().__setstate__(state)
        self._kept = []

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch does it."""
        super().add_param_group(param_group)
        self._kept = []

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step along the gradients."""
        grads = [[p.grad for p in group["params"]] for group in self.param_groups]
        update = getattr(torch, self.operation, None)
        if closure is not None or update is None or any(g is None for each in grads for g in each):
            return super().step(closure)
        if not self._kept:
            self._kept = [self._lists(group) for group in self.param_groups]
        if any(kept is None for kept in self._kept):
            self._kept = []
            return super().step(closure)
        for group, own, kept in zip(self.param_groups, grads, self._kept, strict=True):
            assert kept is not None
            params, averages, squares, counters, counter = kept
            counter += 1.0
            update(
                *(params, own, averages, squares, [], counters),
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )
        return None

    def _lists(
        self, group: dict[str, Any]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor], Tensor] | None:
        """Parameters, moments and counters of a group, and the tensor of all counters; None if that is not possible."""
        params = list(group["params"])
        states = [self.state.get(p, {}) for p in params]
        kinds = {(p.device.type, p.dtype) for p in params}
        if group["amsgrad"] or not all(states) or len(kinds) != 1 or next(iter(kinds))[0] != "cpu":
            return None
        counter = torch.stack([state["step"] for state in states])
        for state, own in zip(states, counter.unbind(), strict=True):
            state["step"] = own
        counters = [state["step"] for state in states]
        return params, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states], counters, counter


class StackedAdam(_OneOperation, torch.optim.Adam):
    """Adam."""

    operation = "_fused_adam_"


class StackedAdamW(_OneOperation, torch.optim.AdamW):
    """Adam with decay of the weights."""

    operation = "_fused_adamw_"
