"""Where to write names beside bubbles so that no two names overlap: greedy placement with repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Spot:
    """A label's place: its box and how far it stands from its bubble's rim (all in pixels)."""

    box: Box
    distance: float


def overlap(a: Floats, b: Floats) -> Floats:
    """Area common to boxes (..., 4) and boxes (..., 4), broadcast."""
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
    """A box of ``sizes[i]`` for each bubble, inside ``frame``, none overlapping another.

    Candidates stand around the bubble at growing distances. Crowded bubbles are placed first; an overlap of
    labels is forbidden as long as any candidate avoids it, one with a bubble or with ``obstacles`` only costs.
    Deterministic.
    """
    points, rims = np.asarray(centres, dtype=float).reshape(-1, 2), np.asarray(radii, dtype=float)
    bubbles = np.column_stack([points - rims[:, None], points + rims[:, None]])  # (n, 4)
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
            soft = overlap(boxes[:, None], bubbles[others][None]).sum(axis=1)
            soft += overlap(boxes[:, None], walls[None]).sum(axis=1)
            # a name nearer to another bubble than to its own would be read as that one's
            stolen = (_gaps(boxes, points[others], rims[others]) < distances[:, None]).sum(axis=1)
            soft = soft * 2.0 + distances * 9.0 + stolen * 70.0
            best = int(np.lexsort((soft, np.where(hard > 1e-6, hard, 0.0)))[0])
            placed[i] = boxes[best]
            left, bottom, right, top = (float(v) for v in boxes[best])
            found[i] = Spot((left, bottom, right, top), float(distances[best]))
    return [found[i] for i in range(len(points))]


def _gaps(boxes: Floats, points: Floats, rims: Floats) -> Floats:
    """Distance from each bubble's rim to each box, (boxes, bubbles); negative where they overlap."""
    x = np.clip(points[None, :, 0], boxes[:, None, 0], boxes[:, None, 2]) - points[None, :, 0]
    y = np.clip(points[None, :, 1], boxes[:, None, 1], boxes[:, None, 3]) - points[None, :, 1]
    gaps: Floats = np.hypot(x, y) - rims[None]
    return gaps


def _candidates(centre: Floats, radius: float, size: tuple[float, float]) -> tuple[Floats, Floats]:
    """Boxes around a bubble whose nearest edge or corner (not middle) stands at each distance."""
    steps = np.array([4.0, 7.0, 12.0, 20.0, 30.0, 42.0, 56.0, 75.0, 100.0, 130.0, 170.0, 220.0])
    angles = np.arange(16) * np.pi / 8
    distance, angle = (v.ravel() for v in np.meshgrid(steps, angles, indexing="ij"))
    direction = np.column_stack([np.cos(angle), np.sin(angle)])
    half = np.asarray(size, dtype=float) / 2
    middle = centre + direction * ((radius + distance)[:, None] + half)
    return np.column_stack([middle - half, middle + half]), distance
