"""The loss of the methods MSPAN is compared with in deraining: structural similarity beside absolute error."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from baselines.similarity import ssim
from nas.errors import UsageError, did_you_mean

_OPTIONS = ("ssim", "l1")


class SimilarityAndError:
    """-ssim * SSIM + l1 * mean absolute error, images on 0..1; see ``nas.models.baseline.Criterion``."""

    def __init__(self, similarity: float, error: float) -> None:
        if min(similarity, error) < 0 or max(similarity, error) == 0:
            raise UsageError(f"mspan: the weights ssim {similarity} and l1 {error} must be positive, one may be zero")
        self._similarity, self._error = similarity, error
        self.identity = f"-{similarity:g} SSIM + {error:g} l1"

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        image = outputs.float()  # (N, c, H, W) on 0..1
        similar, error = ssim(image, target), F.l1_loss(image, target)
        loss = self._error * error - self._similarity * similar
        return loss, {"ssim": float(similar.detach()), "l1": float(error.detach())}


def criterion(model: nn.Module, options: dict[str, Any]) -> SimilarityAndError | None:
    """The loss that the options ask for; the reference is the protocol of DuRN (specification section 6.4).

    Args:
        model: An MSPAN.
        options: Weights ``ssim`` (reference: 1.1) and ``l1`` (0.75), both 0 by default; ``loss`` is not used.

    Returns:
        None, which means the task's loss, unless a weight is given.

    Raises:
        UsageError: Another option, or a weight that is no number or negative.
    """
    own = {name: value for name, value in options.items() if name != "loss"}
    for name in own:
        if name not in _OPTIONS:
            raise UsageError(f"unknown option {name!r} of the MSPAN loss; {did_you_mean(name, _OPTIONS)}")
    if not own:
        return None
    try:
        return SimilarityAndError(float(own.get("ssim", 0.0)), float(own.get("l1", 0.0)))
    except (TypeError, ValueError):
        raise UsageError(f"mspan: the weights of the loss must be numbers, not {own}") from None
