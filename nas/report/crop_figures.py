"""``nas compare --crops``: scenes in, one figure a scene out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.files import slug
from nas.report.figures.crops import Region, crop_figure, interesting_regions
from nas.report.figures.style import PNG_DPI, save_figure
from nas.report.scenes import Scene, protocol_of


def crops(
    scenes: Sequence[Scene],
    out: str | Path,
    *,
    regions: Sequence[Region] = (),
    size: int = 64,
    count: int = 1,
    error_maps: bool = False,
    dpi: int = PNG_DPI,
) -> list[Path]:
    """Write ``crops_<task>_<set>_<image>`` as pdf, svg and png (``dpi``) for each scene; the paths.

    regions: used in every scene; without any, ``count`` squares of ``size`` pixels are chosen where the models
    disagree most. A region outside a picture is a UsageError.
    """
    written = []
    for scene in scenes:
        chosen = list(regions) or interesting_regions(scene.target, scene.restored, size, count)
        figure = crop_figure(
            scene.target,
            scene.degraded,
            scene.restored,
            region=chosen,
            error_maps=error_maps,
            title=f"{scene.image} ({scene.set}), {scene.task.name}; PSNR of the whole picture: {scene.task.protocol}",
            **protocol_of(scene),
        )
        stem = "_".join(slug(part) for part in ("crops", scene.task.name, scene.set, scene.image))
        written += save_figure(figure, Path(out) / stem, dpi=dpi)
    return written
