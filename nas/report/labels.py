"""Where to write names beside bubbles so that no two names overlap: greedy placement with repair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class Spot:
    """A label's place: its box and how far it stands from its bubble's rim (all in pixels)."""

    box: Box
    distance: float


def overlap(a: Box, b: Box) -> float:
    """Area common to two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def place_labels(
    centres: Sequence[tuple[float, float]],
    radii: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    margin: float = 2.0,
) -> list[Spot]:
    """A box of ``sizes[i]`` for each bubble, inside ``frame``, none overlapping another.

    Candidates stand around the bubble at growing distances. Crowded bubbles are placed first; an overlap of
    labels is forbidden as long as any candidate avoids it, one with a bubble only costs. Deterministic.
    """
    bubbles = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(centres, radii, strict=True)]
    crowding = [sum(math.dist(c, other) < 90 for other in centres) for c in centres]
    order = sorted(range(len(centres)), key=lambda i: (-crowding[i], centres[i][0], i))
    spots: dict[int, Spot] = {}

    def cost(index: int, spot: Spot) -> tuple[float, float]:
        box = spot.box
        grown = (box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin)
        hard = sum(overlap(grown, s.box) for j, s in spots.items() if j != index)
        area = (box[2] - box[0]) * (box[3] - box[1])
        inside = overlap(box, frame)
        hard += 4.0 * max(area - inside, 0.0)
        soft = sum(overlap(box, b) for j, b in enumerate(bubbles) if j != index)
        # a name nearer to another bubble than to its own would be read as that one's
        stolen = sum(
            _gap(box, c, r) < spot.distance for j, (c, r) in enumerate(zip(centres, radii, strict=True)) if j != index
        )
        return hard if hard > 1e-6 else 0.0, soft * 2.0 + spot.distance * 9.0 + stolen * 70.0

    for _ in range(3):  # later rounds let early labels move to what has become the best free place
        for i in order:
            candidates = _candidates(centres[i], radii[i], sizes[i])
            spots[i] = min(candidates, key=lambda spot: cost(i, spot))
    return [spots[i] for i in range(len(centres))]


def _gap(box: Box, centre: tuple[float, float], radius: float) -> float:
    """Distance from a bubble's rim to a box; negative when they overlap."""
    x = min(max(centre[0], box[0]), box[2])
    y = min(max(centre[1], box[1]), box[3])
    return math.dist((x, y), centre) - radius


def _candidates(centre: tuple[float, float], radius: float, size: tuple[float, float]) -> list[Spot]:
    width, height = size
    spots = []
    for distance in (3.0, 6.0, 12.0, 20.0, 30.0, 42.0, 56.0, 75.0, 100.0, 130.0, 170.0, 220.0):
        for step in range(16):
            angle = step * math.pi / 8
            dx, dy = math.cos(angle), math.sin(angle)
            # the label's nearest edge or corner, not its middle, stands at the distance
            x = centre[0] + dx * (radius + distance) + dx * width / 2
            y = centre[1] + dy * (radius + distance) + dy * height / 2
            spots.append(Spot((x - width / 2, y - height / 2, x + width / 2, y + height / 2), distance))
    return spots
