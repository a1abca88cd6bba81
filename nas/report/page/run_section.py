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
#: kinds of events that warn
WARNINGS = ("warning", "doubt")
#: figure -> its caption
SEARCH_CAPTIONS = {
    "losses": "The loss on the training images and, in a search, the loss of the architecture on other images. Both "
    "should fall together; an architecture loss that rises alone means overfitting.",
    "validation": "PSNR on images held out of the training. In a search, the gap between supernet and genotype is the "
    "cost of choosing; in a training, a curve that still rises at its end calls for more steps.",
    "entropy": "At 100 % all blocks of an edge have the same weight. A falling curve is an edge that is being decided; "
    "the search did not decide edges that stay on top.",
    "counts": "On how many edges each block is the heaviest. Bands that no longer change show that the search has "
    "settled.",
    "trials": "Every dot is a trial; the line is the best so far. A line that still climbs at its end calls for more "
    "trials.",
    "archive": "Left: the Pareto front at a few moments. Right: its hypervolume; where it ends flat, further trials "
    "found nothing better.",
    "pace": "Steps or trials per hour; dips are pauses, or other load on the machine.",
}
#: caption of the weights of a cell
WEIGHTS_CAPTION = (
    "Weights of every edge of the {} cell. Pale stands for the weight that all blocks have at the start, orange for "
    "more and violet for less; hatched blocks cannot be chosen. Look for rows that separate early and stay apart."
)
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
    caption = "The derived cell: every arc is a chosen block, and one colour is one block. Read it from I to out."
    return CellView(embed(lambda dark: draw_cell(genotype, dark=dark), caption, wide=True), str(genotype))


def search_view(run: RunFolder) -> SearchView:
    """Draw what the events of a run show, for ``search.html.j2``; empty without events."""
    warnings = [(str(e.get("step", "")), str(e.get("message", ""))) for e in run.events if e.get("kind") in WARNINGS]
    narrow, wide = [], []
    for name, light in search_figures(run.events, timing=run.timing, **run.names).items():

        def draw(dark: bool, name: str = name, light: Figure = light) -> Figure:
            return (dark and search_figure(name, run.events, timing=run.timing, dark=True, **run.names)) or light

        caption = SEARCH_CAPTIONS.get(name) or WEIGHTS_CAPTION.format(name.removeprefix("weights "))
        if name.startswith(WIDE_FIGURES):
            wide.append(embed(draw, caption, wide=True))
        else:
            narrow.append(embed(draw, caption))
    return SearchView(warnings[:MOST_WARNINGS], max(0, len(warnings) - MOST_WARNINGS), narrow, wide)
