"""The Pareto archive of a search: every genotype that no other one beats in all objectives."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.files import write_text
from nas.objectives.objectives import direction
from nas.space import Genotype


def gains(values: Mapping[str, float], objectives: Sequence[str]) -> tuple[float, ...]:
    """The objectives in order, each so that larger is better."""
    return tuple(values[n] if direction(n) == "maximize" else -values[n] for n in objectives)


def dominates(a: Mapping[str, float], b: Mapping[str, float], objectives: Sequence[str]) -> bool:
    """Whether ``a`` is at least as good as ``b`` in every objective and better in one."""
    ours, theirs = gains(a, objectives), gains(b, objectives)
    return all(x >= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs


def hypervolume(
    points: Iterable[Sequence[float]], reference: Sequence[float], objectives: Sequence[str] = ("psnr", "macs")
) -> float:
    """The volume that ``points`` dominate and ``reference`` bounds (Zitzler and Thiele, PPSN 1998).

    For two objectives it is the area under the front; any number is allowed, and time grows as n ** (M - 1) log n for
    n points and M objectives.

    Args:
        points: Values of each point in the order of ``objectives``; dominated ones add nothing, nor do those that
            are no better than the reference in some objective.
        reference: A value of each objective, as bad as or worse than all that should count.
        objectives: Names, which say whether larger (a quality) or smaller (a cost) is better. The default is a
            quality and a cost.

    Returns:
        The volume in the product of the objectives' units, at least 0.
    """
    signs = [1.0 if direction(name) == "maximize" else -1.0 for name in objectives]
    extents = [
        tuple(sign * (value - low) for sign, value, low in zip(signs, point, reference, strict=True))
        for point in points
    ]
    return _volume([extent for extent in extents if min(extent) > 0])


def _volume(extents: Sequence[tuple[float, ...]]) -> float:
    """The volume of the union of boxes that have one corner at the origin and these edge lengths."""
    if not extents:
        return 0.0
    if len(extents[0]) == 1:
        return max(extent[0] for extent in extents)
    volume, best = 0.0, 0.0
    ordered = sorted(extents, reverse=True)
    for k, extent in enumerate(ordered):  # slices along the first axis, each as wide as the boxes that reach it
        below = ordered[k + 1][0] if k + 1 < len(ordered) else 0.0
        if len(extent) == 2:
            best = max(best, extent[1])
        elif extent[0] > below:
            best = _volume([other[1:] for other in ordered[: k + 1]])
        volume += (extent[0] - below) * best
    return volume


@dataclass(frozen=True)
class Point:
    """A genotype and its values.

    Attributes:
        genotype: What was evaluated.
        values: Its objectives by name, and what else is known of it (further costs).
    """

    genotype: Genotype
    values: dict[str, float]


class ParetoArchive:
    """The non-dominated points of all that were inserted, in the order of insertion.

    With one objective these are the best and its equals. Equal points of different genotypes are all kept.

    Args:
        objectives: Their names, the quality first (``nas.objectives.objectives.objectives_of``).
    """

    def __init__(self, objectives: Sequence[str]) -> None:
        self.objectives = tuple(objectives)
        self.points: list[Point] = []

    def insert(self, genotype: Genotype, values: Mapping[str, float]) -> bool:
        """Take a point unless another one dominates it, and drop those that it dominates.

        Args:
            genotype: One that is in the archive already is not taken again.
            values: Every objective by name; further costs may stand beside them.

        Returns:
            Whether the point was taken.

        Raises:
            KeyError: An objective is missing.
        """
        if any(p.genotype.hash == genotype.hash or dominates(p.values, values, self.objectives) for p in self.points):
            return False
        self.points = [p for p in self.points if not dominates(values, p.values, self.objectives)]
        self.points.append(Point(genotype, dict(values)))
        return True

    def best(self, cost: Callable[[Genotype], Sequence[float]] = lambda genotype: ()) -> Point | None:
        """The best point in the first objective, or None in an empty archive.

        Args:
            cost: Decides between points that are equal in all objectives; smaller is better. What is still equal is
                decided by age.
        """
        if not self.points:
            return None
        top = max(gains(p.values, self.objectives) for p in self.points)
        ties = [p for p in self.points if gains(p.values, self.objectives) == top]
        return min(ties, key=lambda p: tuple(cost(p.genotype))) if len(ties) > 1 else ties[0]

    def summary(self) -> list[dict[str, Any]]:
        """Genotype hash and objectives of each point as plain values, the best in the first objective first."""
        return [{"genotype": p.genotype.hash, **{n: p.values[n] for n in self.objectives}} for p in self._sorted()]

    def write(self, folder: Path) -> Path:
        """Write ``pareto.csv``, a line a point, and ``pareto/<hash>.json``, its genotype; older ones are replaced.

        Args:
            folder: The run's folder, which must exist.

        Returns:
            The path of ``pareto.csv``.
        """
        target = folder / "pareto"
        target.mkdir(parents=True, exist_ok=True)
        for point in self.points:
            point.genotype.save(target / f"{point.genotype.hash}.json")
        kept = {f"{p.genotype.hash}.json" for p in self.points}
        for old in target.glob("*.json"):
            if old.name not in kept:
                old.unlink()
        more = list(dict.fromkeys(n for p in self.points for n in p.values if n not in self.objectives))
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["genotype", *self.objectives, *more])
        table.writerows(
            [p.genotype.hash, *(p.values.get(n, "") for n in (*self.objectives, *more))] for p in self._sorted()
        )
        return write_text(folder / "pareto.csv", text.getvalue())

    def _sorted(self) -> list[Point]:
        return sorted(self.points, key=lambda p: gains(p.values, self.objectives), reverse=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """The archive as plain values."""
        return [{"genotype": p.genotype.to_json(), "values": dict(p.values)} for p in self.points]

    def load_state_dict(self, state: Iterable[Mapping[str, Any]]) -> None:
        """Inverse of ``state_dict``."""
        self.points = [Point(Genotype.from_json(e["genotype"]), dict(e["values"])) for e in state]
