"""Names beside the markers of a figure, none over another or over a marker: greedy placement in a few rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from nas.report.figures.style import NOTE, Theme, literal

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top
#: letters of a name that stands in a figure
LONGEST_NAME = 32


@dataclass(frozen=True)
class Spot:
    """Where a name is written.

    Attributes:
        box: Its bounding box in pixels.
        distance: From the rim of its marker, in pixels.
        free: Whether nothing else is there.
    """

    box: Box
    distance: float
    free: bool = True


def overlap(a: Floats, b: Floats) -> Floats:
    """The area that two boxes share.

    Args:
        a: Boxes (..., 4): left, bottom, right, top.
        b: Boxes (..., 4), broadcast against ``a``.

    Returns:
        Areas (...), zero where two boxes are apart.
    """
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    area: Floats = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return area


def place_labels(
    centres: Sequence[tuple[float, float]],
    radii: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    margin: float = 2.0,
    obstacles: Sequence[Box] = (),
    lines: Sequence[Box] = (),
) -> list[Spot]:
    """Find a place for the name of each marker; the same arguments give the same places.

    Candidates stand around the marker at growing distances. Those in a crowd are placed first. A name stands in the
    frame, on no other name, on no marker and on no obstacle as long as any candidate does; of those that do, one near
    its own marker is taken, on no line, whose leader runs through no other marker.

    Args:
        centres: Centres of the markers in pixels.
        radii: Their radii in pixels.
        sizes: Width and height of the names in pixels.
        frame: The box in which all names are to stand.
        margin: Pixels to be left free around a name.
        obstacles: Boxes that names should leave free.
        lines: Thin boxes that names rather do not stand on.

    Returns:
        A place for each marker, in the same order.
    """
    points, rims = np.asarray(centres, dtype=float).reshape(-1, 2), np.asarray(radii, dtype=float)
    walls = np.asarray(obstacles, dtype=float).reshape(-1, 4)
    thin = np.asarray(lines, dtype=float).reshape(-1, 4)
    rounds = np.column_stack([points - rims[:, None], points + rims[:, None]])
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))  # (n, n)
    crowding = (apart < 90).sum(axis=1)
    order = sorted(range(len(points)), key=lambda i: (-crowding[i], points[i, 0], i))
    placed = np.full((len(points), 4), np.nan)
    found: dict[int, Spot] = {}
    for _ in range(3):  # later rounds let early labels move to what has become the best free place
        for i in order:
            boxes, distances = _candidates(points[i], float(rims[i]), sizes[i], frame)  # (k, 4), (k,)
            others = np.arange(len(points)) != i
            taken = placed[others & ~np.isnan(placed[:, 0])]
            grown = boxes + np.array([-margin, -margin, margin, margin])
            hard = overlap(grown[:, None], np.concatenate([taken, walls])[None]).sum(axis=1)
            hard += 4.0 * (sizes[i][0] * sizes[i][1] - overlap(boxes, np.asarray(frame, dtype=float)))
            gaps = _gaps(boxes, points, rims)
            hard += 20.0 * np.maximum(margin - gaps, 0.0).sum(axis=1)
            gaps = gaps[:, others]
            # a name nearer to another marker than to its own would be read as that one's
            soft = distances * 14.0 + (gaps < distances[:, None] + 8.0).sum(axis=1) * 400.0
            soft += 300.0 * _crossings(points[i], boxes, taken)
            soft += 150.0 * _crossings(points[i], boxes, np.concatenate([rounds[others], walls]))
            soft += 20.0 * (overlap(grown[:, None], thin[None]) > 0).sum(axis=1)
            best = int(np.lexsort((soft, np.where(hard > 1e-6, hard, 0.0)))[0])
            placed[i] = boxes[best]
            left, bottom, right, top = (float(v) for v in boxes[best])
            found[i] = Spot((left, bottom, right, top), float(distances[best]), bool(hard[best] <= 1e-6))
    return [found[i] for i in range(len(points))]


def _gaps(boxes: Floats, points: Floats, rims: Floats) -> Floats:
    """Distance from the rim of each marker to each box, (boxes, markers); negative where they overlap."""
    x = np.clip(points[None, :, 0], boxes[:, None, 0], boxes[:, None, 2]) - points[None, :, 0]
    y = np.clip(points[None, :, 1], boxes[:, None, 1], boxes[:, None, 3]) - points[None, :, 1]
    gaps: Floats = np.hypot(x, y) - rims[None]
    return gaps


def _crossings(centre: Floats, boxes: Floats, taken: Floats) -> Floats:
    """How many of the boxes ``taken`` the line from a marker to each candidate box (k, 4) would run through, (k,)."""
    near = np.clip(centre, boxes[:, :2], boxes[:, 2:])  # (k, 2)
    steps = np.linspace(0.0, 1.0, 9)[:, None, None]
    along = (centre + steps * (near - centre))[:, :, None]  # (9, k, 1, 2)
    inside = (along >= taken[None, None, :, :2]).all(axis=-1) & (along <= taken[None, None, :, 2:]).all(axis=-1)
    return np.asarray(inside.any(axis=0).sum(axis=-1), dtype=np.float64)


def _candidates(centre: Floats, radius: float, size: tuple[float, float], frame: Box) -> tuple[Floats, Floats]:
    """Boxes (k, 4) around a marker, whose nearest edge or corner (not middle) stands at each distance (k).

    Those of a marker at the edge of the frame are pushed up or down into it.
    """
    steps = np.array([4.0, 7.0, 12.0, 20.0, 30.0, 42.0, 56.0, 75.0, 100.0, 130.0, 170.0, 220.0])
    angles = np.arange(16) * np.pi / 8
    distance, angle = (v.ravel() for v in np.meshgrid(steps, angles, indexing="ij"))
    direction = np.column_stack([np.cos(angle), np.sin(angle)])
    half = np.asarray(size, dtype=float) / 2
    middle = centre + direction * ((radius + distance)[:, None] + half)
    low, high = frame[1] + half[1] + 1, frame[3] - half[1] - 1
    if low < high:
        middle[:, 1] = np.clip(middle[:, 1], low, high)
    return np.column_stack([middle - half, middle + half]), distance


@dataclass(frozen=True)
class NamedPoint:
    """A marker that gets a name.

    Attributes:
        x: In data coordinates.
        y: In data coordinates.
        area: Of the marker, in points squared.
        name: What is written.
        strong: Whether the name is bold.
    """

    x: float
    y: float
    area: float
    name: str
    strong: bool = False


def write_labels(
    figure: Figure,
    axes: Axes,
    theme: Theme,
    points: Sequence[NamedPoint],
    others: Sequence[tuple[float, float, float]] = (),
    boxes: Sequence[Box] = (),
    fronts: Sequence[Sequence[tuple[float, float]]] = (),
) -> list[Text]:
    """Write a name beside each point: on no other name, on no marker, in no box. The axes must have their final limits.

    Args:
        figure: The figure that holds the axes.
        axes: Where the points are drawn.
        theme: Colours.
        points: The markers with their names. Where there is no free place for a name it is left out.
        others: x, y and area (points squared) of markers without a name.
        boxes: What names keep free besides, in pixels.
        fronts: Lines in steps, as the corners (x, y) that ``drawstyle="steps-post"`` joins; names avoid them.

    Returns:
        The names that were written.
    """
    texts = [_text(axes, point, theme) for point in points]
    figure.draw_without_rendering()  # constrained layout settles the axes before anything is measured
    pixel = figure.dpi / 72
    extents = [t.get_window_extent() for t in texts]
    places = axes.transData.transform([(p.x, p.y) for p in points] or np.zeros((0, 2)))
    centres = [(float(x), float(y)) for x, y in places]
    box = axes.get_window_extent()
    walls = list(boxes)
    for x, y, area in others:
        (u, v), r = axes.transData.transform((x, y)), radius(area) * pixel
        walls.append((u - r, v - r, u + r, v + r))
    sizes = [(e.width, e.height) for e in extents]
    radii = [radius(p.area) * pixel for p in points]
    spots = place_labels(centres, radii, sizes, (box.x0, box.y0, box.x1, box.y1), 2.0, walls, _stairs(axes, fronts))
    written = []
    for text, spot, centre in zip(texts, spots, centres, strict=True):
        if not spot.free:
            text.remove()
            continue
        x, y = (spot.box[0] + spot.box[2]) / 2, (spot.box[1] + spot.box[3]) / 2
        text.set_position(tuple(axes.transData.inverted().transform((x, y))))
        written.append(text)
        if spot.distance > 10:  # far enough that the eye needs a line
            near = (min(max(centre[0], spot.box[0]), spot.box[2]), min(max(centre[1], spot.box[1]), spot.box[3]))
            ends = axes.transData.inverted().transform([centre, near])
            axes.plot(ends[:, 0], ends[:, 1], color=theme.soft, linewidth=0.5, zorder=1.8, scalex=False, scaley=False)
    return written


def _stairs(axes: Axes, fronts: Sequence[Sequence[tuple[float, float]]]) -> list[Box]:
    """The pieces of lines in steps as boxes in pixels, a pixel thick: along x first, then up."""
    boxes: list[Box] = []
    for front in fronts:
        corners = axes.transData.transform(np.asarray(front, dtype=float).reshape(-1, 2))
        for (x0, y0), (x1, y1) in pairwise(corners.tolist()):
            boxes += [(x0, y0 - 1, x1, y0 + 1), (x1 - 1, min(y0, y1), x1 + 1, max(y0, y1))]
    return boxes


def radius(area: float) -> float:
    """Radius in points of a round marker of an area in points squared, its rim included."""
    return math.sqrt(area / math.pi) + 0.6


def short_name(name: str) -> str:
    """``name``, without its middle where it is longer than ``LONGEST_NAME`` letters."""
    half = LONGEST_NAME // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}"


def _text(axes: Axes, point: NamedPoint, theme: Theme) -> Text:
    text = axes.annotate(
        literal(short_name(point.name)),
        xy=(point.x, point.y),
        fontsize=NOTE,
        color=theme.ink,
        zorder=5,
        fontweight="bold" if point.strong else "normal",
        ha="center",
        va="center",
        annotation_clip=False,
    )
    text.set_in_layout(False)
    text.set_path_effects([withStroke(linewidth=1.6, foreground=theme.paper)])
    return text
