"""The section of details: crops of pictures that come with their true image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.errors import NasError
from nas.report.figures.crops import CropOptions, crop_figure, enlarge
from nas.report.figures.style import figure_bytes
from nas.report.page.embedding import EmbeddedFigure, size_on_page
from nas.report.page.pictures import TRUE_NAMES, Array, Picture, data_uri

MOST_CROPS = 3
CROP_DPI = 130


def details_view(scenes: Sequence[Picture], models: Sequence[str]) -> list[EmbeddedFigure]:
    """Draw the crops of the first scenes that come with their true image.

    Args:
        scenes: Pictures.
        models: Names of models in the order in which their crops stand.

    Returns:
        At most ``MOST_CROPS`` figures, none where no scene has a true image and an output of its size.
    """
    found: list[EmbeddedFigure] = []
    for scene in scenes:
        if len(found) < MOST_CROPS and (figure := _details(scene, models)) is not None:
            found.append(figure)
    return found


def _details(scene: Picture, models: Sequence[str]) -> EmbeddedFigure | None:
    versions = {n.lower(): n for n in scene.versions}
    true_name = next((versions[w] for w in TRUE_NAMES if w in versions), None)
    if true_name is None:
        return None
    images = {n: _pixels(i) for n, i in scene.versions.items()}
    target = images.pop(true_name)
    degraded = images.pop(versions.get("degraded", ""), None)
    same = {n: i for n, i in images.items() if i.shape == target.shape}
    if not same:
        return None
    order = sorted(same, key=lambda n: models.index(n) if n in models else len(models))
    shown = degraded if degraded is not None else enlarge(target, *target.shape[:2])
    figure = crop_figure(target, shown, {n: same[n] for n in order}, options=_protocol(scene.name))
    uri = data_uri(figure_bytes(figure, "png", CROP_DPI), "image/png")
    caption = (
        f"{scene.name}: the square where the errors of the models differ most. Below each crop stands its error: the "
        "darker, the nearer to the true image. PSNR and SSIM are of the whole picture."
    )
    return EmbeddedFigure(uri, "", *size_on_page(figure), caption, wide=True)


def _pixels(image: Array | Path) -> Array:
    from nas.images import read_image

    return read_image(image) if isinstance(image, Path) else image


def _protocol(scene: str) -> CropOptions:
    """How PSNR is taken for the task that the name of a scene begins with; for any other, of all channels."""
    from nas.tasks import get_task

    try:
        protocol = get_task(scene.split(" / ")[0]).protocol
    except NasError:
        return CropOptions(luma=False, error_maps=True)
    return CropOptions(
        luma=protocol.luma == "y",
        border=protocol.border,
        ssim=protocol.ssim if protocol.with_ssim else "",
        error_maps=True,
    )
