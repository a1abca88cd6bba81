"""The keywords of MSPAN: their defaults, what they may be, and how the open ones are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from nas.errors import UsageError
from nas.keywords import nearest_of

#: Blocks of the published super-resolution network and of the one for equal-size tasks.
SR_BLOCKS, RESTORATION_BLOCKS, MLP_RATIO = 6, 7, 4
#: Slope of ``lrelu`` without a number.
SLOPE = 0.05

_CHOICES: dict[str, tuple[Any, ...]] = {
    "scale": (1, 2, 3, 4, 8),
    "attention": ("none", "ca", "esa", "mspa"),
    "activation_position": ("after", "before"),
    "au_order": ("refined_first", "distilled_first"),
    "fuse_order": ("distilled_first", "refined_first"),
    "pool": ("max", "avg"),
    "resize": ("bilinear", "bilinear_corners", "nearest"),
    "full_conv": ("spatial_down", "channel_up"),
    "blf_activation": ("none", "relu"),
    "mlp_activation": ("gelu", "relu"),
}
_COUNTS = ("width", "distilled", "n_blocks", "n_pairs", "attn_reduction", "attn_width", "attn_interactions")


@dataclass(frozen=True)
class MSPANConfig:
    """Every keyword of ``baselines.create("mspan", ...)``.

    The first group fixes the counts; the second does not change any count, and neither the publication nor
    its repository decides it, so the defaults there are reconstructions (README, "What is reconstructed").
    A None is filled in by ``resolve``.
    """

    width: int = 48
    distilled: int = 24
    n_blocks: int | None = None  # 6, or 7 at scale 1
    n_pairs: int = 3
    attention: str = "mspa"
    attn_reduction: int = 4
    attn_width: int | None = None  # width // attn_reduction
    attn_interactions: int = 2
    scale: int | None = None  # 2, or 1 where mlp_ratio is given
    in_channels: int = 3
    out_channels: int | None = None  # in_channels
    mlp_ratio: int | None = None  # 4 at scale 1; super-resolution has no MLP
    bias: bool = True

    activation: str = f"lrelu({SLOPE})"  # lrelu(slope), relu, prelu (one slope each)
    activation_position: str = "after"  # of the AU and CU convolutions
    cu_residual: bool = True
    au_order: str = "refined_first"
    fuse_order: str = "distilled_first"
    pool: str = "max"
    resize: str = "bilinear"
    full_conv: str = "spatial_down"  # where the one full-resolution 3x3 of MSPA sits
    repool: bool = False  # the next interaction starts from pooled f, not from fused m and context l
    reduce_activation: bool = False  # an activation after MSPA's channel reduction
    blf_activation: str = "none"
    mean_shift: bool = False
    mlp_activation: str = "gelu"
    norm_eps: float = 1e-6


def resolve(keywords: Mapping[str, Any]) -> MSPANConfig:
    """The complete configuration; UsageError for an unknown keyword or a value that cannot be."""
    known = [field.name for field in fields(MSPANConfig)]
    for name in keywords:
        if name not in known:
            raise UsageError(f"mspan has no setting {name!r}; {nearest_of(name, known)}")
    c = MSPANConfig(**keywords)
    scale = c.scale if c.scale is not None else 1 if c.mlp_ratio is not None else 2
    if scale != 1 and c.mlp_ratio is not None:
        raise UsageError(f"mlp_ratio belongs to the equal-size network; leave it out at scale {scale}")
    c = replace(
        c,
        scale=scale,
        n_blocks=(RESTORATION_BLOCKS if scale == 1 else SR_BLOCKS) if c.n_blocks is None else c.n_blocks,
        attn_width=max(1, c.width // max(1, c.attn_reduction)) if c.attn_width is None else c.attn_width,
        out_channels=c.in_channels if c.out_channels is None else c.out_channels,
        mlp_ratio=MLP_RATIO if scale == 1 and c.mlp_ratio is None else c.mlp_ratio,
    )
    _check(c)
    return c


def _check(c: MSPANConfig) -> None:
    for name, allowed in _CHOICES.items():
        if getattr(c, name) not in allowed:
            wanted = ", ".join(map(str, allowed))
            raise UsageError(f"mspan: {name} cannot be {getattr(c, name)!r}; use one of {wanted}")
    for name in (*_COUNTS, *(("mlp_ratio",) if c.scale == 1 else ())):
        if not isinstance(getattr(c, name), int) or getattr(c, name) < 1:
            raise UsageError(f"mspan: {name} must be a whole number above zero, not {getattr(c, name)!r}")
    if c.scale != 1 and c.width % 2:
        raise UsageError(f"mspan: backward fusion halves the width, so {c.width} must be even")
    if c.in_channels not in (1, 3) or c.out_channels != c.in_channels:
        raise UsageError(
            f"mspan maps 1 to 1 or 3 to 3 channels, not {c.in_channels} to {c.out_channels}; mend in_channels"
        )
    if c.mean_shift and c.in_channels != 3:
        raise UsageError("mspan: mean_shift subtracts the DIV2K colour, so it needs in_channels=3")
    activation_slope(c.activation)


def activation_slope(name: str) -> float | None:
    """Negative slope of ``lrelu(slope)``, ``lrelu`` or ``relu`` (0); None for ``prelu``, which learns it."""
    if name == "prelu":
        return None
    if name == "relu":
        return 0.0
    found = re.fullmatch(r"lrelu(?:\((\d*\.?\d+(?:e-?\d+)?)\))?", str(name))
    if found is None:
        raise UsageError(f"mspan: activation cannot be {name!r}; use lrelu(0.05), relu or prelu")
    return SLOPE if found[1] is None else float(found[1])
