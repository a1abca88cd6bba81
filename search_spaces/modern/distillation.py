"""Three steps in a row with half of the channels tapped before each and after the last (LKFMixer and LKMN, 2025)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.large_kernel import FusedStrip, MixedStrip
from search_spaces.modern.layers import conv

STEPS = 3


class Distillation(nn.Module):
    """step(): a new module from C to C channels. Shapes: (N, C, H, W) -> the same."""

    def __init__(self, channels: int, step: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(step() for _ in range(STEPS))
        self.taps = nn.ModuleList(conv(channels, channels // 2) for _ in range(STEPS + 1))
        taps = [channels // 2] * (STEPS + 1)
        self.join = in_parts(conv(sum(taps), channels), inputs=taps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for step in self.steps:
            features.append(step(features[-1]))
        tapped = [F.gelu(tap(feature)) for tap, feature in zip(self.taps, features, strict=True)]
        y: torch.Tensor = self.join(torch.cat(tapped, dim=1))  # (N, 2C, H, W) -> (N, C, H, W)
        return y


@registered("lk_distil")
class FusedDistillation(Distillation):
    """Distillation over ``lk_fuse`` (LKFMixer). 10C^2 + 87C parameters with a kernel of 31."""

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__(channels, lambda: FusedStrip(channels, kernel=kernel))


@registered("lk_distil_mix")
class MixedDistillation(Distillation):
    """Distillation over ``lk_mix``, activated at the end (LKMN). 13C^2 + 87C parameters with a kernel of 31."""

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__(channels, lambda: MixedStrip(channels, kernel=kernel))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(super().forward(x))
