"""The section of a tabular benchmark: how far it is, what was played on it, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from nas.report.figures.regret import regret_figure
from nas.report.figures.style import DARK, LIGHT
from nas.report.figures.table import table_figure
from nas.report.page.embedding import EmbeddedFigure, embed
from nas.report.page.experiment_section import ExperimentView
from nas.report.page.markdown import parse_markdown
from nas.report.table_folder import SCENARIOS, Row, TableFolder, table_markdown


@dataclass(frozen=True)
class StoredPoint:
    """A row of ``strategies_curves.csv``."""

    strategy: str
    axis: str
    x: float
    mean: float
    low: float
    high: float


def stored_points(curves: list[Row], scenario: str) -> list[StoredPoint]:
    """The points of one scenario."""
    return [
        StoredPoint(row["strategy"], row["axis"], *(float(row[name]) for name in ("x", "mean", "low", "high")))
        for row in curves
        if row["scenario"] == scenario
    ]


def table_view(found: TableFolder) -> ExperimentView:
    """Prepare a table, for ``experiment.html.j2``."""
    figures: list[EmbeddedFigure] = []
    table = found.table
    if table is not None and len(table.runs) > 1:
        figures.append(embed(lambda dark: table_figure(table, dark), "Expected PSNR of every trained genotype."))
    for scenario in dict.fromkeys(row["scenario"] for row in found.curves):
        points = stored_points(found.curves, scenario)
        what = SCENARIOS.get(scenario, scenario)
        caption = f"Regret in the search for {what}: mean and 95 % interval, over trials and simulated CPU time."
        figures.append(embed(partial(_regret, points, scenario), caption))
    return ExperimentView(parse_markdown(table_markdown(found)), figures, "", "", [])


def _regret(points: list[StoredPoint], scenario: str, dark: bool) -> Figure:
    found = regret_figure(points, scenario, DARK if dark else LIGHT)
    assert found is not None  # there are points
    return found
