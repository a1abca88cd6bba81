"""A run as one terminal page: how far it is, how good, which genotype, and how decided every edge is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.files import resolved
from nas.report.experiment_folder import is_experiment_folder
from nas.report.figures.numbers import is_finite_number
from nas.report.run_folder import RunFolder, read_run
from nas.report.watch.status import RunStatus, run_status
from nas.report.watch.tables import curves_table, edges_table, trials_table
from nas.report.watch.text import format_duration

#: state -> colour
STYLES = {"finished": "green", "running": "cyan", "silent": "yellow", "not begun": "dim"}


def watch_page(folder: str | Path, now: float | None = None) -> tuple[RenderableType, bool]:
    """The page of a run or an experiment, finished, going on or not begun.

    Args:
        folder: Its folder.
        now: Seconds since 1970; without it, the present moment.

    Returns:
        The page, and whether there is nothing more to wait for.

    Raises:
        NasError: There is no such folder.
    """
    path = Path(folder)
    if is_experiment_folder(path):
        return _experiment_page(path, now)
    run = read_run(path)
    status = run_status(run, now)
    return _run_panel(run, status, f"[bold]{escape(run.name)}[/bold]"), status.finished


def _run_panel(run: RunFolder, status: RunStatus, title: str) -> Panel:
    parts: list[RenderableType] = [_headline(run, status)]
    if status.total:
        parts.append(_progress(status, status.total))
    for table in (curves_table(run), trials_table(run), edges_table(run)):
        if table is not None:
            parts += [Text(""), table]
    if not run.events:
        parts.append(Text("no events yet; they appear at the first log step (train.log_every)", style="dim"))
    if warning := run.last("warning"):
        parts.append(Text(f"warning, step {warning['step']}: {warning.get('message', '')}", style="yellow"))
    if stop := run.last("stop"):
        parts.append(Text(f"stopped at step {stop['step']}: {stop.get('reason', '')}", style="yellow"))
    if run.genotype is not None:
        parts += [Text(""), Text(str(run.genotype))]
    parts += [Text(problem, style="red") for problem in run.problems]
    return Panel(Group(*parts), title=title, title_align="left")


def _headline(run: RunFolder, status: RunStatus) -> Text:
    words = [f"{run.kind or 'run'}", f"task {run.setting('task')}" if run.setting("task") else ""]
    words += [str(run.setting(k)) for k in ("strategy", "space", "model") if run.setting(k)]
    words.append(f"seed {run.setting('seed')}" if run.setting("seed") is not None else "")
    line = Text.assemble((status.state, f"bold {STYLES[status.state]}"), "  ", ", ".join(w for w in words if w))
    if not status.finished and status.age_s is not None:
        line.append(f"  last logged {format_duration(status.age_s)} ago", style="dim")
    return line


def _progress(status: RunStatus, total: int) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    eta = f"ETA {format_duration(status.eta_s)}" if status.eta_s is not None else ""
    bar = ProgressBar(total=total, completed=min(status.step, total), width=36)
    table.add_row(bar, f"{status.step}/{total}", f"{status.step / total:.0%}", eta)
    return table


def _experiment_page(folder: Path, now: float | None) -> tuple[RenderableType, bool]:
    """A line for each run of the experiment; the one that goes on now in full below."""
    folders = sorted((p.parent for p in folder.glob("*/config.yaml")), key=lambda p: p.stat().st_mtime)
    runs = [read_run(f) for f in folders]
    statuses = [run_status(run, now) for run in runs]
    finished = (folder / "statistics.json").is_file()
    done = sum(s.finished for s in statuses)
    words = "finished" if finished else f"{done} of {len(runs)} runs begun are finished"
    lines: list[RenderableType] = [Text(f"experiment, {words}", style="bold green" if finished else "bold cyan")]
    lines.append(_runs_table(runs, statuses) if runs else Text("no run has begun yet", style="dim"))
    title = f"[bold]{escape(resolved(folder).name)}[/bold]"
    body: list[RenderableType] = [Panel(Group(*lines), title=title, title_align="left")]
    going_on = [(r, s) for r, s in zip(runs, statuses, strict=True) if s.state in ("running", "silent")]
    if going_on:
        run, status = going_on[-1]
        body.append(_run_panel(run, status, escape(run.name)))
    return Group(*body), finished


def _runs_table(runs: list[RunFolder], statuses: list[RunStatus]) -> Table:
    table = Table(box=None, padding=(0, 1))
    for head in ("run", "state", "done", "PSNR", "ETA"):
        table.add_column(head, justify="left" if head in ("run", "state") else "right")
    for run, status in zip(runs, statuses, strict=True):
        psnr = run.last("validation").get("psnr")
        table.add_row(
            escape(run.name),
            Text(status.state, style=STYLES[status.state]),
            f"{status.step}/{status.total}" if status.total else str(status.step),
            f"{psnr:.3f}" if is_finite_number(psnr) else "",
            format_duration(status.eta_s) if status.eta_s is not None else "",
        )
    return table
