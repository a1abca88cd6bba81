"""The tables of the live page: values over time, trials, edges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nas.report.figures.numbers import is_finite_number
from nas.report.figures.run_events import RunEvent, edge_label, series
from nas.report.figures.trials import quality_of_trials, trial_state
from nas.report.run_folder import RunFolder
from nas.report.watch.text import format_objective, share_bar, sparkline

#: label, kind of event, key, format, unit
CURVES = (
    ("loss", "train", "loss", ".3f", ""),
    ("PSNR", "validation", "psnr", ".3f", " dB"),
    ("reduced to its genotype", "validation", "derived_psnr", ".3f", " dB"),
    ("mean entropy", "architecture", "mean_entropy", ".3f", " nat"),
    ("skip share", "architecture", "skip_share", ".0%", ""),
)
#: how many trials, and how many genotypes of the archive, are shown
NEWEST_TRIALS, MOST_POINTS = 5, 8


def curves_table(run: RunFolder) -> Table | None:
    """Loss, validation PSNR and entropy: the newest value, and the values so far; None where there are none."""
    table = Table.grid(padding=(0, 2))
    for label, kind, name, form, unit in CURVES:
        steps, values = series(run.events, kind, name)
        if values and not (name == "loss" and run.last("trial")):
            table.add_row(label, f"[bold]{values[-1]:{form}}[/bold]{unit}", sparkline(values), f"step {steps[-1]:.0f}")
    return table if table.row_count else None


def trials_table(run: RunFolder) -> RenderableType | None:
    """Of a discrete search: how trials ended, the best, the newest ones, the archive; None without trials."""
    trials = [e for e in run.events if e.get("kind") == "trial"]
    if not trials:
        return None
    states = Counter(trial_state(e) for e in trials)
    parts: list[RenderableType] = [Text("trials: " + ", ".join(f"{n} {s}" for s, n in states.items()))]
    quality = quality_of_trials(trials) or "psnr"
    valued = [e for e in trials if is_finite_number(e.get(quality)) and trial_state(e) == "complete"]
    if valued:
        best = max(valued, key=lambda e: float(e[quality]))
        words = f"best: {_objectives(best, quality)}, genotype {best.get('genotype', '?')}, trial {best['step']}"
        parts.append(Text(words, style="bold"))
        parts.append(Text("best so far " + sparkline(list(accumulate((float(e[quality]) for e in valued), max)))))
    newest = Table.grid(padding=(0, 2))
    for event in trials[-NEWEST_TRIALS:][::-1]:
        genotype = str(event.get("genotype", "?"))
        newest.add_row(f"trial {event['step']}", genotype, _objectives(event, quality), trial_state(event))
    parts.append(newest)
    archive = run.last("pareto").get("points")
    if isinstance(archive, list) and archive:
        parts += [Text(f"Pareto archive: {len(archive)} genotypes", style="italic"), _archive(archive)]
    return Group(*parts)


def _archive(points: Sequence[Any]) -> Table:
    """The first genotypes of the archive with their objectives."""
    known = [p for p in points if isinstance(p, Mapping)]
    table = Table(box=None)
    names = list(dict.fromkeys(str(k) for p in known for k in p))
    for name in names:
        table.add_column(name, justify="left" if name == "genotype" else "right")
    for point in known[:MOST_POINTS]:
        table.add_row(*(format_objective(n, point.get(n)) for n in names))
    return table


def _objectives(event: RunEvent, quality: str) -> str:
    names = [quality, *(n for n in ("params", "macs", "latency") if n in event)]
    return ", ".join(f"{n} {format_objective(n, event.get(n))}" for n in names)


def edges_table(run: RunFolder) -> RenderableType | None:
    """For each edge the leading block, its weight, and how undecided it is; None without architecture weights.

    How undecided an edge is, is the entropy of its weights as a share of the largest possible one.
    """
    event = run.last("architecture")
    groups = event.get("probabilities")
    if not isinstance(groups, Mapping):
        return None
    table = Table(box=None, padding=(0, 1))
    for head in ("cell", "edge", "leading block", "weight", "entropy"):
        table.add_column(head, justify="right" if head == "weight" else "left", style="" if head != "cell" else "dim")
    for cell, rows in groups.items():
        names, edges = run.candidates.get(str(cell), ()), run.edges.get(str(cell), ())
        for index, weights in _weights_of_edges(rows):
            block, weight = _leading_block(weights, names)
            label = str(cell) if index == 0 else ""
            table.add_row(label, edge_label(index, edges), block, f"{weight:.3f}", share_bar(_undecided(weights)))
    title = Text(f"genotype {event.get('genotype', '?')}, step {event.get('step')}", style="italic")
    return Group(title, table) if table.row_count else None


def _weights_of_edges(rows: Any) -> Iterator[tuple[int, list[float]]]:
    """The number and the weights of each edge that is whole."""
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, list) and row and all(is_finite_number(v) for v in row):
            yield index, [float(v) for v in row]


def _leading_block(weights: Sequence[float], names: Sequence[str]) -> tuple[str, float]:
    """The heaviest block that may be part of a genotype ("none" may not), and its weight."""
    named = len(names) == len(weights)
    allowed = [i for i in range(len(weights)) if not (named and names[i] == "none")] or [0]
    lead = max(allowed, key=lambda i: weights[i])
    return (names[lead] if named else f"candidate {lead}"), weights[lead]


def _undecided(weights: Sequence[float]) -> float:
    """Entropy of the weights over its largest possible value, 0 to 1."""
    if len(weights) < 2:
        return 0.0
    entropy = -sum(p * math.log(p) for p in weights if p > 0)
    return min(max(entropy / math.log(len(weights)), 0.0), 1.0)
