"""The sections of a run: the derived cell, and figures of its search or training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.report.figures.cell import draw_cell
from nas.report.figures.search import search_figure, search_figures
from nas.report.page.embedding import EmbeddedFigure, embed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nas.report.run_folder import RunFolder
    from nas.space import Genotype

MOST_WARNINGS = 20
#: figure -> its caption
SEARCH_CAPTIONS = {
    "losses": "Training and architecture loss over the steps.",
    "validation": "PSNR on the validation images over the steps.",
    "entropy": "How undecided every edge is: the entropy of its weights.",
    "counts": "Blocks of the genotype that would be derived at each step.",
    "trials": "The value of every trial and the best so far.",
    "archive": "The Pareto front at a few moments, its hypervolume and its size.",
    "pace": "Steps or trials an hour.",
}
#: figures that take the whole width of the page
WIDE_FIGURES = ("weights", "archive")


@dataclass(frozen=True)
class CellView:
    """The drawing of a derived cell, and its text form."""

    figure: EmbeddedFigure
    text: str


@dataclass(frozen=True)
class SearchView:
    """Warnings as (step, message), how many more there were, and the figures."""

    warnings: list[tuple[str, str]]
    more_warnings: int
    narrow: list[EmbeddedFigure]
    wide: list[EmbeddedFigure]

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.warnings or self.narrow or self.wide)


def cell_view(genotype: Genotype) -> CellView:
    """Draw a derived cell, for ``cell.html.j2``."""
    caption = "The derived cell: every arc is a chosen block."
    return CellView(embed(lambda dark: draw_cell(genotype, dark=dark), caption, wide=True), str(genotype))


def search_view(run: RunFolder) -> SearchView:
    """Draw what the events of a run show, for ``search.html.j2``; empty without events."""
    warnings = [(str(e.get("step", "")), str(e.get("message", ""))) for e in run.events if e.get("kind") == "warning"]
    narrow, wide = [], []
    for name, light in search_figures(run.events, timing=run.timing, **run.names).items():

        def draw(dark: bool, name: str = name, light: Figure = light) -> Figure:
            return (dark and search_figure(name, run.events, timing=run.timing, dark=True, **run.names)) or light

        caption = SEARCH_CAPTIONS.get(name, f"Weights of every edge of the {name.removeprefix('weights ')} cell.")
        if name.startswith(WIDE_FIGURES):
            wide.append(embed(draw, caption, wide=True))
        else:
            narrow.append(embed(draw, caption))
    return SearchView(warnings[:MOST_WARNINGS], max(0, len(warnings) - MOST_WARNINGS), narrow, wide)
