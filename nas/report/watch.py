"""A run as one terminal page: how far, how good, which genotype, and how decided every edge is."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.report.figures.history import finite
from nas.report.figures.numbers import count
from nas.report.figures.search import edge_label, series
from nas.report.run_folder import RunFolder, read_run

BARS = "▁▂▃▄▅▆▇█"
#: seconds without a sign of life after which a run is called silent; at least this, and three log intervals
SILENT = 120.0


@dataclass(frozen=True)
class Status:
    """``state`` is finished, running, silent (no sign of life for a while) or "not begun"; ETA in seconds."""

    state: str
    step: int
    total: int | None
    eta_s: float | None
    age_s: float | None

    @property
    def over(self) -> bool:
        return self.state == "finished"


def status(run: RunFolder, now: float | None = None) -> Status:
    """Where a run stands. ``now``: seconds since 1970 (default: this moment)."""
    now = time.time() if now is None else now
    steps = [int(e["step"]) for e in run.events if finite(e.get("step"))]
    step = max(steps, default=0)
    moments = [float(t["time"]) for t in run.timing]
    last = moments[-1] if moments else _touched(run.folder)
    age = max(now - last, 0.0) if last is not None else None
    rate, interval = _rate(run.timing)
    total = run.total
    eta = (total - step) / rate if total is not None and rate and not run.finished else None
    if run.finished:
        return Status("finished", step, total, None, age)
    if not run.events:
        return Status("not begun", 0, total, None, age)
    silent = age is not None and age > max(SILENT, 3 * interval)
    return Status("silent" if silent else "running", step, total, max(eta, 0.0) if eta is not None else None, age)


def _touched(folder: Path) -> float | None:
    file = folder / "events.jsonl"
    return file.stat().st_mtime if file.is_file() else None


def _rate(timing: Sequence[dict[str, Any]], window: int = 12) -> tuple[float, float]:
    """Steps a second over the last moments of the newest session, and the mean seconds between moments."""
    begin = max((i for i, t in enumerate(timing) if t.get("kind") == "start"), default=0)
    recent = list(timing[begin:])[-window:]
    if len(recent) < 2:
        return 0.0, 0.0
    seconds = float(recent[-1]["time"]) - float(recent[0]["time"])
    steps = float(recent[-1]["step"]) - float(recent[0]["step"])
    return (steps / seconds if seconds > 0 else 0.0), seconds / (len(recent) - 1)


def page(folder: str | Path, now: float | None = None) -> tuple[RenderableType, bool]:
    """The page of a run or campaign folder, and whether there is nothing more to wait for.

    Works on finished, unfinished and empty runs; a folder that is not there is a NasError.
    """
    path = Path(folder)
    if (path / "campaign.yaml").is_file():
        return _campaign(path, now)
    run = read_run(path)
    state = status(run, now)
    return Panel(Group(*_lines(run, state)), title=f"[bold]{_safe(run.name)}[/bold]", title_align="left"), state.over


def _lines(run: RunFolder, state: Status) -> list[RenderableType]:
    parts: list[RenderableType] = [_headline(run, state)]
    if state.total:
        parts.append(_progress(state))
    for table in (_curves(run), _trials(run), _edges(run)):
        if table is not None:
            parts += [Text(""), table]
    if not run.events:
        parts.append(Text("no events yet; they appear at the first log step (train.log_every)", style="dim"))
    warnings = [e for e in run.events if e.get("kind") == "warning"]
    if warnings:
        parts.append(Text(f"warning, step {warnings[-1]['step']}: {warnings[-1].get('message', '')}", style="yellow"))
    stop = run.last("stop")
    if stop:
        parts.append(Text(f"stopped at step {stop['step']}: {stop.get('reason', '')}", style="yellow"))
    if run.genotype is not None:
        parts += [Text(""), Text(str(run.genotype))]
    parts += [Text(problem, style="red") for problem in run.problems]
    return parts


def _headline(run: RunFolder, state: Status) -> Text:
    style = {"finished": "green", "running": "cyan", "silent": "yellow"}.get(state.state, "dim")
    words = [f"{run.kind or 'run'}", f"task {run.setting('task')}" if run.setting("task") else ""]
    words += [str(run.setting(k)) for k in ("strategy", "space", "model") if run.setting(k)]
    words.append(f"seed {run.setting('seed')}" if run.setting("seed") is not None else "")
    line = Text.assemble((state.state, f"bold {style}"), "  ", ", ".join(w for w in words if w))
    if state.state != "finished" and state.age_s is not None:
        line.append(f"  last sign of life {duration(state.age_s)} ago", style="dim")
    return line


def _progress(state: Status) -> RenderableType:
    total = state.total or 1
    table = Table.grid(padding=(0, 2))
    eta = f"ETA {duration(state.eta_s)}" if state.eta_s is not None else ""
    bar = ProgressBar(total=total, completed=min(state.step, total), width=36)
    table.add_row(bar, f"{state.step}/{total}", f"{state.step / total:.0%}", eta)
    return table


def _curves(run: RunFolder) -> Table | None:
    """Loss, validation PSNR, entropy: the newest value and the course so far."""
    wanted = (
        ("loss", "train", "loss", ".3f", ""),
        ("PSNR", "validation", "psnr", ".3f", " dB"),
        ("reduced to its genotype", "validation", "derived_psnr", ".3f", " dB"),
        ("mean entropy", "architecture", "mean_entropy", ".3f", " nat"),
        ("skip share", "architecture", "skip_share", ".0%", ""),
    )
    table = Table.grid(padding=(0, 2))
    for label, kind, name, form, unit in wanted:
        steps, values = series(run.events, kind, name)
        if values and not (name == "loss" and run.last("trial")):
            table.add_row(label, f"[bold]{values[-1]:{form}}[/bold]{unit}", sparkline(values), f"step {steps[-1]:.0f}")
    return table if table.row_count else None


def _trials(run: RunFolder) -> RenderableType | None:
    """For discrete searches: the best, how trials ended, the newest ones, and the archive."""
    trials = [e for e in run.events if e.get("kind") == "trial"]
    if not trials:
        return None
    states = Counter(str(e.get("state", "complete")) for e in trials)
    name = next((n for n in ("psnr", "score") if any(finite(e.get(n)) for e in trials)), "psnr")
    valued = [e for e in trials if finite(e.get(name)) and str(e.get("state", "complete")) == "complete"]
    parts: list[RenderableType] = [Text("trials: " + ", ".join(f"{n} {s}" for s, n in states.items()))]
    if valued:
        best = max(valued, key=lambda e: float(e[name]))
        parts.append(
            Text(
                f"best: {_values(best, name)}, genotype {best.get('genotype', '?')}, trial {best['step']}", style="bold"
            )
        )
        parts.append(Text("best so far " + sparkline(_running_best([float(e[name]) for e in valued]))))
    newest = Table.grid(padding=(0, 2))
    for event in trials[-5:][::-1]:
        newest.add_row(
            f"trial {event['step']}",
            str(event.get("genotype", "?")),
            _values(event, name),
            str(event.get("state", "complete")),
        )
    parts.append(newest)
    archive = run.last("pareto").get("points")
    if isinstance(archive, list) and archive:
        parts.append(Text(f"Pareto archive: {len(archive)} genotypes", style="italic"))
        table = Table(box=None)
        keys = list(dict.fromkeys(k for p in archive if isinstance(p, dict) for k in p))
        for key in keys:
            table.add_column(key, justify="left" if key == "genotype" else "right")
        for point in [p for p in archive if isinstance(p, dict)][:8]:
            table.add_row(*(_number(k, point.get(k)) for k in keys))
        parts.append(table)
    return Group(*parts)


def _edges(run: RunFolder) -> RenderableType | None:
    """Per edge: the leading block, its weight, and how undecided the edge still is (entropy over its largest)."""
    event = run.last("architecture")
    groups = event.get("probabilities")
    if not isinstance(groups, dict):
        return None
    table = Table(box=None, padding=(0, 1))
    for head in ("cell", "edge", "leading block", "weight", "entropy"):
        table.add_column(head, justify="right" if head == "weight" else "left", style="" if head != "cell" else "dim")
    for cell, rows in groups.items():
        if not isinstance(rows, list):
            continue
        for index, row in enumerate(rows):
            if not isinstance(row, list) or not row or not all(finite(v) for v in row):
                continue
            names = run.candidates.get(str(cell), ())
            order = [i for i in range(len(row)) if not (len(names) == len(row) and names[i] == "none")] or [0]
            lead = max(order, key=lambda i: float(row[i]))
            block = names[lead] if len(names) == len(row) else f"candidate {lead}"
            entropy = -sum(p * math.log(p) for p in row if p > 0)
            share = min(max(entropy / math.log(len(row)), 0.0), 1.0) if len(row) > 1 else 0.0
            table.add_row(
                str(cell) if index == 0 else "",
                edge_label(index, run.edges.get(str(cell), ())),
                block,
                f"{row[lead]:.3f}",
                _bar(share),
            )
    title = Text(f"genotype {event.get('genotype', '?')}, step {event.get('step')}", style="italic")
    return Group(title, table) if table.row_count else None


def _bar(share: float, width: int = 20) -> Text:
    full = round(share * width)
    style = "green" if share < 0.5 else "yellow" if share < 0.9 else "red"
    return Text.assemble(("█" * full, style), ("░" * (width - full), "dim"), f" {share:4.0%}")


def _campaign(folder: Path, now: float | None) -> tuple[RenderableType, bool]:
    """A line a part; the part that runs now in full below."""
    parts = sorted((p.parent for p in folder.glob("*/config.yaml")), key=lambda p: p.stat().st_mtime)
    table = Table(box=None, padding=(0, 1))
    for head in ("part", "state", "done", "PSNR", "ETA"):
        table.add_column(head, justify="left" if head in ("part", "state") else "right")
    current: tuple[RunFolder, Status] | None = None
    states = []
    for part in parts:
        run = read_run(part)
        state = status(run, now)
        states.append(state)
        psnr = run.last("validation").get("psnr")
        done = f"{state.step}/{state.total}" if state.total else str(state.step)
        style = {"finished": "green", "running": "cyan", "silent": "yellow"}.get(state.state, "dim")
        table.add_row(
            _safe(run.name),
            Text(state.state, style=style),
            done,
            f"{psnr:.3f}" if finite(psnr) else "",
            duration(state.eta_s) if state.eta_s is not None else "",
        )
        if state.state in ("running", "silent"):
            current = run, state
    over = (folder / "statistics.json").is_file()
    words = "finished" if over else f"{sum(s.over for s in states)} of {len(states)} begun parts finished"
    lines: list[RenderableType] = [Text(f"campaign, {words}", style="bold green" if over else "bold cyan")]
    lines.append(table if parts else Text("no part has begun yet", style="dim"))
    title = f"[bold]{_safe(folder.resolve().name)}[/bold]"
    body: list[RenderableType] = [Panel(Group(*lines), title=title, title_align="left")]
    if current is not None:
        body.append(Panel(Group(*_lines(*current)), title=_safe(current[0].name), title_align="left"))
    return Group(*body), over


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """Finite values as a line of blocks, each the mean of its share of the series."""
    kept = [v for v in values if math.isfinite(v)]
    if not kept:
        return ""
    cells = min(width, len(kept))
    means = []
    for i in range(cells):
        part = kept[i * len(kept) // cells : (i + 1) * len(kept) // cells]
        means.append(sum(part) / len(part))
    low, high = min(means), max(means)
    span = high - low
    return "".join(BARS[min(int((m - low) / span * len(BARS)), len(BARS) - 1)] if span > 0 else BARS[3] for m in means)


def duration(seconds: float) -> str:
    """3725 -> "1 h 02 min"; 75 -> "1 min 15 s"; 9 -> "9 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def _running_best(values: Sequence[float]) -> list[float]:
    best: list[float] = []
    for value in values:
        best.append(max(value, best[-1]) if best else value)
    return best


def _values(event: dict[str, Any], first: str) -> str:
    keys = [first, *(k for k in ("params", "macs", "latency") if k in event)]
    return ", ".join(f"{k} {_number(k, event.get(k))}" for k in keys)


def _number(key: str, value: Any) -> str:
    if not finite(value):
        return str(value) if isinstance(value, str) else "-"
    return f"{value:.3f}" if key in ("psnr", "score", "latency", "ssim") else count(value)


def _safe(text: str) -> str:
    """Text that rich does not read as markup."""
    return text.replace("[", r"\[")
