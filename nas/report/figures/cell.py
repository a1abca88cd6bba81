"""A derived cell as a picture: nodes on a line, every chosen block an arc with its name on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Outline

from nas.report.figures.style import DARK, LIGHT, Theme

if TYPE_CHECKING:
    from nas.space import Genotype

#: cell name -> (symbol of its nodes, title)
ROLES = {"operation": ("S", "operation search module"), "attention": ("F", "attention search module")}
#: how long block names are written on an edge; the full name stands when it is not listed
SHORT = {
    "skip_connect": "skip",
    "sep_conv_3x3": "sep 3×3",
    "dil_conv_3x3": "dil 3×3",
    "pixel_wise_attention": "pixel",
    "channel_wise_attention": "channel",
    "contrast_aware_channel_attention": "contrast",
    "spatial_attention": "spatial",
    "spatial_attention_v2": "spatial v2",
}
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

STEP, RISE, RADIUS = 1.5, 0.72, 0.19  # between nodes, of an arc per node it spans, of a node (inches)


def draw_cell(genotype: Genotype, *, dark: bool = False) -> Figure:
    """The derived cell, operations left and attention right, from the cell's input I to its output.

    Any number of cells of any size is drawn; one to six nodes fit a page. Colours mean blocks (a grey dashed
    arc is a skip connection), and every arc carries the block's name.
    """
    from nas.report.figures.style import new_figure

    theme = DARK if dark else LIGHT
    cells = [(name, list(choices)) for name, choices in genotype.cells.items()]
    cells.sort(key=lambda c: list(ROLES).index(c[0]) if c[0] in ROLES else len(ROLES))
    colours = _colours([(n, c.block) for n, choices in cells for c in choices], theme)
    nodes = [max(c.target for c in choices) for _, choices in cells]
    spans = [max(c.target - c.source for c in choices) for _, choices in cells]
    gap = 1.55  # the place of what joins two cells
    width = 0.95 + sum(n * STEP for n in nodes) + gap * (len(cells) - 1) + 1.75
    top = max(_height(s) for s in spans) + 0.62
    bottom = -1.15
    figure = new_figure(width, top - bottom, theme)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(bottom, top)
    axes.axis("off")
    x = 0.95
    _terminal(axes, 0.3, 0.0, "I", theme)
    previous = 0.3 + 0.16
    for index, (name, choices) in enumerate(cells):
        symbol, title = ROLES.get(name, (name[:1].upper(), f"{name} cell"))
        count = nodes[index]
        xs = [x + i * STEP for i in range(count + 1)]
        _frame(axes, xs[0], xs[-1], top, title, theme)
        if name == "operation":
            _arrow(axes, (previous, 0), (xs[0] - RADIUS, 0), theme, "1×1" if index == 0 else "")
        else:
            _arrow(axes, (previous, 0), (xs[0] - RADIUS, 0), theme)
        for choice in choices:
            _edge(axes, xs[choice.source], xs[choice.target], choice, colours[name, choice.block], theme)
        for i, node in enumerate(xs):
            _node(axes, node, f"{symbol}{_subscript(i)}", theme)
        previous = xs[-1] + RADIUS
        if name == "operation":
            previous = _concatenation(axes, xs, theme)
        x = xs[-1] + gap
    plus = previous + 0.62
    _arrow(axes, (previous, 0), (plus - 0.13, 0), theme)
    _terminal(axes, plus, 0.0, "+", theme)
    _residual(axes, 0.3, plus, bottom + 0.2, theme)
    _arrow(axes, (plus + 0.15, 0), (plus + 0.47, 0), theme)
    axes.text(plus + 0.52, 0, "out", va="center", fontsize=9, color=theme.ink)
    axes.set_xlim(0, plus + 0.95)
    figure.set_size_inches(plus + 0.95, top - bottom)
    return figure


def _height(span: int) -> float:
    """How high above the nodes an arc over ``span`` nodes rises; neighbours are joined by a straight line."""
    return 0.0 if span == 1 else RISE * (span - 1) + 0.1


def _colours(blocks: Sequence[tuple[str, str]], theme: Theme) -> dict[tuple[str, str], str]:
    """A colour for each block of each cell: fixed for well-known blocks, in order of name for others."""
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


def _edge(axes: Axes, left: float, right: float, choice: tuple[int, int, str], colour: str, theme: Theme) -> None:
    source, target, block = choice
    height = _height(target - source)
    middle, half = (left + right) / 2, (right - left) / 2
    style = (0, (4, 2)) if block == "skip_connect" else "-"
    if height == 0.0:
        points = np.array([(left + RADIUS, 0.0), (right - RADIUS - 0.02, 0.0)])
    else:
        angle = np.linspace(math.pi, 0.0, 61)
        points = np.column_stack([middle + half * np.cos(angle), height * np.sin(angle)])
        outside = np.hypot(points[:, 0] - left, points[:, 1]) > RADIUS
        outside &= np.hypot(points[:, 0] - right, points[:, 1]) > RADIUS + 0.02
        points = points[outside]
    axes.add_patch(
        FancyArrowPatch(
            path=Outline(points),
            arrowstyle="-|>",
            mutation_scale=9,
            color=colour,
            linewidth=1.8,
            linestyle=style,
            fill=False,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
            joinstyle="round",
            capstyle="butt",
        )
    )
    axes.text(
        middle,
        height,
        _wrap(SHORT.get(block, block)),
        ha="center",
        va="center",
        fontsize=7.5,
        color=theme.ink,
        zorder=4,
        gid="edge label",
        linespacing=0.95,
        bbox={
            "boxstyle": "round,pad=0.22,rounding_size=0.3",
            "facecolor": theme.paper,
            "edgecolor": colour,
            "linewidth": 1.1,
        },
    )


def _wrap(name: str, limit: int = 11) -> str:
    """A long name in lines of about ``limit`` characters, broken at underscores."""
    lines = [""]
    for part in name.split("_"):
        joined = f"{lines[-1]}_{part}" if lines[-1] else part
        if len(joined) > limit and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    lines = [x if len(x) <= limit + 3 else x[: limit + 2] + "…" for x in lines]
    return "\n".join(lines if len(lines) <= 3 else [*lines[:2], lines[2][:limit] + "…"])


def _node(axes: Axes, x: float, label: str, theme: Theme) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - RADIUS, -RADIUS),
            2 * RADIUS,
            2 * RADIUS,
            boxstyle=f"round,pad=0,rounding_size={RADIUS}",
            facecolor=theme.paper,
            edgecolor=theme.ink,
            linewidth=1.3,
            zorder=3,
        )
    )
    axes.text(x, 0, label, ha="center", va="center_baseline", fontsize=9.5, color=theme.ink, zorder=4)


def _subscript(number: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(number))


def _terminal(axes: Axes, x: float, y: float, label: str, theme: Theme) -> None:
    axes.text(
        x,
        y,
        label,
        ha="center",
        va="center",
        fontsize=11,
        color=theme.ink,
        zorder=4,
        bbox={"boxstyle": "circle,pad=0.18", "facecolor": theme.paper, "edgecolor": theme.soft, "linewidth": 1.0},
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], theme: Theme, label: str = "") -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=8, color=theme.soft, linewidth=1.1, shrinkA=0, shrinkB=0
        )
    )
    if label:
        axes.text((start[0] + end[0]) / 2, 0.07, label, ha="center", va="bottom", fontsize=7, color=theme.soft)


def _concatenation(axes: Axes, xs: Sequence[float], theme: Theme) -> float:
    """All nodes, concatenated and mixed by a 1×1 convolution; returns where its output starts."""
    low = -0.52
    end = xs[-1] + 0.62
    for x in xs:
        axes.plot([x, x], [-RADIUS, low], color=theme.soft, linewidth=1.1, zorder=1)
    axes.plot([xs[0], end, end], [low, low, -0.14], color=theme.soft, linewidth=1.1, zorder=1)
    axes.text(
        end,
        0.0,
        "concat\n1×1",
        ha="center",
        va="center",
        fontsize=7,
        color=theme.ink,
        zorder=4,
        bbox={"boxstyle": "round,pad=0.25", "facecolor": theme.paper, "edgecolor": theme.soft, "linewidth": 1.0},
    )
    return end + 0.3


def _frame(axes: Axes, left: float, right: float, top: float, title: str, theme: Theme) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left - 0.32, -0.36),
            right - left + 0.64,
            top - 0.02 + 0.36 - 0.12,
            boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="none",
            edgecolor=theme.grid,
            linewidth=1.0,
            zorder=0,
        )
    )
    axes.text(left - 0.2, top - 0.26, title, fontsize=8, color=theme.soft, va="center")


def _residual(axes: Axes, start: float, end: float, y: float, theme: Theme) -> None:
    axes.plot([start, start, end], [-0.2, y, y], color=theme.soft, linewidth=1.1, zorder=0)
    axes.add_patch(
        FancyArrowPatch(
            (end, y),
            (end, -0.17),
            arrowstyle="-|>",
            mutation_scale=8,
            color=theme.soft,
            linewidth=1.1,
            shrinkA=0,
            shrinkB=0,
        )
    )
    axes.text((start + end) / 2, y + 0.05, "residual", ha="center", va="bottom", fontsize=7, color=theme.soft)
