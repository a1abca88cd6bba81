"""Names beside the markers of a figure, none over another: greedy placement, improved in a few rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from nas.report.figures.style import Theme, literal

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Spot:
    """Where a name is written.

    Attributes:
        box: Its bounding box in pixels.
        distance: From the rim of its marker, in pixels.
    """

    box: Box
    distance: float


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
) -> list[Spot]:
    """Find a place for the name of each marker; the same arguments give the same places.

    Candidates stand around the marker at growing distances. Those in a crowd are placed first. Names may not overlap as
    long as any candidate avoids it; an overlap with a marker or an obstacle only counts against a candidate.

    Args:
        centres: Centres of the markers in pixels.
        radii: Their radii in pixels.
        sizes: Width and height of the names in pixels.
        frame: The box in which all names are to stand.
        margin: Pixels to be left free around a name.
        obstacles: Boxes that names should leave free.

    Returns:
        A place for each marker, in the same order.
    """
    points, rims = np.asarray(centres, dtype=float).reshape(-1, 2), np.asarray(radii, dtype=float)
    markers = np.column_stack([points - rims[:, None], points + rims[:, None]])  # (n, 4)
    walls = np.asarray(obstacles, dtype=float).reshape(-1, 4)
    apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))  # (n, n)
    crowding = (apart < 90).sum(axis=1)
    order = sorted(range(len(points)), key=lambda i: (-crowding[i], points[i, 0], i))
    placed = np.full((len(points), 4), np.nan)
    found: dict[int, Spot] = {}
    for _ in range(3):  # later rounds let early labels move to what has become the best free place
        for i in order:
            boxes, distances = _candidates(points[i], float(rims[i]), sizes[i])  # (k, 4), (k,)
            others = np.arange(len(points)) != i
            taken = placed[others & ~np.isnan(placed[:, 0])]
            grown = boxes + np.array([-margin, -margin, margin, margin])
            hard = overlap(grown[:, None], taken[None]).sum(axis=1)
            hard += 4.0 * (sizes[i][0] * sizes[i][1] - overlap(boxes, np.asarray(frame, dtype=float)))
            soft = overlap(boxes[:, None], markers[others][None]).sum(axis=1)
            soft += overlap(boxes[:, None], walls[None]).sum(axis=1)
            # a name nearer to another marker than to its own would be read as that one's
            stolen = (_gaps(boxes, points[others], rims[others]) < distances[:, None]).sum(axis=1)
            soft = soft * 2.0 + distances * 9.0 + stolen * 70.0
            best = int(np.lexsort((soft, np.where(hard > 1e-6, hard, 0.0)))[0])
            placed[i] = boxes[best]
            left, bottom, right, top = (float(v) for v in boxes[best])
            found[i] = Spot((left, bottom, right, top), float(distances[best]))
    return [found[i] for i in range(len(points))]


def _gaps(boxes: Floats, points: Floats, rims: Floats) -> Floats:
    """Distance from the rim of each marker to each box, (boxes, markers); negative where they overlap."""
    x = np.clip(points[None, :, 0], boxes[:, None, 0], boxes[:, None, 2]) - points[None, :, 0]
    y = np.clip(points[None, :, 1], boxes[:, None, 1], boxes[:, None, 3]) - points[None, :, 1]
    gaps: Floats = np.hypot(x, y) - rims[None]
    return gaps


def _candidates(centre: Floats, radius: float, size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Boxes (k, 4) around a marker, whose nearest edge or corner (not middle) stands at each distance (k)."""
    steps = np.array([4.0, 7.0, 12.0, 20.0, 30.0, 42.0, 56.0, 75.0, 100.0, 130.0, 170.0, 220.0])
    angles = np.arange(16) * np.pi / 8
    distance, angle = (v.ravel() for v in np.meshgrid(steps, angles, indexing="ij"))
    direction = np.column_stack([np.cos(angle), np.sin(angle)])
    half = np.asarray(size, dtype=float) / 2
    middle = centre + direction * ((radius + distance)[:, None] + half)
    return np.column_stack([middle - half, middle + half]), distance


def write_labels(
    figure: Figure,
    axes: Axes,
    theme: Theme,
    points: Sequence[tuple[float, float]],
    areas: Sequence[float],
    names: Sequence[str],
    strong: Sequence[bool],
    others: Sequence[tuple[float, float]] = (),
) -> None:
    """Write a name beside each point, so that no two names overlap. The axes must have their final limits.

    Args:
        figure: The figure that holds the axes.
        axes: Where the points are drawn.
        theme: Colours.
        points: In data coordinates.
        areas: Of the markers, in points squared.
        names: A name for each point.
        strong: Whether each name is bold.
        others: Small markers without a name, in data coordinates, which names should leave free.
    """
    texts = []
    for point, name, bold in zip(points, names, strong, strict=True):
        texts.append(
            axes.annotate(
                literal(name),
                xy=point,
                fontsize=7.5,
                color=theme.ink,
                zorder=5,
                fontweight="bold" if bold else "normal",
                ha="center",
                va="center",
                annotation_clip=False,
            )
        )
        texts[-1].set_in_layout(False)
        texts[-1].set_path_effects([withStroke(linewidth=1.6, foreground=theme.paper)])
    figure.draw_without_rendering()  # constrained layout settles the axes before anything is measured
    pixel = figure.dpi / 72
    extents = [t.get_window_extent() for t in texts]
    centres = [tuple(axes.transData.transform(p)) for p in points]
    radii = [math.sqrt(a / math.pi) * pixel for a in areas]
    box = axes.get_window_extent()
    free = [axes.transData.transform(p) for p in others]
    walls = [(x - 3 * pixel, y - 3 * pixel, x + 3 * pixel, y + 3 * pixel) for x, y in free]
    sizes = [(e.width, e.height) for e in extents]
    spots = place_labels(centres, radii, sizes, (box.x0, box.y0, box.x1, box.y1), obstacles=walls)
    for text, spot, centre in zip(texts, spots, centres, strict=True):
        x, y = (spot.box[0] + spot.box[2]) / 2, (spot.box[1] + spot.box[3]) / 2
        text.set_position(tuple(axes.transData.inverted().transform((x, y))))
        if spot.distance > 10:  # far enough that the eye needs a line
            near = (min(max(centre[0], spot.box[0]), spot.box[2]), min(max(centre[1], spot.box[1]), spot.box[3]))
            ends = axes.transData.inverted().transform([centre, near])
            axes.plot(ends[:, 0], ends[:, 1], color=theme.soft, linewidth=0.5, zorder=1.8, scalex=False, scaley=False)
