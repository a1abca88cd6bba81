"""The section of an experiment: its table and conclusions, and every figure of its statistics."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nas.report.experiment_folder import ExperimentFolder
from nas.report.figures.correlation import find_score_pairs, rank_correlation_figure
from nas.report.figures.experiment import EXPERIMENT_CAPTIONS, experiment_figures
from nas.report.page.embedding import EmbeddedFigure, embed
from nas.report.page.markdown import MarkdownBlock, parse_markdown

#: characters of statistics that are shown
LONGEST_TEXT = 60_000


@dataclass(frozen=True)
class ExperimentView:
    """What is shown of an experiment; ``problem`` says why there are no figures, ``statistics`` is JSON."""

    table: list[MarkdownBlock]
    figures: list[EmbeddedFigure]
    problem: str
    statistics: str
    runs: list[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return not (self.table or self.figures or self.problem or self.statistics or self.runs)


def experiment_view(found: ExperimentFolder) -> ExperimentView:
    """Prepare an experiment, for ``experiment.html.j2``."""
    figures, problem = _figures(found.statistics) if isinstance(found.statistics, dict) else ([], "")
    text = "" if found.statistics is None else json.dumps(found.statistics, indent=2)
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "\n... (cut here)"
    return ExperimentView(parse_markdown(found.table), figures, problem, text, [run.name for run in found.runs])


def _figures(statistics: dict[str, Any]) -> tuple[list[EmbeddedFigure], str]:
    """The figures that the statistics allow, or why there are none; they may also hold pairs alone."""
    try:
        drawn = experiment_figures(statistics)
        figures = [embed(draw, EXPERIMENT_CAPTIONS[name]) for name, draw in drawn.items()]
    except (KeyError, TypeError, IndexError) as error:
        return [], f"No figures: statistics.json is not as it was written ({error!r})."
    pairs = [] if figures else find_score_pairs(statistics)
    if len(pairs) > 1:
        caption = EXPERIMENT_CAPTIONS["ranking"]
        figures.append(embed(lambda dark: rank_correlation_figure(pairs, dark=dark), caption))
    return figures, ""
