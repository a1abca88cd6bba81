"""A genotype or a space as a figure, for programs and notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UsageError
from nas.report.figures.cell import draw_cell
from nas.report.figures.style import DARK, LIGHT, new_figure
from nas.space import GENOTYPES, Genotype, Space, load_genotype, load_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: characters of a decision's choices in a line of the drawing of a space
_LONGEST = 110


def draw(what: Genotype | Space | str | Path, *, dark: bool = False) -> Figure:
    """Draw a genotype, as the cell that it is, or a space, as the list of its decisions.

    Args:
        what: A genotype or a space, their registered names, or a genotype's JSON or a space's YAML file.
        dark: In colours for a dark page.

    Returns:
        A matplotlib figure, which a notebook shows and ``figure.savefig(path)`` writes.

    Raises:
        UsageError: There is no such genotype or space.
    """
    if isinstance(what, str | Path):
        name = str(what)
        what = load_genotype(name) if name in GENOTYPES or name.endswith(".json") else load_space(name)
    if isinstance(what, Genotype):
        return draw_cell(what, dark=dark)
    if isinstance(what, Space):
        return _draw_space(what, dark)
    raise UsageError(f"a {type(what).__name__} is not drawn; give a genotype or a space, or the name of one")


def _draw_space(space: Space, dark: bool) -> Figure:
    theme = DARK if dark else LIGHT
    rows = [(d.name, ", ".join(map(str, d.choices))) for d in space.decisions]
    figure = new_figure(7.0, 0.4 + 0.19 * (len(rows) + 1), theme)
    height = figure.get_figheight()
    figure.text(0.02, 1 - 0.2 / height, space.headline, weight="bold", fontsize=9, color=theme.ink, va="center")
    for i, (name, choices) in enumerate(rows):
        y = 1 - (0.45 + 0.19 * i) / height
        shown = choices if len(choices) <= _LONGEST else f"{choices[: _LONGEST - 1]}…"
        figure.text(0.02, y, name, fontsize=7, color=theme.ink, va="center")
        figure.text(0.25, y, shown, fontsize=7, color=theme.ink, va="center", alpha=0.75)
    return figure
