"""How models are evaluated: the keywords of ``nas.evaluate`` as one documented object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from nas.errors import UsageError, did_you_mean
from nas.evaluation.further_metrics import check_metrics
from nas.evaluation.inference import check_tile
from nas.machine import AUTO, check_device
from nas.profiling.forward import DTYPES

if TYPE_CHECKING:
    from nas.tasks import Task


@dataclass(frozen=True)
class EvaluationOptions:
    """How models are evaluated, the same for all models and sets of one call.

    Attributes:
        ensemble: Average over the eight flips and quarter turns of each image (x8 self-ensemble). The row is named
            "<model>+", and its multiply-adds and activations are eight times those of the network.
        protocol: A name of ``nas.tasks.protocols`` in place of the protocol of the task, e.g. "dsrir"; every row states
            it.
        tile: Side in input pixels of the tiles in which images are restored; None restores them whole. "auto" restores
            them whole unless the network would need more than half of the free memory, and then in the largest tiles
            that fit, which the row states.
        overlap: Context on each side of a tile in input pixels.
        memory: Free memory in bytes for ``tile="auto"``; None takes what the device has.
        save_images: Folder for the 8-bit outputs, written as <model>/<task>/<set>/<image>.png; the true and the
            degraded images are written as the models "target" and "degraded".
        metrics: Names of registered metrics that are measured too, see ``nas.evaluation.further_metrics``.
        with_ssim: Compute SSIM; None does what the protocol says.
        with_costs: Count parameters, multiply-adds and activations.
        with_latency: Time the network at the cost size of the task, and measure its peak memory (slow on a CPU).
        device: "cpu", "cuda", "cuda:N", "mps" or "auto".
        dtype: "float32", or "bfloat16" or "float16" under autocast.
        seed: Of the degradations that draw random numbers; 0 or more.
        threads: Of torch while latency is measured on a CPU.
        command: How the rows can be made again; it is copied into them.
        plain: Restore with the networks as they are written; otherwise, unless in a reduced number type, with their
            forms for inference (``nas.models.optimizing``), which differ in the order of rounding only. Costs and
            latency are those of the networks as they are written either way.
        again: Measure also what the table already holds, and replace those rows.
        progress: True shows a bar on standard error; a stream takes its place.
    """

    ensemble: bool = False
    protocol: str | None = None
    tile: int | str | None = "auto"
    overlap: int = 32
    memory: int | None = None
    save_images: str | Path | None = None
    metrics: tuple[str, ...] = ()
    with_ssim: bool | None = None
    with_costs: bool = True
    with_latency: bool = False
    device: str = AUTO
    dtype: str = "float32"
    seed: int = 0
    threads: int = 1
    command: str = ""
    plain: bool = False
    again: bool = False
    progress: bool | TextIO = False

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any], base: EvaluationOptions | None = None) -> EvaluationOptions:
        """Build options from keyword arguments.

        Args:
            keywords: Names of fields and their values.
            base: Gives the fields that are not named; None takes the defaults.

        Returns:
            The options; call ``check`` before they are used.

        Raises:
            UsageError: A keyword is not the name of a field.
        """
        known = [f.name for f in fields(cls)]
        for name in keywords:
            if name not in known:
                raise UsageError(f"evaluate has no option {name!r}; {did_you_mean(name, known)}")
        return replace(base or cls(), **keywords)

    def check(self) -> None:
        """Raise UsageError for values that make no sense, or a device that is not here."""
        if self.seed < 0:
            raise UsageError(f"seed {self.seed} is negative; give 0 or a positive whole number")
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown dtype {self.dtype!r}; give one of {', '.join(DTYPES)}")
        if isinstance(self.tile, str) and self.tile != "auto":
            raise UsageError(f"tile {self.tile!r} is neither a side in pixels nor 'auto'")
        check_tile(None if isinstance(self.tile, str) else self.tile, self.overlap)
        check_metrics(self.metrics)
        check_device(self.device)

    def scores_ssim(self, task: Task) -> bool:
        """Whether SSIM is computed for ``task``."""
        return task.protocol.with_ssim if self.with_ssim is None else self.with_ssim

    @property
    def tile_side(self) -> int | None:
        """The side of the tiles in input pixels, None for whole images, once "auto" has been decided."""
        return None if self.tile is None else int(self.tile)
