"""``nas compare``: rows in, a folder with tables and figures out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UsageError, did_you_mean
from nas.evaluation.rows import EvaluationRow, write_rows
from nas.files import slug
from nas.report.published import is_published, one_per_model
from nas.report.tables import to_csv, to_latex, to_markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Comparison:
    """What was written: the folder, its files in order of writing, and the table as Markdown."""

    folder: Path
    files: list[Path]
    markdown: str


def related(rows: Sequence[EvaluationRow], literature: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """The published rows of a task and set that was measured too; a model of several papers once, no ablations."""
    wanted = {(r.task, r.set) for r in rows if not is_published(r)}
    have = set(rows)
    near = [r for r in literature if (r.task, r.set) in wanted and r not in have]
    near = [r for r in near if r.psnr is not None and "ablation" not in r.source]
    return one_per_model(near)


def compare(
    rows: Sequence[EvaluationRow],
    literature: Sequence[EvaluationRow],
    out: str | Path,
    task: str | None = None,
    set_name: str | None = None,
) -> Comparison:
    """Write table.md, table.tex, table.csv, rows.csv and the figures (``comparison_figures``) into folder ``out``.

    ``rows`` are ours, ``literature`` published ones of any task: those of a measured task and set join, marked.
    ``task`` restricts everything; ``set_name`` chooses the set of the figure (default: the first measured
    one of each task). No rows, an unknown task or set is a UsageError.
    """
    if not rows:
        raise UsageError("there are no evaluation rows to compare; make some with 'nas evaluate ... --out rows.csv'")
    ours = [r for r in rows if task in (None, r.task)]
    if not ours:
        raise UsageError(f"no row of task {task!r}; {did_you_mean(str(task), {r.task for r in rows})}")
    if set_name is not None and set_name not in {r.set for r in ours}:
        raise UsageError(f"no row of set {set_name!r}; {did_you_mean(set_name, {r.set for r in ours})}")
    folder = Path(out)
    everything = [*ours, *related(ours, literature)]
    markdown = to_markdown(everything)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in (("table.md", markdown), ("table.tex", to_latex(everything)), ("table.csv", to_csv(everything))):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        files.append(path)
    files.append(write_rows(folder / "rows.csv", everything))
    for stem, figure in comparison_figures(everything, figure_sets(ours, set_name)):
        from nas.report.figures.style import save_figure

        files += save_figure(figure, folder / stem)
    return Comparison(folder, files, markdown)


def comparison_figures(
    rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]], dark: bool = False
) -> Iterator[tuple[str, Figure]]:
    """File stem and figure of all that the rows have figures for, task by task.

    bubbles and pareto where costs are known, latency where it was measured, dots for every task with more than one
    model.
    """
    from nas.report.figures.bubbles import bubble_figure, bubbles
    from nas.report.figures.dots import dot_figure
    from nas.report.figures.latency import latency_figure
    from nas.report.figures.pareto import pareto_figure

    for task, one_set in sets:
        here = [r for r in rows if r.task == task and r.psnr is not None]
        tail = f"{task}_{slug(one_set)}"
        if bubbles(rows, task, one_set):
            yield f"bubbles_{tail}", bubble_figure(rows, task, one_set, dark=dark)
            yield f"pareto_{tail}", pareto_figure(rows, task, one_set, dark=dark)
        if any(r.latency_median_ms and r.set == one_set for r in here):
            yield f"latency_{tail}", latency_figure(rows, task, one_set, dark=dark)
        if len({r.model for r in here}) > 1:
            yield f"dots_{task}", dot_figure(rows, task, dark=dark)


def figure_sets(rows: Sequence[EvaluationRow], set_name: str | None = None) -> list[tuple[str, str]]:
    """(task, set) of each figure: per task the named set, else the first one."""
    chosen: dict[str, str] = {}
    for row in rows:
        if set_name in (None, row.set):
            chosen.setdefault(row.task, row.set)
    return list(chosen.items())
