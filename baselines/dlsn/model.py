"""The network: residual groups that end in global learnable attention (specification section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from baselines.dlsn import BASELINE, PAPER
from baselines.dlsn.attention import GLA
from baselines.dlsn.ends import MeanShift, conv3x3, upsampler
from baselines.dlsn.projections import ProjectionSource
from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor


class LFFB(nn.Module):
    """Residual block: (N, C, H, W) -> same. The published code does not scale its residual (``scale`` 1)."""

    def __init__(self, width: int, scale: float = 1.0) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(width, width), nn.ReLU(), conv3x3(width, width))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + (y if self.scale == 1 else y * self.scale)


class GLAFFM(nn.Module):
    """Residual blocks, attention, convolution, inside one scaled residual: (N, C, H, W) -> same."""

    def __init__(self, blocks: int, attention: GLA, width: int, res_scale: float, lffb_scale: float) -> None:
        super().__init__()
        layers: list[nn.Module] = [LFFB(width, lffb_scale) for _ in range(blocks)]
        self.body = nn.Sequential(*layers, attention, conv3x3(width, width))
        self.res_scale = res_scale

    @property
    def attention(self) -> GLA:
        module = self.body[-2]
        assert isinstance(module, GLA)
        return module

    def forward(self, x: Tensor, projections: Tensor) -> Tensor:
        y = x
        for layer in self.body:
            y = layer(y, projections) if isinstance(layer, GLA) else layer(y)
        return x + y * self.res_scale


def _check(config: dict[str, Any]) -> None:
    if config["n_colors"] != 3:
        raise UsageError(f"dlsn restores RGB images only; n_colors is {config['n_colors']}, use 3")
    groups, blocks, peak, seed = (config[k] for k in ("n_resgroups", "n_resblocks", "rgb_range", "projection_seed"))
    if groups < 1 or blocks < 0 or peak <= 0 or seed < 0:
        raise UsageError(
            "dlsn needs n_resgroups >= 1, n_resblocks >= 0, rgb_range > 0 and projection_seed >= 0, not "
            f"{groups}, {blocks}, {peak}, {seed}"
        )


class DLSN(nn.Module):
    """Images (N, 3, H, W) in 0..rgb_range -> (N, 3, s*H, s*W) in the same range, not clamped.

    Args:
        n_resgroups: G, residual groups.
        n_resblocks: R, residual blocks in each group.
        n_feats: C, channels.
        reduction: r, a divisor of C.
        chunk_size: k, part of the weights.
        n_hashes: Rounds of hashing, free to change after training.
        scale: 3 or a power of two.
        rgb_range: Peak value of the images.
        n_colors: 3 only, since the mean colour is RGB.
        res_scale: Factor of the residual of every group.
        lffb_scale: Factor of the residual of every block, 1 in the published network.
        gla_scale: Factor of the attention, 1 in the published network.
        chunks_per_step: See ``GLA``.
        recompute: See ``GLA``.
        center_queries: See ``GLA``.
        stacked_projections: See ``baselines.dlsn.projections.draw``.
        projection_seed: Of the seeded mode.
        small_input: See ``GLA``.

    Raises:
        UsageError: A setting is impossible; the message names it.
    """

    def __init__(
        self,
        n_resgroups: int = 10,
        n_resblocks: int = 4,
        n_feats: int = 256,
        reduction: int = 4,
        chunk_size: int = 128,
        n_hashes: int = 3,
        scale: int = 2,
        rgb_range: float = 1,
        n_colors: int = 3,
        res_scale: float = 0.1,
        lffb_scale: float = 1.0,
        gla_scale: float = 1.0,
        chunks_per_step: int = 64,
        recompute: bool = False,
        center_queries: bool = False,
        stacked_projections: bool = False,
        projection_seed: int = 0,
        small_input: str = "wrap",
    ) -> None:
        config: dict[str, Any] = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        super().__init__()
        _check(config)

        def group() -> GLAFFM:
            attention = GLA(
                n_feats,
                reduction,
                chunk_size,
                n_hashes,
                gla_scale,
                chunks_per_step=chunks_per_step,
                recompute=recompute,
                center_queries=center_queries,
                small_input=small_input,
            )
            return GLAFFM(n_resblocks, attention, n_feats, res_scale, lffb_scale)

        #: Never used and never given a gradient; every published checkpoint holds it.
        self.a = nn.Parameter(torch.zeros(1))
        self.sub_mean = MeanShift(-1, rgb_range)
        self.head = nn.Sequential(conv3x3(n_colors, n_feats))
        self.body = nn.Sequential(*(group() for _ in range(n_resgroups)), conv3x3(n_feats, n_feats))
        self.tail = nn.Sequential(upsampler(n_feats, scale), conv3x3(n_feats, n_colors))
        self.add_mean = MeanShift(+1, rgb_range)
        self.projections = ProjectionSource(projection_seed, stacked_projections)
        self.descriptor = ModelDescriptor(
            "dlsn",
            scale,
            n_colors,
            float(rgb_range),
            tasks=BASELINE.tasks,
            paper=PAPER,
            licence="MIT",
            config=config,
        )

    @property
    def groups(self) -> list[GLAFFM]:
        """The residual groups in call order; each holds one attention module."""
        return [module for module in self.body if isinstance(module, GLAFFM)]

    def use_projections(self, projections: str | Sequence[Tensor]) -> None:
        """Choose the hash projections.

        Args:
            projections: ``seeded``, ``random``, ``auto`` (the default: random while training, seeded at evaluation),
                or a list of one tensor (channels, hashes, buckets) for each attention module and forward pass, in the
                order of calls, which starts again at its end.

        Raises:
            UsageError: The mode is unknown, or the list does not fit.
        """
        self.projections.use(projections, len(self.groups))

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in 0..rgb_range -> (N, 3, s*H, s*W)."""
        height, width = image.shape[-2:]
        groups = self.groups
        shapes = [group.attention.projection_shape(height, width) for group in groups]
        drawn = self.projections.take(shapes, self.training)
        first = self.head(self.sub_mean(image))  # (N, 3, H, W) -> (N, C, H, W)
        x = first
        for group, projections in zip(groups, drawn, strict=True):
            x = group(x, projections.to(x.device))
        x = self.body[-1](x) + first
        restored: Tensor = self.add_mean(self.tail(x))  # (N, C, H, W) -> (N, 3, s*H, s*W)
        return restored
