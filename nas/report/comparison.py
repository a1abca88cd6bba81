"""``nas compare``: rows in, a folder with tables and figures out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import UsageError, did_you_mean
from nas.evaluation.rows import COLUMN_TYPES, EvaluationRow, EvaluationRows, write_rows
from nas.files import write_text
from nas.names import slug
from nas.report.published import published_mask
from nas.report.table_formats import to_csv, to_latex, to_markdown
from nas.report.tables import make_tables
from nas.report.thinning import thin_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Comparison:
    """What was written.

    Attributes:
        folder: Where.
        files: The files in the order of writing.
        markdown: The tables as Markdown.
        notes: Sentences on what the figures do not show.
    """

    folder: Path
    files: list[Path]
    markdown: str
    notes: list[str]


def related(rows: Sequence[EvaluationRow], literature: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """Find the published rows that belong beside measured ones.

    Args:
        rows: What is shown already.
        literature: Published rows of any task.

    Returns:
        The rows of ``literature`` for a task and set that was measured, without ablations and rows that are shown
        already; of a model that is in several papers those of the first paper.
    """
    shown, papers = EvaluationRows(rows).frame(), EvaluationRows(literature).frame()
    measured = shown.loc[~published_mask(shown), ["task", "set"]].drop_duplicates()
    near = papers.reset_index(names="position").merge(measured, on=["task", "set"])
    have = set(rows)
    known = near["position"].map(lambda position: literature[position] in have).astype(bool)
    near = near[~known & near["psnr"].notna() & ~near["source"].str.contains("ablation", regex=False)]
    first = near.groupby(["model", "task"])["source"].transform("first")
    keep = ~published_mask(near) | (near["source"] == first)
    return [literature[position] for position in near.loc[keep, "position"]]


def write_comparison(
    rows: Sequence[EvaluationRow],
    literature: Sequence[EvaluationRow],
    out: str | Path,
    task: str | None = None,
    set_name: str | None = None,
) -> Comparison:
    """Write ``table.md``, ``table.tex``, ``table.csv``, ``rows.csv`` and the figures of ``comparison_figures``.

    Args:
        rows: Measured rows.
        literature: Published rows of any task; those of a measured task and set are shown as well, with a dagger.
        out: The folder; it is made.
        task: Show only this task.
        set_name: The set of the figures; None takes for each task the first one in ``rows``.

    Returns:
        What was written.

    Raises:
        UsageError: There are no rows, or none of that task or set.
        NasError: Two rows contradict each other.
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
    tables = make_tables(everything)
    markdown = to_markdown(tables)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"table.md": markdown, "table.tex": to_latex(tables), "table.csv": to_csv(tables)}
    files = [write_text(folder / name, text) for name, text in texts.items()]
    files.append(write_rows(folder / "rows.csv", everything))
    sets = figure_sets(ours, set_name)
    for stem, figure in comparison_figures(everything, sets):
        from nas.report.figures.style import save_figure

        files += save_figure(figure, folder / stem)
    return Comparison(folder, files, markdown, thinning_notes(everything, sets))


def comparison_figures(
    rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]], dark: bool = False
) -> Iterator[tuple[str, Figure]]:
    """Draw all figures for which the rows have the numbers, task by task.

    Bubbles and Pareto fronts need costs, the latency figure latencies, and the dots more than one model. Of very many
    measured models those of ``thin_rows`` are shown.

    Args:
        rows: Measured and published rows.
        sets: (task, set) of each task whose figures are drawn.
        dark: In colours for a dark page.

    Yields:
        Name of the file without an ending, and the figure.
    """
    from nas.report.figures.bubbles import bubble_figure, bubbles
    from nas.report.figures.dots import dot_figure
    from nas.report.figures.latency import latency_figure
    from nas.report.figures.pareto import pareto_figure

    finite = [_without_gaps(row) for row in rows]
    for task, one_set in sets:
        shown = thin_rows(finite, task, one_set).rows
        here = [r for r in shown if r.psnr is not None]
        tail = f"{slug(task)}_{slug(one_set)}"
        if bubbles(shown, task, one_set):
            yield f"bubbles_{tail}", bubble_figure(shown, task, one_set, dark=dark)
            yield f"pareto_{tail}", pareto_figure(shown, task, one_set, dark=dark)
        if any(r.latency_median_ms and r.set == one_set for r in here):
            yield f"latency_{tail}", latency_figure(shown, task, one_set, dark=dark)
        if len({r.model for r in here}) > 1:
            yield f"dots_{slug(task)}", dot_figure(shown, task, dark=dark)


def _without_gaps(row: EvaluationRow) -> EvaluationRow:
    """The row with what no axis can show (NaN, infinity) as not measured."""
    gaps: dict[str, Any] = {
        name: None
        for name, kind in COLUMN_TYPES.items()
        if kind == "float" and (value := getattr(row, name)) is not None and not math.isfinite(value)
    }
    return replace(row, **gaps) if gaps else row


def thinning_notes(rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each task whose figures, as ``comparison_figures`` draws them, do not show all measured models."""
    return [note for task, one_set in sets if (note := thin_rows(rows, task, one_set).note)]


def figure_sets(rows: Sequence[EvaluationRow], set_name: str | None = None) -> list[tuple[str, str]]:
    """Choose the set of the figures of each task.

    Args:
        rows: The rows.
        set_name: The set; None takes for each task the first one.

    Returns:
        (task, set) of each task that has the set.
    """
    chosen: dict[str, str] = {}
    for row in rows:
        if set_name in (None, row.set):
            chosen.setdefault(row.task, row.set)
    return list(chosen.items())
