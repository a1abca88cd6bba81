"""The section of charts: every figure of ``nas compare`` that the rows allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from nas.evaluation.rows import EvaluationRow
from nas.report.comparison import comparison_figures, thinning_notes
from nas.report.page.embedding import EmbeddedFigure, embed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: kind of figure -> its caption
CHART_CAPTIONS = {
    "bubbles": "Up and to the left is better: more PSNR for fewer multiply-adds. The area is the number of parameters; "
    "filled: measured here, open: published. No cheaper model beats those on the dashed line.",
    "pareto": "Models to the right of or below the line are beaten in both cost and PSNR. Compare the dashed line "
    "(measured here) with the solid one (all).",
    "latency": "Up and to the left is better. Compare only marks of the same device and size.",
    "dots": "Further right is better; only the best published models are shown. The same order on all sets means more "
    "than a lead on one.",
}
#: kinds that take the whole width of the page
WIDE_CHARTS = ("bubbles", "pareto")


def charts_view(rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]]) -> list[EmbeddedFigure]:
    """Draw the charts.

    Args:
        rows: Measured and published rows.
        sets: For each task the set whose charts are drawn, as (task, set).

    Returns:
        The figures, task by task.
    """
    notes = {task: " ".join(thinning_notes(rows, [(task, one_set)])) for task, one_set in sets}
    return [
        embed(_in_both_themes(figure, rows, sets, stem), _caption(stem, sets, notes), stem.startswith(WIDE_CHARTS))
        for stem, figure in comparison_figures(rows, sets)
    ]


def _caption(stem: str, sets: Sequence[tuple[str, str]], notes: Mapping[str, str]) -> str:
    kind, _, where = stem.partition("_")
    # a stem ends in the name of the set, which the name of a task may not contain
    task = next((t for t, _ in sets if where.startswith(t)), where)
    place = " on ".join(p for p in (task, where.removeprefix(task).strip("_")) if p)
    return f"{place}: {CHART_CAPTIONS[kind]} {notes.get(task, '')}".rstrip()


def _in_both_themes(
    light: Figure, rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]], stem: str
) -> Callable[[bool], Figure]:
    return lambda dark: dict(comparison_figures(rows, sets, dark=True))[stem] if dark else light
