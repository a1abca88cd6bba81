"""Losses on the restored image, on the scale 0..255: the registered ones, and sums of them.

A plug-in or a package of one's own adds a loss by ``nas.registry.LOSSES.add(name, loss)``; of a package, the entry
points ``nas.losses`` name modules whose function ``provide()`` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import UsageError
from nas.models.baseline import Criterion
from nas.models.calling import final_image
from nas.registry import LOSSES

#: (restored, clean), both float32 (N, C, H, W) on 0..255 -> a scalar with gradient, a mean over the images
Loss = Callable[[Tensor, Tensor], Tensor]
#: the name of a registered loss, or several with their weights
Chosen = str | Mapping[str, float]
#: losses that may stand in a configuration beside the loss of a model's own, as its pixel loss or as the default
GENERAL = ("l1", "l2", "charbonnier")
_WINDOW, _SIGMA = 11, 1.5


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error."""
    return F.l1_loss(output, target)


def l2(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return F.mse_loss(output, target)


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(error^2 + epsilon^2) with epsilon = 1e-3 * 255 (Lai et al., TPAMI 2018)."""
    epsilon = 1e-3 * 255
    return torch.sqrt((output - target) ** 2 + epsilon**2).mean()


def fourier(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of the real two-dimensional Fourier transform, not normalised (SMFANet).

    Real and imaginary parts count as values of their own.
    """
    # the transform is linear, so that of the difference is the difference of the transforms
    return torch.view_as_real(torch.fft.rfft2(output - target)).abs().mean()


def ssim_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM of each channel (Wang et al., TIP 2004): Gaussian window of 11 x 11 pixels, sigma 1.5.

    Its values lie in 0..2, where those of ``l1`` are grey levels: in a sum of both it needs a weight of about 100.

    Raises:
        UsageError: The images are smaller than the window.
    """
    if min(output.shape[-2:]) < _WINDOW:
        raise UsageError(f"the loss ssim needs patches of at least {_WINDOW} pixels; raise data.patch")
    channels = output.shape[1]
    offsets = torch.arange(_WINDOW, dtype=output.dtype, device=output.device) - _WINDOW // 2
    taps = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    taps = (taps / taps.sum()).expand(channels, 1, 1, _WINDOW)

    def mean(image: Tensor) -> Tensor:
        rows = F.conv2d(image, taps, groups=channels)
        return F.conv2d(rows, taps.transpose(-1, -2), groups=channels)

    x, y = output / 255, target / 255  # squares of grey levels would lose digits in float32
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return 1 - similarity.mean()


for _name, _loss in {
    "l1": l1,
    "l2": l2,
    "charbonnier": charbonnier,
    "fourier": fourier,
    "ssim": ssim_loss,
}.items():
    LOSSES.add(_name, _loss)


class LossSum:
    """A registered loss, or the weighted sum of several.

    Attributes:
        identity: What is measured, in words.
    """

    def __init__(self, chosen: Chosen) -> None:
        """Look the losses up.

        Args:
            chosen: A name, or names with weights.

        Raises:
            UsageError: A name is unknown, or there is none.
        """
        if not chosen:
            raise UsageError("train.loss names no loss; give one, such as l1")
        weights = {chosen: 1.0} if isinstance(chosen, str) else dict(chosen)
        self._terms: list[tuple[str, float, Loss]] = [
            (name, weight, LOSSES.get(name)) for name, weight in weights.items()
        ]
        self._alone = isinstance(chosen, str)
        self.identity = chosen if isinstance(chosen, str) else " + ".join(f"{w:g} {n}" for n, w in weights.items())

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch, see ``Loss``."""
        return self.terms(output, target)[0]

    def terms(self, output: Tensor, target: Tensor) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and of a sum its terms by name, without their weights.

        Raises:
            UsageError: A loss returned something other than one number.
        """
        if self._alone:
            name, _, loss = self._terms[0]
            return _scalar(name, loss(output, target)), {}
        found = [(name, weight, _scalar(name, loss(output, target))) for name, weight, loss in self._terms]
        total = sum((weight * value for _, weight, value in found), start=torch.zeros((), device=output.device))
        return total, {name: float(value.detach()) for name, _, value in found}


def _scalar(name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.dim() != 0:
        what = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise UsageError(f"the loss {name!r} returned {what}; it must return one number, such as a mean")
    return value


def pixel_loss(chosen: Chosen, output: Tensor, target: Tensor) -> Tensor:
    """Loss of a batch.

    Args:
        chosen: The name of a registered loss, or several with their weights.
        output: Restored images (N, C, H, W) on 0..255.
        target: Clean images of the same shape and range.

    Returns:
        A scalar with gradient.

    Raises:
        UsageError: A name is unknown.
    """
    return LossSum(chosen)(output, target)


class PixelCriterion:
    """Registered losses on the restored image, for models without a loss of their own.

    The model's outputs live on its own value range; the loss is reported on 0..255 for all of them.
    """

    def __init__(self, chosen: Chosen, value_range: float = 255.0) -> None:
        self.loss, self.value_range = LossSum(chosen), value_range

    @property
    def identity(self) -> str:
        """What is measured, in words."""
        return f"{self.loss.identity} on 0..255"

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and of a sum its terms; see ``nas.models.baseline.Criterion``."""
        scale = 255.0 / self.value_range
        return self.loss.terms(final_image(outputs).float() * scale, target * scale)


def task_criterion(chosen: Chosen, value_range: float = 255.0) -> Criterion:
    """The loss of a task for a model that has none of its own.

    Args:
        chosen: As for ``pixel_loss``.
        value_range: The model's own peak value.
    """
    return PixelCriterion(chosen, value_range)
