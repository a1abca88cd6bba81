"""How images are restored: the flags of ``nas restore`` and keywords of ``nas.restore`` as one documented object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from nas.errors import UsageError, did_you_mean
from nas.evaluation.inference import check_tile
from nas.evaluation.tiles import OVERLAP
from nas.machine import AUTO, check_device
from nas.profiling.forward import DTYPES

#: formats of restored pictures
FORMATS = ("png", "jpg", "webp")


@dataclass(frozen=True)
class RestorationOptions:
    """How images are restored.

    Attributes:
        device: "cpu", "cuda", "cuda:N", "mps" or "auto".
        dtype: "float32", or "bfloat16" or "float16" under autocast.
        tile: Side of the tiles in input pixels; None restores whole images. "auto" restores them whole unless the
            network would need more than half of the free memory, and then in the largest tiles that fit.
        overlap: Context on each side of a tile in input pixels.
        memory: Bytes of memory that may be used in "auto"; None takes what is free.
        ensemble: Average over the eight flips and quarter turns (x8 self-ensemble).
        batch: Images of equal size that the network is given at once. More than one differs from one at a time in the
            order of rounding.
        plain: Run the network as it is written, not its form for inference.
        format: Of the files: one of ``FORMATS``.
        quality: Of JPEG and WebP, 1 to 100.
        overwrite: Restore also what is there already.
    """

    device: str = AUTO
    dtype: str = "float32"
    tile: int | str | None = "auto"
    overlap: int = OVERLAP
    memory: int | None = None
    ensemble: bool = False
    batch: int = 1
    plain: bool = False
    format: str = "png"
    quality: int = 95
    overwrite: bool = False

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any]) -> RestorationOptions:
        """Build and check options from keyword arguments.

        Args:
            keywords: Names of fields and their values; the others take their defaults.

        Returns:
            The options, "auto" replaced by the device that was found.

        Raises:
            UsageError: A keyword is not the name of a field, or a value makes no sense.
        """
        known = [f.name for f in fields(cls)]
        for name in keywords:
            if name not in known:
                raise UsageError(f"restoring has no option {name!r}; {did_you_mean(name, known)}")
        chosen = cls(**keywords)
        if chosen.dtype not in DTYPES:
            raise UsageError(f"unknown dtype {chosen.dtype!r}; give one of {', '.join(DTYPES)}")
        if isinstance(chosen.tile, str) and chosen.tile != "auto":
            raise UsageError(f"tile {chosen.tile!r} is neither a side in pixels nor 'auto'")
        check_tile(None if isinstance(chosen.tile, str) else chosen.tile, chosen.overlap)
        if chosen.batch < 1:
            raise UsageError(f"batch {chosen.batch} is not a number of images; give 1 or more")
        if chosen.format not in FORMATS:
            raise UsageError(f"unknown format {chosen.format!r}; give one of {', '.join(FORMATS)}")
        if not 1 <= chosen.quality <= 100:
            raise UsageError(f"quality {chosen.quality} is not between 1 and 100")
        return replace(chosen, device=check_device(chosen.device))
