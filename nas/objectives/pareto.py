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
    points: Iterable[Mapping[str, float]], reference: Mapping[str, float], objectives: Sequence[str]
) -> float:
    """The area that ``points`` dominate and ``reference`` bounds, for two objectives, in the product of their units."""
    first, second = objectives
    low = gains(reference, (first, second))
    reached = sorted((gains(p, (first, second)) for p in points), reverse=True)
    area, height = 0.0, low[1]
    for x, y in reached:  # from the best in the first objective on, each adds the strip above all before it
        if x > low[0] and y > height:
            area += (x - low[0]) * (y - height)
            height = y
    return area


@dataclass(frozen=True)
class Point:
    """A genotype with its objectives, and what else is known of it (further costs)."""

    genotype: Genotype
    values: dict[str, float]


class ParetoArchive:
    """The non-dominated points of all that were inserted, in the order of insertion.

    With one objective these are the best and its equals. Equal points of different genotypes are all kept.
    """

    def __init__(self, objectives: Sequence[str]) -> None:
        self.objectives = tuple(objectives)
        self.points: list[Point] = []

    def insert(self, genotype: Genotype, values: Mapping[str, float]) -> bool:
        """Take a point unless another dominates it, and drop those that it dominates; whether it was taken.

        A genotype that is in already replaces nothing.
        """
        if any(p.genotype.hash == genotype.hash or dominates(p.values, values, self.objectives) for p in self.points):
            return False
        self.points = [p for p in self.points if not dominates(values, p.values, self.objectives)]
        self.points.append(Point(genotype, dict(values)))
        return True

    def best(self, cost: Callable[[Genotype], Sequence[float]] = lambda genotype: ()) -> Point | None:
        """The best in the first objective; ties go by the other objectives, then by ``cost`` (small), then by age."""
        if not self.points:
            return None
        top = max(gains(p.values, self.objectives) for p in self.points)
        ties = [p for p in self.points if gains(p.values, self.objectives) == top]
        return min(ties, key=lambda p: tuple(cost(p.genotype))) if len(ties) > 1 else ties[0]

    def summary(self) -> list[dict[str, Any]]:
        """For an event: genotype hash and objectives of each point, the best in the first objective first."""
        return [{"genotype": p.genotype.hash, **{n: p.values[n] for n in self.objectives}} for p in self._sorted()]

    def write(self, folder: Path) -> Path:
        """``pareto.csv`` (a line a point) and ``pareto/<hash>.json`` (its genotype), replaced whole; gives the CSV."""
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
        """Plain values."""
        return [{"genotype": p.genotype.to_json(), "values": dict(p.values)} for p in self.points]

    def load_state_dict(self, state: Iterable[Mapping[str, Any]]) -> None:
        """Inverse of ``state_dict``."""
        self.points = [Point(Genotype.from_json(e["genotype"]), dict(e["values"])) for e in state]
