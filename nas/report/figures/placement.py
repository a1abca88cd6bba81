"""Where a legend or an inset stands inside axes without covering a marker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.labels import Box, radius

#: x, y and area (points squared) of a marker, x and y in data coordinates
Marker = tuple[float, float, float]
#: how often the lower end of the y axis moves, and by which share of its span, to make space
TRIES, STEP = 8, 0.09
#: places that are tried along the width and the height of the axes
COLUMNS, LINES = 25, 13
#: pixels left free around what is placed
MARGIN = 5.0


def free_place(
    figure: Figure, axes: Axes, size: tuple[float, float], markers: Sequence[Marker], taken: Sequence[Box] = ()
) -> Box:
    """A free place inside axes, nearest to a corner; the y axis is extended downwards where there is none.

    Args:
        figure: The figure that holds the axes, which has been drawn once.
        axes: Axes with their final limits; only the lower end of y may change.
        size: Width and height in pixels.
        markers: What is not to be covered.
        taken: Boxes in pixels that are not to be covered either; they stand relative to the axes, and so stay in place.

    Returns:
        The box in pixels; in a crowd without any space the lower right corner.
    """
    for _ in range(TRIES):
        found = _free(figure, axes, size, markers, taken)
        if found is not None:
            return found
        low, high = axes.get_ylim()
        axes.set_ylim(low - STEP * (high - low), high)
    frame = axes.get_window_extent()
    return frame.x1 - size[0], frame.y0, frame.x1, frame.y0 + size[1]


def _free(
    figure: Figure, axes: Axes, size: tuple[float, float], markers: Sequence[Marker], taken: Sequence[Box]
) -> Box | None:
    frame = axes.get_window_extent()
    circles = np.array([(*axes.transData.transform(m[:2]), radius(m[2]) * figure.dpi / 72) for m in markers])
    walls = np.asarray(taken, dtype=float).reshape(-1, 4)
    best: tuple[float, Box] | None = None
    for x in np.linspace(frame.x0 + MARGIN, frame.x1 - MARGIN - size[0], COLUMNS):
        for y in np.linspace(frame.y0 + MARGIN, frame.y1 - MARGIN - size[1], LINES):
            box = (float(x), float(y), float(x + size[0]), float(y + size[1]))
            if _covers(box, circles.reshape(-1, 3), walls):
                continue
            # the lower right corner of a chart of quality against cost is where no good model is
            to_corner = min(x - frame.x0, 0.7 * (frame.x1 - box[2])) + min(y - frame.y0, frame.y1 - box[3])
            if best is None or to_corner < best[0] - 1e-6:
                best = to_corner, box
    return best[1] if best else None


def _covers(box: Box, circles: np.ndarray, walls: np.ndarray) -> bool:
    left, bottom, right, top = box
    x = np.clip(circles[:, 0], left, right) - circles[:, 0]
    y = np.clip(circles[:, 1], bottom, top) - circles[:, 1]
    if bool((np.hypot(x, y) < circles[:, 2] + MARGIN).any()):
        return True
    apart = (walls[:, 0] > right + MARGIN) | (walls[:, 2] < left - MARGIN)
    apart |= (walls[:, 1] > top + MARGIN) | (walls[:, 3] < bottom - MARGIN)
    return not bool(apart.all())
