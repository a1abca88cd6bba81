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
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.errors import UsageError
from nas.report.figures.regions import Region, check_region, cut_region, interesting_region, to_plane
from nas.report.figures.style import DARK, LIGHT, NOTE, PRINT_WIDTH, SMALL, Theme, literal, new_figure

Array = npt.NDArray[Any]
RED = "#e01b24"
#: colours of error maps, black where there is no error
ERRORS = "inferno"
#: pixels of the window of SSIM, below which an image has none
SSIM_WINDOW = 11
LABEL: dict[str, Any] = {"facecolor": RED, "edgecolor": "none", "pad": 1.2}
SIDE, GAP, CAPTION = 1.24, 0.08, 0.44  # inches: the longer side of a crop, between crops, for the words below
PER_LINE = 4  # crops beside each other at most
MOST_THUMBNAIL = 3.2  # inches: width of the whole picture at most
BAR, BAR_SPACE = 0.09, 0.5  # inches: height of the colour bar below the picture, and of all that belongs to it
LEAST_RANGE = 4.0  # grey levels: the scale of error maps ends no lower, so that rounding does not look like an error


@dataclass(frozen=True)
class CropOptions:
    """How a comparison of crops is drawn.

    Attributes:
        size: Side of a chosen region in pixels.
        luma: Whether PSNR of colour images is that of Y, as in the protocol of the task.
        border: Pixels at each side that PSNR and SSIM leave out.
        ssim: A name of ``nas.evaluation.scoring.SSIM``; without one, SSIM is not shown.
        title: Written above.
        error_maps: Whether a map below each crop shows where it differs from the true image: the mean of the channels
            in grey levels, on one scale for all maps, with a colour bar.
        dark: In colours for a dark page.
    """

    size: int = 64
    luma: bool = True
    border: int = 0
    ssim: str = "gaussian 11"
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

    PSNR (dB) and SSIM below each are of the whole image; the best PSNR is bold.

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
    columns = _columns(crops, chosen.error_maps)
    layout = _Layout.of(boxes, columns, width / height, chosen)
    figure = new_figure(layout.width, layout.height, theme)
    figure.set_layout_engine("none")  # every place is known, in inches
    tall = layout.thumbnail * height / width
    axes = layout.axes(figure, GAP, layout.head, layout.thumbnail, tall)
    _show(axes, target)
    for number, box in enumerate(boxes, start=1):
        _mark(axes, box, str(number) if len(boxes) > 1 else "")
    _write_title(figure, layout, chosen.title, theme)
    scale = _error_scale(crops, boxes, target) if chosen.error_maps else 0.0
    scores = [c.psnr for c in crops if c.of_model and c.psnr is not None]
    best = max(scores) if scores and len(restored) > 1 else None
    top = layout.head
    for line, line_height in enumerate(layout.lines):
        number, first = line // layout.lines_per_region, line % layout.lines_per_region * layout.per_line
        for column, members in enumerate(columns[first : first + layout.per_line]):
            x = 2 * GAP + layout.thumbnail + column * (SIDE + GAP)
            for row, crop in enumerate(members):
                place = x, top + row * (_crop_size(boxes[number])[0] + layout.words)
                axes, below = _draw_crop(figure, layout, crop, boxes[number], place, target, scale)
                if len(boxes) > 1 and column == row == first == 0:
                    _number(axes, number + 1)
                _caption(below, crop, theme, bold=crop.of_model and crop.psnr is not None and crop.psnr == best)
        top += line_height
    if chosen.error_maps:
        _draw_bar(figure, layout, layout.head + tall + 0.08, scale, theme)
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


def _columns(crops: Sequence[_Crop], error_maps: bool) -> list[list[_Crop]]:
    """The crops by column: with error maps below the others, those without one stand below each other."""
    without = [crop for crop in crops if not crop.comparable]
    if not error_maps or len(without) != 2:
        return [[crop] for crop in crops]
    return [without, *([crop] for crop in crops if crop.comparable)]


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
    words: float

    @classmethod
    def of(
        cls, boxes: Sequence[Region], columns: Sequence[Sequence[_Crop]], aspect: float, options: CropOptions
    ) -> _Layout:
        count = len(columns)
        lines_per_region = -(-count // PER_LINE)
        per_line = -(-count // lines_per_region)
        words = CAPTION + 0.12 * any("\n" in _wrap(c.name) for members in columns for c in members)
        below = 2 if options.error_maps else 1
        between = words if len(columns[0]) > 1 else GAP
        lines = [
            below * _crop_size(b)[0] + (below - 1) * between + words for b in boxes for _ in range(lines_per_region)
        ]
        head = 0.27 if options.title else 0.05
        grid = per_line * (SIDE + GAP)
        room = min(MOST_THUMBNAIL, PRINT_WIDTH - 2 * GAP - grid)
        thumbnail = min(room, max(1.3, (sum(lines) - CAPTION) * aspect))
        bar = BAR_SPACE if options.error_maps else 0.05
        height = max(head + sum(lines), head + thumbnail / aspect + bar)
        return cls(
            2 * GAP + thumbnail + grid, height, head, thumbnail, lines, lines_per_region, per_line, below == 2, words
        )

    def axes(self, figure: Figure, x: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches from the top left corner."""
        bottom = 1 - (top + height) / self.height
        return figure.add_axes((x / self.width, bottom, width / self.width, height / self.height))


def _crop_size(region: Region) -> tuple[float, float]:
    """Height and width in inches at which a region is drawn."""
    longer = max(region[2], region[3])
    return SIDE * region[2] / longer, SIDE * region[3] / longer


def _draw_crop(
    figure: Figure,
    layout: _Layout,
    crop: _Crop,
    box: Region,
    place: tuple[float, float],
    target: Array,
    scale: float,
) -> tuple[Axes, Axes]:
    """A crop and its error map; the axes of the crop, and those that the caption stands below."""
    height, width = _crop_size(box)
    x, top = place[0] + (SIDE - width) / 2, place[1]
    axes = layout.axes(figure, x, top, width, height)
    _show(axes, cut_region(crop.image, box))
    if not (layout.error_maps and crop.comparable):
        return axes, axes
    below = layout.axes(figure, x, top + height + GAP, width, height)
    below.imshow(_error(crop.image, target, box), cmap=ERRORS, vmin=0.0, vmax=scale, interpolation="nearest")
    _hide_frame(below)
    return axes, below


def _error(image: Array, target: Array, box: Region) -> Array:
    """Where a region of an image differs from the true one: the mean of the channels, in grey levels."""
    return np.asarray(np.abs(to_plane(cut_region(image, box)) - to_plane(cut_region(target, box))))


def _error_scale(crops: Sequence[_Crop], boxes: Sequence[Region], target: Array) -> float:
    """Grey levels at which all error maps are brightest: a round number that few pixels exceed."""
    maps = [_error(c.image, target, box).ravel() for c in crops if c.comparable for box in boxes]
    most = max(float(np.quantile(np.concatenate(maps), 0.995)), LEAST_RANGE) if maps else LEAST_RANGE
    return next(float(s) for s in (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256) if s >= min(most, 256.0))


def _draw_bar(figure: Figure, layout: _Layout, top: float, scale: float, theme: Theme) -> None:
    """The colour bar of all error maps, below the picture."""
    axes = layout.axes(figure, GAP, top, layout.thumbnail, BAR)
    bar = figure.colorbar(ScalarMappable(Normalize(0.0, scale), ERRORS), cax=axes, orientation="horizontal")
    bar.set_ticks([0.0, scale / 2, scale], labels=["0", f"{scale / 2:g}", f"≥ {scale:g}"])
    axes.tick_params(colors=theme.soft, labelsize=NOTE, length=2, pad=1.5)
    for label, place in zip(axes.get_xticklabels(), ("left", "center", "right"), strict=True):
        label.set(horizontalalignment=place)
    bar.set_label("absolute error (of 255)", color=theme.ink, fontsize=SMALL, labelpad=1)
    bar.outline.set_visible(False)


def _write_title(figure: Figure, layout: _Layout, title: str, theme: Theme) -> None:
    if title:
        place = GAP / layout.width, 1 - 0.05 / layout.height
        lines = textwrap.wrap(title, int(16 * layout.width))[:2]
        words = "\n".join(literal(line) for line in lines)
        figure.text(*place, words, fontsize=SMALL, color=theme.soft, va="top")


def _caption(axes: Axes, crop: _Crop, theme: Theme, bold: bool) -> None:
    text = f"{_wrap(crop.name)}\n{crop.caption}".strip()
    axes.set_xlabel(literal(text), fontsize=SMALL, color=theme.ink, labelpad=3, fontweight="bold" if bold else "normal")


def _wrap(name: str) -> str:
    """A name of at most two lines that fit below a crop."""
    return "\n".join(textwrap.shorten(part, 20, placeholder="…") for part in textwrap.wrap(name, 18)[:2])


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
    shown = enlarge(degraded, *target.shape[:2])
    # repeated pixels are how a small input is shown, not how it would be enlarged: their PSNR would mean nothing
    whole = degraded.shape == target.shape
    known, words = (
        _scores(shown, target, options) if whole else (None, f"{degraded.shape[1]}×{degraded.shape[0]} pixels")
    )
    found = [
        _Crop("true image", target, "PSNR / SSIM" if options.ssim else "PSNR", None),
        _Crop("degraded", shown, words, known, comparable=whole),
    ]
    for name, image in restored.items():
        mine, text = _scores(image, target, options)
        found.append(_Crop(name, image, text, mine, of_model=True, comparable=True))
    return found


def _scores(image: Array, target: Array, options: CropOptions) -> tuple[float | None, str]:
    """PSNR of a whole image, and it with SSIM as text; None and an empty text where the channels differ."""
    from nas.evaluation.metrics import psnr
    from nas.evaluation.scoring import SSIM

    if image.ndim != target.ndim:
        return None, ""
    luma = options.luma and target.ndim == 3
    value = psnr(image, target, luma, options.border, data_range=255)
    if math.isinf(value):
        return value, "exact"
    if not options.ssim or min(target.shape[:2]) - 2 * options.border < SSIM_WINDOW:
        return value, f"{value:.2f} dB"
    likeness = SSIM[options.ssim](image, target, luma, options.border, data_range=255)
    return value, f"{value:.2f} dB / {likeness:.4f}"


def enlarge(image: Array, height: int, width: int) -> Array:
    """``image`` with its pixels repeated to (height, width); of that size already, it is returned unchanged."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST))


def _mark(axes: Axes, box: Region, label: str) -> None:
    # the thin white line keeps the red one visible on red
    for colour, line in (("white", 3.2), (RED, 1.8)):
        axes.add_patch(
            Rectangle((box[1] - 0.5, box[0] - 0.5), box[3], box[2], fill=False, edgecolor=colour, linewidth=line)
        )
    if label:
        axes.text(box[1], box[0], label, color="white", fontsize=NOTE, va="bottom", ha="left", bbox=LABEL)


def _number(axes: Axes, number: int) -> None:
    """The number of a region in the corner of its first crop."""
    place = axes.transAxes
    axes.text(0.03, 0.97, str(number), transform=place, color="white", fontsize=NOTE, va="top", bbox=LABEL)


def _show(axes: Axes, image: Array) -> None:
    picture = np.clip(np.asarray(image, dtype=np.float32), 0, 255) / 255
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _hide_frame(axes)


def _hide_frame(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
