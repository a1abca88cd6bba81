"""A derived cell as a picture: nodes on a line, every chosen block an arc with its name on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.block_colours import SHORT_NAMES, block_colours
from nas.report.figures.cell_shapes import RADIUS, Pen, arc_height
from nas.report.figures.style import DARK, LIGHT, Theme, new_figure, print_scale

if TYPE_CHECKING:
    from nas.space import Genotype
    from nas.space.genotype import Choice

#: cell name -> (symbol of its nodes, title)
ROLES = {"operation": ("S", "operation search module"), "attention": ("F", "attention search module")}
#: inches: between two nodes, and from the left edge to the input and to the first node
STEP, INPUT, START = 1.4, 0.3, 1.05
#: inches: from the last node of a line to the right edge, from a line to the top of the next, and below the last
RIGHT, BELOW, BOTTOM = 1.45, 0.85, 0.85


def draw_cell(genotype: Genotype, *, dark: bool = False) -> Figure:
    """The derived cell from its input I to its output, operations above attentions, as wide as a page in print.

    Every block has one colour in all cells (a grey dashed arc is a skip connection), and every arc bears its name.

    Args:
        genotype: Any number of cells of any size; one to six nodes fit a page.
        dark: In colours for a dark page.

    Returns:
        The figure.
    """
    theme = DARK if dark else LIGHT
    cells = [(name, list(choices)) for name, choices in genotype.cells.items()]
    cells.sort(key=lambda c: list(ROLES).index(c[0]) if c[0] in ROLES else len(ROLES))
    colours = block_colours([c.block for _, choices in cells for c in choices], theme)
    width = START + STEP * max(c.target for _, choices in cells for c in choices) + RIGHT
    tops = [max(arc_height(c.target - c.source) for c in choices) + 0.62 for _, choices in cells]
    heights = [0.0]  # y of the nodes of each line
    for top in tops[1:]:
        heights.append(heights[-1] - BELOW - top)
    bottom = heights[-1] - BOTTOM
    figure = new_figure(width, tops[0] - bottom, theme)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(bottom, tops[0])
    axes.axis("off")
    scale = print_scale(width)
    pens = [Pen(axes, theme, y, scale) for y in heights]
    pens[0].terminal(INPUT, "I")
    ends: list[float] = []
    for index, ((name, choices), pen, top) in enumerate(zip(cells, pens, tops, strict=True)):
        if index:
            _lead_on(axes, ends[-1], pens[index - 1], pen, pens[index - 1].y - 0.72)
        else:
            label = "1×1" if name == "operation" else ""
            pen.arrow(INPUT + 0.16, START - RADIUS, label)
        ends.append(_draw_line(pen, name, choices, colours, top))
    _draw_sum(pens[-1], ends[-1], bottom + 0.12, pens[0].y)
    return figure


def _draw_line(pen: Pen, name: str, choices: Sequence[Choice], colours: dict[str, str], top: float) -> float:
    """One cell; the x at which its output starts."""
    symbol, title = ROLES.get(name, (name[:1].upper(), f"{name} cell"))
    xs = [START + i * STEP for i in range(max(c.target for c in choices) + 1)]
    pen.frame(xs[0], xs[-1], top, title)
    for choice in choices:
        block, span = choice.block, choice.target - choice.source
        words, dashed = SHORT_NAMES.get(block, block), block == "skip_connect"
        pen.edge(xs[choice.source], xs[choice.target], span, words, colours[block], dashed)
    for i, node in enumerate(xs):
        pen.node(node, symbol, i)
    return pen.concatenation(xs) if name == "operation" else xs[-1] + RADIUS


def _lead_on(axes: Axes, end: float, above: Pen, below: Pen, middle: float) -> None:
    """The way from the output of one line to the first node of the next."""
    theme: Theme = above.theme
    right, left = end + 0.18, START - 0.5
    xs, ys = [end, right, right, left, left], [above.y, above.y, middle, middle, below.y]
    axes.plot(xs, ys, color=theme.soft, linewidth=1.1, zorder=1, solid_joinstyle="round")
    below.arrow(left, START - RADIUS)


def _draw_sum(pen: Pen, end: float, low: float, first: float) -> None:
    """The sum with the residual connection from the input, which stands at height ``first``."""
    plus = end + 0.45
    pen.arrow(end, plus - 0.13)
    pen.terminal(plus, "+")
    pen.residual(INPUT, plus, low, first)
    pen.arrow(plus + 0.15, plus + 0.4, "")
    pen.words(plus + 0.44, "out")
