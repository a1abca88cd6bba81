"""The loss of SMFANet, SAFMN, LKFMixer and LKMN: absolute error of the pixels and of their Fourier transform."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.errors import UsageError, did_you_mean
from nas.models.calling import descriptor_of, final_image

_OPTIONS = ("fourier",)


class PixelAndFourier:
    """l1 + weight * l1 of the real two-dimensional Fourier transform; see ``nas.models.baseline.Criterion``.

    The transform is not normalised, and its real and imaginary parts count as values of their own. Images on 0..255.
    """

    def __init__(self, weight: float, value_range: float) -> None:
        if weight < 0:
            raise UsageError(f"the weight of the Fourier term must not be negative, got {weight:g}")
        self._weight, self._scale = weight, 255.0 / value_range
        self.identity = f"l1 + {weight:g} l1 of the Fourier transform on 0..255"

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        image, wanted = final_image(outputs).float() * self._scale, target.float() * self._scale
        error = F.l1_loss(image, wanted)
        # the transform is linear, so that of the difference is the difference of the transforms
        spectrum = torch.view_as_real(torch.fft.rfft2(image - wanted)).abs().mean()
        return error + self._weight * spectrum, {"l1": float(error.detach()), "fourier": float(spectrum.detach())}


def criterion(model: nn.Module, options: dict[str, Any]) -> PixelAndFourier | None:
    """The loss that the options ask for.

    Args:
        model: The network, whose descriptor states its value range.
        options: ``fourier``: weight of the Fourier term (published: 0.05).

    Returns:
        None, which means the task's loss, where no weight is given.

    Raises:
        UsageError: Another option, or a weight that is no number or negative.
    """
    own = {name: value for name, value in options.items() if name != "loss"}
    for name in own:
        if name not in _OPTIONS:
            raise UsageError(f"unknown option {name!r} of the loss; {did_you_mean(name, _OPTIONS)}")
    if not own:
        return None
    if isinstance(own["fourier"], bool) or not isinstance(own["fourier"], int | float):
        raise UsageError(f"the weight of the Fourier term must be a number, not {own['fourier']!r}")
    if options.get("loss", "l1") != "l1":
        raise UsageError(f"the Fourier term goes with the loss 'l1', not {options['loss']!r}; leave one of the two out")
    return PixelAndFourier(float(own["fourier"]), descriptor_of(model).value_range)
