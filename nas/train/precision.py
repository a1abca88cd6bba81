"""Training in half precision: bfloat16, or float16 with a scaled loss."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler

from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.train.finite import NonFiniteError, all_finite

#: scale below which a gradient that is not finite is no matter of the scale any more
LEAST_SCALE = 2.0**-10


def autocast(device: str, train: TrainSettings) -> torch.autocast:
    """The autocast of the settings on the given device, or a context that does nothing."""
    dtype = torch.float16 if train.fp16 else torch.bfloat16
    return torch.autocast(torch.device(device).type, dtype, enabled=train.bf16 or train.fp16)


def check_precision(train: TrainSettings) -> None:
    """Raise UsageError where both number types are asked for."""
    if train.bf16 and train.fp16:
        raise UsageError("train.bf16 and train.fp16 exclude each other; leave one of the two out")


class ScaledSteps:
    """Steps along gradients of a scaled loss, by ``torch.amp.GradScaler``; without float16 the scale is one.

    Small gradients vanish in float16, so the loss is multiplied by a scale before ``backward`` and the gradients are
    divided by it afterwards. A step whose gradients overflow is left out and the scale halved; after 2,000 steps
    without that it is doubled.

    Attributes:
        moved: Whether the last ``step`` of an optimiser was taken.
    """

    def __init__(self, device: str, train: TrainSettings) -> None:
        self._scaler = GradScaler(torch.device(device).type) if train.fp16 else None
        self.moved = True

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss whose gradients are to be taken."""
        return loss if self._scaler is None else self._scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients of an optimiser by the scale, so that they can be added to and clipped."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer, loss: float | Tensor, what: str = "the weights") -> None:
        """One step of an optimiser whose gradients were unscaled, unless they overflowed; call ``update`` afterwards.

        Args:
            optimizer: The optimiser.
            loss: The loss of the step; one that is not finite is no matter of the scale.
            what: What the optimiser updates, for messages.

        Raises:
            NonFiniteError: The loss is not finite, or the gradient is not, although the scale is small by now.
        """
        scaler = self._scaler
        if scaler is None:
            try:
                optimizer.step()
            except NonFiniteError as error:
                raise error.of_loss(float(loss)) from None
            return
        gradients = (p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
        self.moved = all_finite(gradients)
        if not self.moved and (not math.isfinite(loss) or scaler.get_scale() < LEAST_SCALE):
            scaler.update()
            raise NonFiniteError(f"the gradient of {what} is not finite").of_loss(float(loss))
        if self.moved:  # else nothing is to be done, and a fused optimiser would not leave it by itself
            scaler.step(optimizer)

    def update(self) -> None:
        """Adapt the scale; once after the steps of all optimisers."""
        if self._scaler is not None:
            self._scaler.update()

    def values(self) -> dict[str, float]:
        """The scale, for the log; {} without one."""
        return {} if self._scaler is None else {"loss_scale": self._scaler.get_scale()}

    def state_dict(self) -> dict[str, Any]:
        """The scale and how long it has stood, as ``{"scaler": ...}``; {} without one."""
        return {} if self._scaler is None else {"scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``; a state of a training without a scale leaves the present one as it is."""
        if self._scaler is not None and "scaler" in state:
            self._scaler.load_state_dict(state["scaler"])
