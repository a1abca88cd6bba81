"""The same detail from every model side by side, with its PSNR, and where in the picture it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.errors import UsageError
from nas.report.style import DARK, LIGHT, new_figure

Array = npt.NDArray[Any]
Region = tuple[int, int, int, int]  # top, left, height, width in pixels of the target


def crop_figure(
    target: Array,
    degraded: Array,
    restored: Mapping[str, Array],
    *,
    region: Region | None = None,
    size: int = 64,
    luma: bool = True,
    border: int = 0,
    dark: bool = False,
) -> Figure:
    """Thumbnail with a red box; then the crop of the true, the degraded and each restored image.

    Images are (H, W) or (H, W, 3), 0..255, restored ones of the target's size; a smaller degraded one is
    enlarged by repetition, so that its pixels show. ``region`` is chosen by ``interesting_region`` when
    None. PSNR (dB) under each is of the whole image (``luma``, ``border`` as in the task's protocol).
    """
    from nas.evaluate.metrics import psnr

    if not restored:
        raise UsageError("a visual comparison needs at least one restored image; give a model's output")
    for name, image in restored.items():
        if image.shape[:2] != target.shape[:2]:
            raise UsageError(
                f"the output of {name!r} is {image.shape[1]}x{image.shape[0]} but the true image "
                f"{target.shape[1]}x{target.shape[0]}; crop them to the same pixels first"
            )
    height, width = target.shape[:2]
    shown = enlarge(degraded, height, width)
    box = region if region is not None else interesting_region(target, restored, size)
    check_region(box, height, width)
    theme = DARK if dark else LIGHT
    entries: list[tuple[str, Array, str]] = [("true image", target, "PSNR")]
    same_kind = shown.ndim == target.ndim
    entries.append(("degraded", shown, _decibel(psnr(shown, target, luma=luma, border=border)) if same_kind else ""))
    entries += [(n, i, _decibel(psnr(i, target, luma=luma, border=border))) for n, i in restored.items()]
    columns = min(4, len(entries))
    lines = -(-len(entries) // columns)
    cell = 1.45 * box[3] / max(box[2], box[3]), 1.45 * box[2] / max(box[2], box[3])
    tall = lines * (cell[1] + 0.45)
    thumb = min(4.2, max(1.2, (tall - 0.3) * width / height))
    figure = new_figure(thumb + columns * (cell[0] + 0.12) + 0.2, tall, theme)
    grid = figure.add_gridspec(lines, columns + 1, width_ratios=[thumb, *[cell[0]] * columns])
    axes = figure.add_subplot(grid[:, 0])
    _show(axes, target)
    # the thin white line keeps the red one visible on red
    for colour, line in (("white", 3.2), ("#e01b24", 1.8)):
        axes.add_patch(
            Rectangle((box[1] - 0.5, box[0] - 0.5), box[3], box[2], fill=False, edgecolor=colour, linewidth=line)
        )
    for index, (name, image, caption) in enumerate(entries):
        axes = figure.add_subplot(grid[index // columns, index % columns + 1])
        _show(axes, image[box[0] : box[0] + box[2], box[1] : box[1] + box[3]])
        axes.set_xlabel(f"{name}\n{caption}".strip(), fontsize=7.5, color=theme.ink, labelpad=3)
    return figure


def interesting_region(target: Array, restored: Mapping[str, Array], size: int = 64) -> Region:
    """The square where the models differ most; with one model, where it differs most from the truth.

    Where nothing differs, the square with the most detail. ``size`` is cut down to the image's.
    """
    planes = [_plane(i) for i in restored.values()]
    truth = _plane(target)
    if len(planes) > 1:
        interest = np.std(np.stack(planes), axis=0)
    else:
        interest = np.abs(planes[0] - truth) if planes else np.zeros_like(truth)
    if interest.max() < 1e-6:
        interest = np.abs(cv2.Laplacian(truth, cv2.CV_32F))
    height, width = truth.shape
    side = min(size, height, width)
    total = cv2.integral(interest.astype(np.float32), sdepth=cv2.CV_64F)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(top), int(left), side, side


def enlarge(image: Array, height: int, width: int) -> Array:
    """``image`` repeated to (height, width); of that size already, it is returned unchanged."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST))


def check_region(region: Region, height: int, width: int) -> None:
    """A region that leaves the image is a UsageError."""
    top, left, tall, wide = region
    if min(top, left) < 0 or min(tall, wide) < 1 or top + tall > height or left + wide > width:
        raise UsageError(
            f"the region top {top}, left {left}, {wide}x{tall} leaves the {width}x{height} image; choose one inside"
        )


def _plane(image: Array) -> npt.NDArray[np.float32]:
    plane = np.asarray(image, dtype=np.float32)
    return plane.mean(axis=2) if plane.ndim == 3 else plane


def _decibel(value: float) -> str:
    return f"{value:.2f} dB"


def _show(axes: Any, image: Array) -> None:
    picture = np.clip(np.asarray(image, dtype=np.float32), 0, 255) / 255
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
