"""The drawings of the manual's page on supernets: ``python -m results.drawings --out FOLDER``.

They are made of the same shapes as the picture of a derived cell.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from nas.report.figures import cell_shapes as shapes
from nas.report.figures.style import LIGHT, new_figure, save_figure

#: candidates of the drawings, and their weights on each edge (source, target)
BLOCKS = ("rb", "srb", "sep 3×3", "skip")
EDGES = {
    (0, 1): (0.55, 0.2, 0.15, 0.1),
    (0, 2): (0.15, 0.5, 0.25, 0.1),
    (1, 2): (0.2, 0.15, 0.1, 0.55),
}
STEP = 1.7


def canvas(width: float, height: float, bottom: float = 0.0) -> tuple[Figure, Axes]:
    """A figure whose axes are measured in inches."""
    figure = new_figure(width, height, LIGHT)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(bottom, bottom + height)
    axes.axis("off")
    return figure, axes


def box(axes: Axes, x: float, y: float, text: str, colour: str = LIGHT.soft, width: float = 0.9) -> None:
    """A box of a fixed width around its text, centred at (x, y)."""
    corner = (x - width / 2, y - 0.14)
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(corner, width, 0.28, boxstyle=style, facecolor=LIGHT.paper, edgecolor=colour, zorder=3)
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color=LIGHT.ink, zorder=4)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = LIGHT.soft, width: float = 1.1
) -> None:
    """A straight arrow."""
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=look)


def mixed_and_derived() -> Figure:
    """The same small cell twice: every candidate on every edge, and the strongest one alone."""
    figure, axes = canvas(9.4, 2.5, -0.85)
    for start, title, derived in (
        (0.75, "supernet: every candidate, weighted", False),
        (5.55, "derived: the strongest", True),
    ):
        xs, pen = [start + i * STEP for i in range(3)], shapes.Pen(axes, LIGHT, 0.0, 1.0)
        pen.frame(xs[0], xs[-1], 1.6, title)
        for (source, target), weights in EDGES.items():
            strongest = max(range(len(BLOCKS)), key=weights.__getitem__)
            for k in (strongest,) if derived else range(len(BLOCKS)):
                draw_candidate(axes, xs[source], xs[target], k, weights[k], derived)
        for i, x in enumerate(xs):
            pen.node(x, "S", i)
    arrow(axes, (4.62, 0), (5.08, 0), LIGHT.ink)
    for k, name in enumerate(BLOCKS):
        axes.plot([0.6 + 1.2 * k, 0.9 + 1.2 * k], [-0.65, -0.65], color=LIGHT.colour(k), linewidth=3)
        axes.text(0.98 + 1.2 * k, -0.65, name, va="center", fontsize=8, color=LIGHT.ink)
    return figure


def draw_candidate(axes: Axes, left: float, right: float, k: int, weight: float, alone: bool) -> None:
    """One candidate of an edge as a curve; its width is its weight."""
    height = shapes.arc_height(round((right - left) / STEP)) + (0 if alone else 0.14 * (k - 1.5))
    bend = -2 * height / (right - left)
    look = {
        "arrowstyle": "-",
        "connectionstyle": f"arc3,rad={bend:.3f}",
        "color": LIGHT.colour(k),
        "linewidth": 2.0 if alone else 0.8 + 6 * weight,
        "shrinkA": 14,
        "shrinkB": 14,
    }
    axes.annotate("", (right, 0), (left, 0), arrowprops=look)


def partial_channels() -> Figure:
    """One edge with partial channels: a quarter passes through the candidates, the others go round."""
    figure, axes = canvas(9.4, 2.9)
    for x, title in ((0.7, "C channels"), (8.6, "C channels")):
        for i in range(8):
            used = i >= 6 if x < 1 else i in (3, 7)
            colour = LIGHT.colour(0) if used else LIGHT.grid
            axes.add_patch(Rectangle((x - 0.3, 0.5 + 0.22 * i), 0.6, 0.2, facecolor=colour, edgecolor=LIGHT.soft))
        axes.text(x, 0.25, title, ha="center", fontsize=8, color=LIGHT.soft)
    rows = [2.6 - 0.33 * k for k in range(len(BLOCKS))]
    for k, y in enumerate(rows):
        arrow(axes, (1.05, 2.1), (2.35, y))
        box(axes, 2.8, y, BLOCKS[k], LIGHT.colour(k))
        arrow(axes, (3.25, y), (4.75, 2.1), LIGHT.colour(k), 0.8 + 5 * EDGES[0, 1][k])
        axes.text(3.36, y + (0.07 if k < 2 else -0.14), f"× {EDGES[0, 1][k]:.2f}", fontsize=7, color=LIGHT.ink)
    axes.text(4.9, 2.1, "+", ha="center", va="center", fontsize=13, color=LIGHT.ink)
    axes.text(2.8, 0.62, "3/4 of the channels go round the candidates", ha="center", fontsize=8, color=LIGHT.soft)
    axes.text(2.8, 1.32, "weights: softmax of the edge's variables", ha="center", fontsize=8, color=LIGHT.soft)
    axes.plot([1.05, 5.6], [0.9, 0.9], color=LIGHT.soft, linewidth=1.1)
    arrow(axes, (5.05, 2.1), (5.75, 1.55))
    arrow(axes, (5.6, 0.9), (5.75, 1.25))
    box(axes, 6.2, 1.4, "concatenate", width=1.0)
    arrow(axes, (6.7, 1.4), (7.0, 1.4))
    box(axes, 7.4, 1.4, "shuffle", width=0.8)
    arrow(axes, (7.8, 1.4), (8.25, 1.4))
    return figure


def alternation() -> Figure:
    """The order of steps: warm-up with weight steps only, then both kinds in turn on two halves of the data."""
    figure, axes = canvas(9.4, 2.0)
    axes.text(0.15, 1.45, "weights w\n(images, half A)", va="center", fontsize=8, color=LIGHT.ink)
    axes.text(0.15, 0.75, "architecture α\n(images, half B)", va="center", fontsize=8, color=LIGHT.ink)
    for i in range(13):
        x = 1.6 + 0.58 * i
        square(axes, x, 1.45, 0)
        if i >= 4:
            square(axes, x - 0.29, 0.75, 1)
            arrow(axes, (x - 0.2, 0.92), (x - 0.06, 1.28))
            if i < 12:
                arrow(axes, (x + 0.06, 1.28), (x + 0.2, 0.92))
    axes.plot([1.4, 3.55], [0.3, 0.3], color=LIGHT.soft, linewidth=1.1)
    axes.text(2.47, 0.08, "warm-up: α stays uniform", ha="center", fontsize=8, color=LIGHT.soft)
    axes.plot([3.65, 8.8], [0.3, 0.3], color=LIGHT.soft, linewidth=1.1)
    axes.text(
        6.2, 0.08, "both in turn; then the strongest candidates are derived", ha="center", fontsize=8, color=LIGHT.soft
    )
    return figure


def square(axes: Axes, x: float, y: float, colour: int) -> None:
    """One step."""
    axes.add_patch(Rectangle((x - 0.14, y - 0.14), 0.28, 0.28, facecolor=LIGHT.colour(colour), edgecolor="none"))


DRAWINGS = {"mixed_edges": mixed_and_derived, "partial_channels": partial_channels, "alternation": alternation}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the drawings, as SVG")
    folder = parser.parse_args(words).out
    for name, draw in DRAWINGS.items():
        save_figure(draw(), folder / name, ("svg",))


if __name__ == "__main__":
    main()
