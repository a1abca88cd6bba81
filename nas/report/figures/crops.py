"""The same detail from every model side by side, with its PSNR, and where in the picture it is."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.errors import UsageError
from nas.report.figures.regions import Region, check_region, cut_region, interesting_region, to_plane
from nas.report.figures.style import DARK, LIGHT, Theme, literal, new_figure

Array = npt.NDArray[Any]
RED = "#e01b24"
LABEL: dict[str, Any] = {"facecolor": RED, "edgecolor": "none", "pad": 1.2}
SIDE, GAP, CAPTION = 1.3, 0.08, 0.42  # inches: the longer side of a crop, between crops, for the words below
ERROR_RANGE = 32.0  # grey levels at which an error map is brightest
PER_LINE = 6  # crops beside each other at most


@dataclass(frozen=True)
class CropOptions:
    """How a comparison of crops is drawn.

    Attributes:
        size: Side of a chosen region in pixels.
        luma: Whether PSNR of colour images is that of Y, as in the protocol of the task.
        border: Pixels at each side that PSNR leaves out.
        title: Written above.
        error_maps: Whether a map below each crop shows where it differs from the true image: the mean of the channels,
            0 to ``ERROR_RANGE`` grey levels.
        dark: In colours for a dark page.
    """

    size: int = 64
    luma: bool = True
    border: int = 0
    title: str = ""
    error_maps: bool = False
    dark: bool = False


def crop_figure(
    target: Array,
    degraded: Array,
    restored: Mapping[str, Array],
    regions: Sequence[Region] = (),
    options: CropOptions | None = None,
) -> Figure:
    """The picture with red boxes, beside it these regions of the true, the degraded and each restored image.

    PSNR (dB) below each is of the whole image; the best is bold.

    Args:
        target: The true image, (H, W) or (H, W, 3), 0 to 255.
        degraded: What the models were given; a smaller one is enlarged by repetition, so that its pixels show.
        restored: For each model its output, of the size of ``target``.
        regions: What is shown; without any, the ``interesting_region``.
        options: How it is drawn.

    Returns:
        The figure.

    Raises:
        UsageError: There is no restored image, one has another size, or a region leaves the image.
    """
    chosen = options or CropOptions()
    _check_sizes(target, restored)
    height, width = target.shape[:2]
    boxes = list(regions) or [interesting_region(target, restored, chosen.size)]
    for box in boxes:
        check_region(box, height, width)
    theme = DARK if chosen.dark else LIGHT
    crops = _crops(target, degraded, restored, chosen)
    layout = _Layout.of(boxes, crops, width / height, chosen)
    figure = new_figure(layout.width, layout.height, theme)
    figure.set_layout_engine("none")  # every place is known, in inches
    axes = layout.axes(figure, GAP, layout.head, layout.thumbnail, layout.thumbnail * height / width)
    _show(axes, target)
    for number, box in enumerate(boxes, start=1):
        _mark(axes, box, str(number) if len(boxes) > 1 else "")
    if chosen.title:
        place = GAP / layout.width, 1 - 0.12 / layout.height
        figure.text(*place, literal(chosen.title), fontsize=7.5, color=theme.soft, va="center")
    scores = [c.psnr for c in crops if c.of_model and c.psnr is not None]
    best = max(scores) if scores and len(restored) > 1 else None
    top = layout.head
    for line, tall in enumerate(layout.lines):
        number, first = line // layout.lines_per_region, line % layout.lines_per_region * layout.per_line
        for column, crop in enumerate(crops[first : first + layout.per_line]):
            x = 2 * GAP + layout.thumbnail + column * (SIDE + GAP)
            axes, below = _draw_crop(figure, layout, crop, boxes[number], (x, top), target)
            if len(boxes) > 1 and column == 0 and first == 0:
                _number(axes, number + 1)
            _caption(below, crop, theme, bold=crop.of_model and crop.psnr is not None and crop.psnr == best)
        top += tall
    return figure


@dataclass(frozen=True)
class _Crop:
    """What one crop shows: of a model's output or not, and whether an error against the true image means something."""

    name: str
    image: Array
    caption: str
    psnr: float | None
    of_model: bool = False
    comparable: bool = False


@dataclass(frozen=True)
class _Layout:
    """Sizes of the figure and of what is in it, in inches; ``lines`` are the heights of the lines of crops."""

    width: float
    height: float
    head: float
    thumbnail: float
    lines: list[float]
    lines_per_region: int
    per_line: int
    error_maps: bool

    @classmethod
    def of(cls, boxes: Sequence[Region], crops: Sequence[_Crop], aspect: float, options: CropOptions) -> _Layout:
        count = len(crops)
        per_line = count if count <= PER_LINE else min(PER_LINE, -(-count // 2))
        lines_per_region = -(-count // per_line)
        words = CAPTION + 0.12 * any("\n" in _wrap(c.name) for c in crops)
        below = 2 if options.error_maps else 1
        lines = [below * _crop_size(b)[0] + (below - 1) * GAP + words for b in boxes for _ in range(lines_per_region)]
        head = 0.28 if options.title else 0.05
        thumbnail = min(3.4, max(1.3, (sum(lines) - CAPTION) * aspect))
        height = max(head + sum(lines), head + thumbnail / aspect + 0.05)
        width = 2 * GAP + thumbnail + per_line * (SIDE + GAP)
        return cls(width, height, head, thumbnail, lines, lines_per_region, per_line, options.error_maps)

    def axes(self, figure: Figure, x: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches from the top left corner."""
        bottom = 1 - (top + height) / self.height
        return figure.add_axes((x / self.width, bottom, width / self.width, height / self.height))


def _crop_size(region: Region) -> tuple[float, float]:
    """Height and width in inches at which a region is drawn."""
    longer = max(region[2], region[3])
    return SIDE * region[2] / longer, SIDE * region[3] / longer


def _draw_crop(
    figure: Figure, layout: _Layout, crop: _Crop, box: Region, place: tuple[float, float], target: Array
) -> tuple[Axes, Axes]:
    """A crop and its error map; the axes of the crop, and those that the caption stands below."""
    height, width = _crop_size(box)
    x, top = place[0] + (SIDE - width) / 2, place[1]
    axes = layout.axes(figure, x, top, width, height)
    _show(axes, cut_region(crop.image, box))
    if not (layout.error_maps and crop.comparable):
        return axes, axes
    below = layout.axes(figure, x, top + height + GAP, width, height)
    _show_error(below, cut_region(crop.image, box), cut_region(target, box))
    return axes, below


def _caption(axes: Axes, crop: _Crop, theme: Theme, bold: bool) -> None:
    text = f"{_wrap(crop.name)}\n{crop.caption}".strip()
    axes.set_xlabel(literal(text), fontsize=7.5, color=theme.ink, labelpad=3, fontweight="bold" if bold else "normal")


def _wrap(name: str) -> str:
    """A name of at most two lines that fit below a crop."""
    return "\n".join(textwrap.shorten(part, 22, placeholder="…") for part in textwrap.wrap(name, 20)[:2])


def _check_sizes(target: Array, restored: Mapping[str, Array]) -> None:
    if not restored:
        raise UsageError("a visual comparison needs at least one restored image; give a model's output")
    for name, image in restored.items():
        if image.shape[:2] != target.shape[:2]:
            raise UsageError(
                f"the output of {name!r} is {image.shape[1]}x{image.shape[0]} but the true image "
                f"{target.shape[1]}x{target.shape[0]}; crop them to the same pixels first"
            )


def _crops(target: Array, degraded: Array, restored: Mapping[str, Array], options: CropOptions) -> list[_Crop]:
    from nas.evaluation.metrics import psnr

    def value(image: Array) -> float | None:
        if image.ndim != target.ndim:
            return None
        return psnr(image, target, options.luma and target.ndim == 3, options.border, data_range=255)

    shown = enlarge(degraded, *target.shape[:2])
    # repeated pixels are how a small input is shown, not how it would be enlarged: their PSNR would mean nothing
    whole = degraded.shape == target.shape
    known = value(shown) if whole else None
    words = _decibel(known) if whole else f"{degraded.shape[1]}×{degraded.shape[0]} pixels"
    found = [_Crop("true image", target, "PSNR", None), _Crop("degraded", shown, words, known, comparable=whole)]
    for name, image in restored.items():
        mine = value(image)
        found.append(_Crop(name, image, _decibel(mine), mine, of_model=True, comparable=True))
    return found


def enlarge(image: Array, height: int, width: int) -> Array:
    """``image`` with its pixels repeated to (height, width); of that size already, it is returned unchanged."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST))


def _decibel(value: float | None) -> str:
    return "" if value is None else "exact" if math.isinf(value) else f"{value:.2f} dB"


def _mark(axes: Axes, box: Region, label: str) -> None:
    # the thin white line keeps the red one visible on red
    for colour, line in (("white", 3.2), (RED, 1.8)):
        axes.add_patch(
            Rectangle((box[1] - 0.5, box[0] - 0.5), box[3], box[2], fill=False, edgecolor=colour, linewidth=line)
        )
    if label:
        axes.text(box[1], box[0], label, color="white", fontsize=7, va="bottom", ha="left", bbox=LABEL)


def _number(axes: Axes, number: int) -> None:
    """The number of a region in the corner of its first crop."""
    place = axes.transAxes
    axes.text(0.03, 0.97, str(number), transform=place, color="white", fontsize=7, va="top", bbox=LABEL)


def _show_error(axes: Axes, image: Array, target: Array) -> None:
    error = np.abs(to_plane(image) - to_plane(target))
    axes.imshow(error, cmap="inferno", vmin=0.0, vmax=ERROR_RANGE, interpolation="nearest")
    _hide_frame(axes)


def _show(axes: Axes, image: Array) -> None:
    picture = np.clip(np.asarray(image, dtype=np.float32), 0, 255) / 255
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _hide_frame(axes)


def _hide_frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
