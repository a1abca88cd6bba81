"""What a notebook shows of a run: its main settings, how far it is, its curve and the cell that it found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.space import Genotype
from nas.space.svg import table_html
from nas.train.events import read_events
from nas.train.run import Run

#: settings that a table of a run shows, by their path; those that a run does not have are left out
SHOWN = (
    ("task",),
    ("space",),
    ("strategy",),
    ("model",),
    ("seed",),
    ("device",),
    ("train", "steps"),
    ("data", "batch"),
    ("data", "patch"),
    ("train", "optimizer", "lr"),
    ("train", "loss"),
    ("data", "path"),
)
#: pixels of a curve, and of the room for its numbers
_WIDTH, _HEIGHT, _LEFT, _BELOW = 420, 130, 54, 26
_TEXT = 'font-family="sans-serif" font-size="11" fill="currentColor"'


def run_html(
    title: str,
    facts: Iterable[tuple[str, object]],
    settings: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]],
    genotype: Genotype | None,
) -> str:
    """A run as HTML without scripts or styles.

    Args:
        title: What it is.
        facts: Names and values that stand in the table above the settings.
        settings: Its configuration as a tree.
        events: Lines of its events.jsonl, for the curve.
        genotype: What was found; None for a run without one.
    """
    rows = [*facts, *((path[-1], value) for path in SHOWN if (value := _at(settings, path)))]
    drawn = genotype.to_svg() if genotype is not None else ""
    return table_html(title, (), rows) + curve_of(events) + drawn


def parts_of(folder: Path) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """Configuration and events of a run for ``run_html``; empty where the folder was moved or deleted."""
    try:
        return Run.open(folder).settings.model_dump(mode="json"), read_events(folder)
    except NasError:
        return {}, ()


def curve_of(events: Sequence[Mapping[str, Any]]) -> str:
    """The course of a run: validation PSNR, else the best trial so far, else the loss; "" where there is nothing."""
    for label, kind, name in (
        ("validation PSNR (dB)", "validation", "psnr"),
        ("best PSNR of a trial (dB)", "trial", "psnr"),
        ("best score of a trial", "trial", "score"),
        ("training loss", "train", "loss"),
    ):
        points = [(e["step"], float(e[name])) for e in events if e.get("kind") == kind and _is_number(e.get(name))]
        if kind == "trial":
            points = [(step, max(value for _, value in points[: i + 1])) for i, (step, _) in enumerate(points)]
        if len(points) > 1:
            return _curve_svg(points, label)
    return ""


def _curve_svg(points: Sequence[tuple[float, float]], label: str) -> str:
    """A line over the steps, with the numbers at its ends."""
    steps, values = zip(*points, strict=True)
    first, last, low, high = min(steps), max(steps), min(values), max(values)

    def place(step: float, value: float) -> str:
        x = _LEFT + (step - first) / ((last - first) or 1) * (_WIDTH - _LEFT - 8)
        y = 22 + (high - value) / ((high - low) or 1) * (_HEIGHT - 22 - _BELOW)
        return f"{x:.1f},{y:.1f}"

    bottom = _HEIGHT - _BELOW
    parts = [
        f'<text x="4" y="13" {_TEXT} font-weight="bold">{escape(label)}</text>',
        f'<polyline points="{" ".join(place(s, v) for s, v in points)}" fill="none" stroke="currentColor"/>',
        f'<path d="M{_LEFT} 22 V{bottom} H{_WIDTH - 8}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>',
        f'<text x="{_LEFT - 5}" y="30" {_TEXT} text-anchor="end">{high:.2f}</text>',
        f'<text x="{_LEFT - 5}" y="{bottom}" {_TEXT} text-anchor="end">{low:.2f}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}" {_TEXT}>step {first:g}</text>',
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 8}" {_TEXT} text-anchor="end">step {last:g}</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img"><title>{escape(label)}</title>{"".join(parts)}</svg>'
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _at(tree: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = tree
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
