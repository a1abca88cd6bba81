"""Metrics beside PSNR and the SSIM of the protocol: the registered ones, by the name that users type.

A plug-in or a package of one's own adds a metric by ``nas.registry.METRICS.add(name, Metric(...))``; of a package, the
entry points ``nas.metrics`` name modules whose function ``provide()`` does that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nas.errors import NasError, UsageError
from nas.evaluation import metrics
from nas.registry import METRICS

if TYPE_CHECKING:
    from nas.tasks import Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A measure of a restored image against its reference.

    Attributes:
        measure: (restored, reference, task) -> a number. The images are arrays (H, W) or (H, W, 3) in RGB order on
            0..255 without the border that the protocol of the task removes, uint8 or, where the protocol does not
            round, float32.
        better: Whether more of it is better, or less.
    """

    measure: Callable[[Array, Array, Task], float]
    better: Literal["higher", "lower"] = "higher"


def check_metrics(names: Iterable[str]) -> None:
    """Raise UsageError where a metric is not registered, or is PSNR, which is always measured."""
    for name in names:
        if name == "psnr":
            raise UsageError("PSNR is always measured; leave 'psnr' out of the further metrics")
        METRICS.get(name)


def further_values(names: Sequence[str], restored: Array, target: Array, task: Task) -> dict[str, float]:
    """The values of registered metrics on one image.

    Args:
        names: The metrics.
        restored: (H, W[, C]) on 0..255, with its border.
        target: Of the same shape.
        task: What was restored.

    Raises:
        NasError: A metric did not return a number.
    """
    border = task.protocol.border
    inner = [x[border : x.shape[0] - border, border : x.shape[1] - border] for x in (restored, target)]
    found = {}
    for name in names:
        value = METRICS.get(name).measure(*inner, task)
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            raise NasError(f"the metric {name!r} returned {type(value).__name__} instead of a number") from None
    return found


def mean_values(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over images; those that are infinite (a perfect image) are left out as in a mean PSNR."""
    means = {}
    for name in found[0] if found else ():
        finite = [values[name] for values in found if not math.isinf(values[name])]
        means[name] = float(np.mean(finite)) if finite else math.inf
    return means


def lower_is_better(name: str) -> bool:
    """Whether less of a value of a validation is better; a name that is no metric stands for a PSNR."""
    return name in METRICS and METRICS.get(name).better == "lower"


def _ssim(restored: Array, target: Array, task: Task) -> float:
    return metrics.ssim(restored, target, luma=task.protocol.luma == "y", data_range=255)


def _mae(restored: Array, target: Array, task: Task) -> float:
    return float(np.mean(np.abs(restored.astype(np.float64) - target)))


METRICS.add("ssim", Metric(_ssim))
METRICS.add("mae", Metric(_mae, better="lower"))
