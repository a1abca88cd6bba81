"""The best validation of a training so far, by one of its values, and how long ago it was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.evaluation.further_metrics import lower_is_better


class Best:
    """Which validation was best by ``train.monitor``, and whether patience has run out.

    Attributes:
        value: The best value; None before the first validation.
        step: Its step.
        since: Validations after it.
    """

    def __init__(self, train: TrainSettings) -> None:
        self._train = train
        self._sign = -1.0 if lower_is_better(train.monitor) else 1.0
        self.value: float | None = None
        self.step = self.since = 0

    def consider(self, step: int, scores: Mapping[str, float]) -> bool:
        """Take note of a validation.

        Args:
            step: Steps done.
            scores: Its values.

        Returns:
            Whether it is the best so far; of equal ones the first is.

        Raises:
            UsageError: ``train.monitor`` is not among the scores.
        """
        if self._train.monitor not in scores:
            raise UsageError(
                f"train.monitor {self._train.monitor!r} is not among the values of a validation: {', '.join(scores)}"
            )
        value = scores[self._train.monitor]
        better = not math.isnan(value) and (self.value is None or self._sign * value > self._sign * self.value)
        if better:
            self.value, self.step, self.since = value, step, 0
        else:
            self.since += 1
        return better

    @property
    def stop(self) -> str:
        """Why the run ends by ``train.patience``; "" if it does not."""
        patience = self._train.patience
        if patience is None or self.since < patience:
            return ""
        times = "1 validation" if patience == 1 else f"{patience} validations"
        return f"{self._train.monitor} has not become better for {times} since step {self.step} (train.patience)"

    def state_dict(self) -> dict[str, Any]:
        """Plain values; {} before the first validation."""
        return {} if self.value is None else {"value": self.value, "step": self.step, "since": self.since}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        if state:
            self.value, self.step, self.since = state["value"], int(state["step"]), int(state["since"])
