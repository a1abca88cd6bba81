"""``nas compare --crops``: a figure for each scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.names import slug
from nas.report.figures.crops import CropOptions, crop_figure
from nas.report.figures.regions import Region, interesting_regions
from nas.report.figures.style import PNG_DPI, save_figure
from nas.report.scenes import Scene


def write_crop_figures(
    scenes: Sequence[Scene],
    out: str | Path,
    *,
    regions: Sequence[Region] = (),
    size: int = 64,
    count: int = 1,
    error_maps: bool = False,
    dpi: int = PNG_DPI,
) -> list[Path]:
    """Write ``crops_<task>_<set>_<image>`` as pdf, svg and png for each scene.

    Args:
        scenes: What is shown.
        out: Where the files go.
        regions: Shown of every scene; without any, those where the models differ most are chosen in each.
        size: Side of a chosen region in pixels.
        count: How many regions are chosen.
        error_maps: Whether each crop has a map of its error below it.
        dpi: Resolution of the PNG.

    Returns:
        The paths of the files.

    Raises:
        UsageError: A region leaves a picture.
    """
    written = []
    for scene in scenes:
        chosen = list(regions) or interesting_regions(scene.target, scene.restored, size, count)
        protocol = scene.task.protocol
        options = CropOptions(
            luma=protocol.luma == "y",
            border=protocol.border,
            ssim=protocol.ssim if protocol.with_ssim else "",
            title=f"{scene.image} ({scene.set}), {scene.task.name}; PSNR and SSIM of the whole picture: {protocol}",
            error_maps=error_maps,
        )
        figure = crop_figure(scene.target, scene.degraded, scene.restored, chosen, options)
        stem = "_".join(slug(part) for part in ("crops", scene.task.name, scene.set, scene.image))
        written += save_figure(figure, Path(out) / stem, dpi=dpi)
    return written
