"""The same detail from every model side by side, with its PSNR, and where in the picture it stands."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.errors import UsageError
from nas.report.figures.style import DARK, LIGHT, new_figure

Array = npt.NDArray[Any]
Region = tuple[int, int, int, int]  # top, left, height, width in pixels of the target
RED = "#e01b24"
LABEL: dict[str, Any] = {"facecolor": RED, "edgecolor": "none", "pad": 1.2}
SIDE, GAP, CAPTION = 1.3, 0.08, 0.42  # inches: the longer side of a crop, between crops, for the words below
ERROR_RANGE = 32.0  # grey levels at which an error map is brightest


def crop_figure(
    target: Array,
    degraded: Array,
    restored: Mapping[str, Array],
    *,
    region: Region | Sequence[Region] | None = None,
    size: int = 64,
    luma: bool = True,
    border: int = 0,
    title: str = "",
    error_maps: bool = False,
    dark: bool = False,
) -> Figure:
    """Thumbnail with red boxes; then the crops of the true, the degraded and each restored image.

    Images are (H, W) or (H, W, 3), 0..255, restored ones of the target's size; a smaller degraded one is
    enlarged by repetition, so that its pixels show. ``region``: one or several; chosen by ``interesting_region``
    when None. PSNR (dB) under each is of the whole image (``luma``, ``border`` as in the task's protocol); the best
    stands in bold. ``error_maps`` adds below each crop where it differs from the truth (mean of the channels, 0 to
    ``ERROR_RANGE`` grey levels).
    """
    _check(target, restored)
    height, width = target.shape[:2]
    shown = enlarge(degraded, height, width)
    boxes = _boxes(region, target, restored, size)
    for box in boxes:
        check_region(box, height, width)
    theme = DARK if dark else LIGHT
    entries = _entries(target, degraded, shown, restored, luma, border)
    per_line = len(entries) if len(entries) <= 6 else min(6, -(-len(entries) // 2))
    lines = -(-len(entries) // per_line)
    heights = [SIDE * b[2] / max(b[2], b[3]) for b in boxes for _ in range(lines)]
    words = CAPTION + 0.12 * any("\n" in _wrap(e.name) for e in entries)
    block = [h * (2 if error_maps else 1) + (GAP if error_maps else 0) + words for h in heights]
    head = 0.28 if title else 0.05
    tall = head + sum(block)
    thumb = min(3.4, max(1.3, (tall - head - CAPTION) * width / height))
    tall = max(tall, head + thumb * height / width + 0.05)
    wide = 2 * GAP + thumb + per_line * (SIDE + GAP)
    figure = new_figure(wide, tall, theme)
    figure.set_layout_engine("none")  # every place is known, in inches

    def place(x: float, top: float, w: float, h: float) -> Any:
        return figure.add_axes((x / wide, 1 - (top + h) / tall, w / wide, h / tall))

    axes = place(GAP, head, thumb, thumb * height / width)
    _show(axes, target)
    for number, box in enumerate(boxes, start=1):
        _mark(axes, box, str(number) if len(boxes) > 1 else "")
    if title:
        figure.text(GAP / wide, 1 - 0.12 / tall, title, fontsize=7.5, color=theme.soft, va="center")
    best = max((e.psnr for e in entries if e.model and e.psnr is not None), default=None)
    top = head
    for line, (height_, block_) in enumerate(zip(heights, block, strict=True)):
        box = boxes[line // lines]
        w = SIDE * box[3] / max(box[2], box[3])
        first = line % lines * per_line
        for column, entry in enumerate(entries[first : first + per_line]):
            x = 2 * GAP + thumb + column * (SIDE + GAP) + (SIDE - w) / 2
            under = axes = place(x, top, w, height_)
            _show(axes, cut(entry.image, box))
            if len(boxes) > 1 and column == 0 and first == 0:
                axes.text(
                    0.03,
                    0.97,
                    str(line // lines + 1),
                    transform=axes.transAxes,
                    color="white",
                    fontsize=7,
                    va="top",
                    bbox=LABEL,
                )
            if error_maps and entry.comparable:
                under = place(x, top + height_ + GAP, w, height_)
                _show_error(under, cut(entry.image, box), cut(target, box))
            strong = entry.model and entry.psnr is not None and entry.psnr == best and len(restored) > 1
            text = f"{_wrap(entry.name)}\n{entry.caption}".strip()
            weight = "bold" if strong else "normal"
            under.set_xlabel(text, fontsize=7.5, color=theme.ink, labelpad=3, fontweight=weight)
        top += block_
    return figure


def _wrap(name: str) -> str:
    """A name of at most two lines that fit under a crop."""
    return "\n".join(textwrap.shorten(part, 22, placeholder="…") for part in textwrap.wrap(name, 20)[:2])


@dataclass(frozen=True)
class _Entry:
    """One crop: ``model`` for a model's output, ``comparable`` where an error against the truth means something."""

    name: str
    image: Array
    caption: str
    psnr: float | None
    model: bool = False
    comparable: bool = False


def _check(target: Array, restored: Mapping[str, Array]) -> None:
    if not restored:
        raise UsageError("a visual comparison needs at least one restored image; give a model's output")
    for name, image in restored.items():
        if image.shape[:2] != target.shape[:2]:
            raise UsageError(
                f"the output of {name!r} is {image.shape[1]}x{image.shape[0]} but the true image "
                f"{target.shape[1]}x{target.shape[0]}; crop them to the same pixels first"
            )


def _boxes(
    region: Region | Sequence[Region] | None, target: Array, restored: Mapping[str, Array], size: int
) -> list[Region]:
    if region is None:
        return [interesting_region(target, restored, size)]
    if region and isinstance(region[0], int):
        return [region]  # type: ignore[list-item]
    return list(region)  # type: ignore[arg-type]


def _entries(
    target: Array, degraded: Array, shown: Array, restored: Mapping[str, Array], luma: bool, border: int
) -> list[_Entry]:
    from nas.evaluation.metrics import psnr

    def value(image: Array) -> float | None:
        if image.ndim != target.ndim:
            return None
        return psnr(image, target, luma=luma and target.ndim == 3, border=border)

    # repeated pixels are how a small input is shown, not how it would be enlarged: their PSNR would mean nothing
    whole = degraded.shape == target.shape
    known = value(shown) if whole else None
    words = _decibel(known) if whole else f"{degraded.shape[1]}×{degraded.shape[0]} pixels"
    found = [_Entry("true image", target, "PSNR", None), _Entry("degraded", shown, words, known, comparable=whole)]
    for name, image in restored.items():
        mine = value(image)
        found.append(_Entry(name, image, _decibel(mine), mine, model=True, comparable=True))
    return found


def interesting_region(target: Array, restored: Mapping[str, Array], size: int = 64) -> Region:
    """The square where the models differ most; with one model, where it differs most from the truth.

    Where nothing differs, the square with the most detail. ``size`` is cut down to the image's. Deterministic.
    """
    return interesting_regions(target, restored, size, 1)[0]


def interesting_regions(target: Array, restored: Mapping[str, Array], size: int = 64, count: int = 1) -> list[Region]:
    """Up to ``count`` squares that do not overlap, the most interesting first (see ``interesting_region``)."""
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
    found: list[Region] = []
    while len(found) < max(count, 1):
        top, left = (int(v) for v in np.unravel_index(int(np.argmax(sums)), sums.shape))
        if not np.isfinite(sums[top, left]):
            break
        found.append((top, left, side, side))
        sums[max(0, top - side + 1) : top + side, max(0, left - side + 1) : left + side] = -np.inf
    return found


def cut(image: Array, region: Region) -> Array:
    """The pixels of a region."""
    return image[region[0] : region[0] + region[2], region[1] : region[1] + region[3]]


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


def parse_region(text: str) -> Region:
    """``x,y,w,h`` in pixels of the true image, from its top left corner, as (top, left, height, width)."""
    try:
        x, y, wide, tall = (int(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        raise UsageError(f"--region {text!r} is not x,y,w,h in pixels, e.g. --region 120,40,64,64") from None
    return y, x, tall, wide


def _plane(image: Array) -> npt.NDArray[np.float32]:
    plane = np.asarray(image, dtype=np.float32)
    return plane.mean(axis=2) if plane.ndim == 3 else plane


def _decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} dB"


def _mark(axes: Any, box: Region, label: str) -> None:
    # the thin white line keeps the red one visible on red
    for colour, line in (("white", 3.2), (RED, 1.8)):
        axes.add_patch(
            Rectangle((box[1] - 0.5, box[0] - 0.5), box[3], box[2], fill=False, edgecolor=colour, linewidth=line)
        )
    if label:
        axes.text(box[1], box[0], label, color="white", fontsize=7, va="bottom", ha="left", bbox=LABEL)


def _show_error(axes: Any, image: Array, target: Array) -> None:
    error = np.abs(_plane(image) - _plane(target))
    axes.imshow(error, cmap="inferno", vmin=0.0, vmax=ERROR_RANGE, interpolation="nearest")
    _bare(axes)


def _show(axes: Any, image: Array) -> None:
    picture = np.clip(np.asarray(image, dtype=np.float32), 0, 255) / 255
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    _bare(axes)


def _bare(axes: Any) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
