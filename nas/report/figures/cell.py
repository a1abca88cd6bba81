"""A derived cell as a picture: nodes on a line, every chosen block an arc with its name on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from nas.report.figures import cell_shapes as shapes
from nas.report.figures.style import DARK, LIGHT, Theme, new_figure

if TYPE_CHECKING:
    from nas.space import Genotype

#: cell name -> (symbol of its nodes, title)
ROLES = {"operation": ("S", "operation search module"), "attention": ("F", "attention search module")}
#: how long block names are written on an edge; a name that is not listed is written in full
SHORT_NAMES = {
    "skip_connect": "skip",
    "sep_conv_3x3": "sep 3×3",
    "dil_conv_3x3": "dil 3×3",
    "pixel_wise_attention": "pixel",
    "channel_wise_attention": "channel",
    "contrast_aware_channel_attention": "contrast",
    "spatial_attention": "spatial",
    "spatial_attention_v2": "spatial v2",
}
#: blocks whose colour is the same in every drawing
_KNOWN = ("rb", "lrb", "srb", "sep_conv_3x3", "dil_conv_3x3", "acb")
_KNOWN_ATTENTION = (
    "esab",
    "cea",
    "channel_wise_attention",
    "contrast_aware_channel_attention",
    "spatial_attention",
    "pixel_wise_attention",
    "spatial_attention_v2",
)

#: inches: between two nodes, between two cells, and from the left edge to the input and to the first node
STEP, GAP, INPUT, START = 1.5, 1.55, 0.3, 0.95


def draw_cell(genotype: Genotype, *, dark: bool = False) -> Figure:
    """The derived cell, operations left and attention right, from the cell's input I to its output.

    Colours stand for blocks (a grey dashed arc is a skip connection), and every arc bears the name of its block.

    Args:
        genotype: Any number of cells of any size; one to six nodes fit a page.
        dark: In colours for a dark page.

    Returns:
        The figure.
    """
    theme = DARK if dark else LIGHT
    cells = [(name, list(choices)) for name, choices in genotype.cells.items()]
    cells.sort(key=lambda c: list(ROLES).index(c[0]) if c[0] in ROLES else len(ROLES))
    colours = _colours([(n, c.block) for n, choices in cells for c in choices], theme)
    top = max(shapes.arc_height(c.target - c.source) for _, choices in cells for c in choices) + 0.62
    bottom = -1.15
    figure = new_figure(1.0, top - bottom, theme)  # its width is set when all is drawn
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_ylim(bottom, top)
    axes.axis("off")
    shapes.draw_terminal(axes, INPUT, "I", theme)
    x, previous = START, INPUT + 0.16
    for index, (name, choices) in enumerate(cells):
        symbol, title = ROLES.get(name, (name[:1].upper(), f"{name} cell"))
        xs = [x + i * STEP for i in range(max(c.target for c in choices) + 1)]
        shapes.draw_frame(axes, xs[0], xs[-1], top, title, theme)
        label = "1×1" if name == "operation" and index == 0 else ""
        shapes.draw_arrow(axes, previous, xs[0] - shapes.RADIUS, theme, label)
        for choice in choices:
            block, span = choice.block, choice.target - choice.source
            left, right, words = xs[choice.source], xs[choice.target], SHORT_NAMES.get(block, block)
            dashed = block == "skip_connect"
            shapes.draw_edge(axes, left, right, span, words, colours[name, block], theme, dashed)
        for i, node in enumerate(xs):
            shapes.draw_node(axes, node, symbol, i, theme)
        concatenated = name == "operation"
        previous = shapes.draw_concatenation(axes, xs, theme) if concatenated else xs[-1] + shapes.RADIUS
        x = xs[-1] + GAP
    plus = previous + 0.62
    shapes.draw_arrow(axes, previous, plus - 0.13, theme)
    shapes.draw_terminal(axes, plus, "+", theme)
    shapes.draw_residual(axes, INPUT, plus, bottom + 0.2, theme)
    shapes.draw_arrow(axes, plus + 0.15, plus + 0.47, theme)
    axes.text(plus + 0.52, 0, "out", va="center", fontsize=9, color=theme.ink)
    axes.set_xlim(0, plus + 0.95)
    figure.set_size_inches(plus + 0.95, top - bottom)
    return figure


def _colours(blocks: Sequence[tuple[str, str]], theme: Theme) -> dict[tuple[str, str], str]:
    """A colour for each (cell, block): fixed for well-known blocks, in order of name for others."""
    found: dict[tuple[str, str], str] = {}
    for cell in dict.fromkeys(c for c, _ in blocks):
        names = sorted({b for c, b in blocks if c == cell} - {"skip_connect"})
        fixed = _KNOWN_ATTENTION if cell == "attention" else _KNOWN
        taken = [fixed.index(n) for n in names if n in fixed]
        free = (i for i in range(1000) if i not in taken)
        for name in names:
            found[cell, name] = theme.colour(fixed.index(name) if name in fixed else next(free))
        found[cell, "skip_connect"] = theme.soft
    return found
