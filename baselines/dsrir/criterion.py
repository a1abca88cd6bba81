"""DSRIR's training loss: uncertainty + PSNR + 0.2 * contrast over all three stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from baselines.dsrir.extractor import Extractor, load_extractor, seeded_extractor
from baselines.dsrir.losses import (
    PSNR_WEIGHTS,
    Distances,
    contrast_loss,
    distances,
    psnr_loss,
    uncertainty_loss,
)
from nas.errors import UsageError, did_you_mean

_OPTIONS = ("contrast", "contrast_eps", "contrast_weight", "extractor_seed", "extractor_width", "vgg_weights")


def criterion(model: nn.Module, options: dict[str, Any]) -> DSRIRCriterion:
    """The loss of DSRIR; see ``DSRIRCriterion.from_options`` for the options."""
    return DSRIRCriterion.from_options(options)


class DSRIRCriterion:
    """The loss of all three stages; images (B, 3, H, W) in 0..1, see ``nas.models.baseline.Criterion``.

    Its terms are ``uncertainty``, ``psnr``, ``contrast`` (absent when switched off) and ``total``. The extractor moves
    to the device and dtype of the images; bfloat16 and float16 outputs are taken to float32. ``identity`` names the
    extractor, since values under different extractors are not comparable.
    """

    def __init__(self, extractor: Extractor | None, contrast_weight: float = 0.2, contrast_eps: float = 1e-7) -> None:
        if contrast_weight < 0 or contrast_eps < 0:
            raise UsageError(f"contrast_weight {contrast_weight} and contrast_eps {contrast_eps} must not be negative")
        self._extractor, self.contrast_weight, self.contrast_eps = extractor, contrast_weight, contrast_eps

    @property
    def identity(self) -> str:
        """Which extractor measures the contrast, or ``contrast off``."""
        return "contrast off" if self._extractor is None else self._extractor.identity

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> DSRIRCriterion:
        """Build the loss from the options of a configuration.

        Args:
            options: ``vgg_weights``, a file of ImageNet VGG-19 weights (the published term), without which the seeded
                extractor is used with ``extractor_width`` (0.25) and ``extractor_seed`` (1234); ``contrast``, ``on`` or
                ``off`` to leave the term out; ``contrast_weight`` (0.2) and ``contrast_eps`` (1e-7); ``loss``, the
                pixel loss of the training, which DSRIR does not use.

        Raises:
            UsageError: Another name, or an impossible value.
        """
        for name in options:
            if name not in (*_OPTIONS, "loss"):
                raise UsageError(f"unknown option {name!r} of the DSRIR loss; {did_you_mean(name, _OPTIONS)}")
        extractor = _choose(options) if _is_on(options.get("contrast", "on")) else None
        return cls(
            extractor,
            float(options.get("contrast_weight", 0.2)),
            float(options.get("contrast_eps", 1e-7)),
        )

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        stages = [_full(y) for y in outputs["stages"]]
        variances = [_full(u) for u in outputs["variances"]]
        degraded, target = _full(degraded), _full(target)
        uncertainty, psnr = self.uncertainty(stages, variances, target), self.psnr(stages, target)
        total = uncertainty + psnr
        parts = {"uncertainty": uncertainty, "psnr": psnr}
        if self._extractor is not None:
            parts["contrast"] = contrast_loss(self.levels(stages, degraded, target), self.contrast_eps)
            total = total + self.contrast_weight * parts["contrast"]
        parts["total"] = total
        return total, {name: float(value.detach()) for name, value in parts.items()}

    def uncertainty(self, stages: Sequence[Tensor], variances: Sequence[Tensor], target: Tensor) -> Tensor:
        """Mean of the uncertainty loss over the stages."""
        losses = [uncertainty_loss(y, u, target) for y, u in zip(stages, variances, strict=True)]
        return torch.stack(losses).mean()

    def psnr(self, stages: Sequence[Tensor], target: Tensor) -> Tensor:
        """PSNR loss of the final stage plus a quarter of each earlier one."""
        losses = [w * psnr_loss(y, target) for w, y in zip(PSNR_WEIGHTS, stages, strict=True)]
        return torch.stack(losses).sum()

    def levels(self, stages: Sequence[Tensor], degraded: Tensor, target: Tensor) -> list[Distances]:
        """Feature distances of the final stage at the five levels; gradients reach all three stages."""
        if self._extractor is None:
            raise UsageError("the contrastive term is off, so there are no feature distances; set contrast to on")
        extract = self._extractor.to(device=degraded.device, dtype=stages[0].dtype)
        with torch.no_grad():
            wanted, given = extract(target.to(stages[0].dtype)), extract(degraded.to(stages[0].dtype))
        final, stage2, stage1 = (extract(y) for y in stages)
        return distances(final, wanted, stage2, stage1, given)


def _full(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _is_on(value: Any) -> bool:
    if value in ("on", True):  # YAML reads the words on and off as booleans
        return True
    if value in ("off", False):
        return False
    raise UsageError(f"contrast is {value!r}; give on or off")


def _choose(options: Mapping[str, Any]) -> Extractor:
    path = options.get("vgg_weights")
    if path:
        return load_extractor(path)
    return seeded_extractor(float(options.get("extractor_width", 0.25)), int(options.get("extractor_seed", 1234)))
