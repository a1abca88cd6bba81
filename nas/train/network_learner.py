"""A network under a loss: the learner of retraining, for derived networks and baselines alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from nas.config.training import TrainSettings
from nas.models.calling import descriptor_of
from nas.train import distributed
from nas.train.accumulation import mean_of, means_of, parts_of
from nas.train.finite import infinite_constants
from nas.train.optimizers import make_optimizer, restore_optimizer
from nas.train.precision import ScaledSteps, autocast
from nas.train.schedules import learning_rate

if TYPE_CHECKING:
    from nas.models.baseline import Criterion

M = TypeVar("M", bound=nn.Module)

#: first step -> the batches from that step on, as (degraded, target) on 0..255
BatchStream = Callable[[int], Iterator[tuple[Tensor, Tensor]]]


def place(model: M, device: str, memory: torch.memory_format) -> M:
    """Move a network to a device and lay its four-dimensional tensors out in the given order of memory; in place."""
    model.to(device=device, memory_format=memory)  # type: ignore[call-overload]  # torch's types lack memory_format
    return model


class NetworkLearner:
    """Adam on a network's trainable parameters, with optional averaged weights for validation and the end.

    Attributes:
        model: The network, on its device.
        stopped: "", always: a training ends by its steps or its time (see ``nas.train.loop.Learner``).
    """

    stopped = ""

    def __init__(
        self,
        model: nn.Module,
        criterion: Criterion,
        batches: BatchStream,
        settings: TrainSettings,
        device: str,
        validate: Callable[[nn.Module], dict[str, float]],
        clock: Callable[[int], tuple[int, int]] | None = None,
    ) -> None:
        """Move the model to its device and make its optimiser.

        Args:
            model: The network, with a descriptor.
            criterion: Its loss.
            batches: Where its training images come from.
            settings: Optimiser, schedule and the like.
            device: Name of a torch device.
            validate: Scores of a network, {} where nothing is held out.
            clock: Step -> (time, length of the training) in the unit of the schedule; None counts steps.
        """
        memory = torch.channels_last if settings.channels_last else torch.contiguous_format
        model = distributed.synchronised(model, device)
        self.model = place(model, device, memory)
        self.settings, self.device = settings, device
        self._memory = memory
        self._criterion, self._batches, self._validate = criterion, batches, validate
        self._clock = clock or (lambda step: (step, settings.steps))
        self._range = float(descriptor_of(model).value_range)
        self._parameters = [p for p in model.parameters() if p.requires_grad]
        self._statistics = distributed.running_statistics(model)
        chosen = settings.optimizer
        self._optimizer = make_optimizer(self._parameters, chosen)
        self._steps = ScaledSteps(device, settings)
        self._average = {k: v.detach().clone() for k, v in model.state_dict().items()} if settings.ema else None
        # a mean of infinities is NaN
        self._constants = infinite_constants(self._average)
        self._forward: Callable[..., Any] = torch.compile(self.model) if settings.compile else self.model

    def begin(self, step: int) -> None:
        """Open the stream of batches at ``step``."""
        self._stream = self._batches(step)
        self.model.train()

    def step(self, step: int) -> dict[str, float]:
        """One update; returns the loss (on 0..255 unless the criterion says otherwise), its terms and the rate."""
        settings = self.settings
        rate = learning_rate(settings.schedule, settings.optimizer.lr, *self._clock(step))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        batch = self._to_device(next(self._stream))
        self._optimizer.zero_grad(set_to_none=True)
        found = [self._gradients(*part, step) for part in parts_of(batch, settings.accumulate)]
        loss, parts = mean_of([loss for loss, _ in found]), means_of([parts for _, parts in found])
        slopes = [p.grad for p in self._parameters if p.grad is not None]
        distributed.average([*slopes, *self._statistics])
        self._steps.unscale(self._optimizer)
        if settings.clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, settings.clip)
        self._steps.step(self._optimizer, loss)
        self._steps.update()
        if self._steps.moved:
            self._update_average()
        return {"loss": loss, "lr": rate, **parts, **self._steps.values()}

    def _to_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """A batch on the device and the value range of the network."""
        degraded, target = batch
        scale = self._range / 255.0
        degraded = (degraded * scale).to(self.device, memory_format=self._memory)
        return degraded, (target * scale).to(self.device)

    def _gradients(self, degraded: Tensor, target: Tensor, step: int) -> tuple[float, dict[str, float]]:
        """Add the gradients of a part of the batch; returns its loss and the terms of it."""
        with autocast(self.device, self.settings):
            outputs = self._forward(degraded)
        loss, parts = self._criterion(outputs, degraded, target, step)
        share = loss if self.settings.accumulate == 1 else loss / self.settings.accumulate
        self._steps.scaled(share).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), parts

    def _update_average(self) -> None:
        if self._average is None:
            return
        decay = float(self.settings.ema or 0.0)
        for name, value in self.model.state_dict().items():
            if value.is_floating_point() and name not in self._constants:
                self._average[name].lerp_(value.detach(), 1 - decay)
            else:
                self._average[name].copy_(value)

    def images(self, step: int) -> list[str]:
        """Names of the images in the batch of ``step``, where the source of the batches knows them."""
        named = getattr(self._batches, "images", None)
        return list(named(step)) if named is not None else []

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """No further events."""
        return iter(())

    def final_state(self) -> dict[str, Tensor]:
        """The weights to keep: averaged ones when averaging is on."""
        return self._average if self._average is not None else self.model.state_dict()

    def validate(self, step: int) -> dict[str, float]:
        """Scores of the weights to keep, averaged ones when averaging is on."""
        if self._average is None:
            scores = self._validate(self.model)
        else:
            own = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
            self.model.load_state_dict(self._average)
            scores = self._validate(self.model)
            self.model.load_state_dict(own)
        self.model.train()
        return scores

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, averaged weights and, of float16, the scale of the loss."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average,
            **self._steps.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self.model.load_state_dict(state["model"])
        restore_optimizer(self._optimizer, state["optimizer"])
        self._steps.load_state_dict(state)
        average = state["average"]
        self._average = None if average is None else {k: v.to(self.device) for k, v in average.items()}
