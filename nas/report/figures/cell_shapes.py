"""What the drawing of a cell consists of: nodes, edges, arrows, frames. Lengths and coordinates are in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Outline

from nas.report.figures.style import Theme, literal

#: radius of a node; how much higher an arc rises for each further node that it spans
RADIUS, RISE = 0.19, 0.72
#: about how many characters of a block's name stand on a line, and on how many lines at most
NAME_WIDTH, NAME_LINES = 11, 3


def arc_height(span: int) -> float:
    """How high above the nodes an edge over ``span`` nodes rises; neighbours are joined by a straight line."""
    return 0.0 if span == 1 else RISE * (span - 1) + 0.1


def draw_edge(
    axes: Axes, left: float, right: float, span: int, name: str, colour: str, theme: Theme, dashed: bool = False
) -> None:
    """An edge from the node at ``left`` to that at ``right``, with the name of its block.

    Args:
        axes: Axes whose units are inches, the nodes at y = 0.
        left: x of the node it leaves.
        right: x of the node it enters.
        span: How many nodes further it goes, at least 1.
        name: What is written on it.
        colour: Of the line and of the frame around the name.
        theme: Colours of the text.
        dashed: Whether the line is dashed, as for a skip connection.
    """
    height = arc_height(span)
    outline = Outline(_arc(left, right, height))
    axes.add_patch(
        FancyArrowPatch(
            path=outline,
            arrowstyle="-|>",
            mutation_scale=9,
            color=colour,
            linewidth=1.8,
            linestyle=(0, (4, 2)) if dashed else "-",
            fill=False,
            shrinkA=0,
            shrinkB=0,
            zorder=2,
            joinstyle="round",
            capstyle="butt",
        )
    )
    box = {"boxstyle": "round,pad=0.22,rounding_size=0.3", "facecolor": theme.paper, "edgecolor": colour}
    axes.text(
        (left + right) / 2,
        height,
        literal(wrap_name(name)),
        ha="center",
        va="center",
        fontsize=7.5,
        color=theme.ink,
        zorder=4,
        gid="edge label",
        linespacing=0.95,
        bbox={**box, "linewidth": 1.1},
    )


def _arc(left: float, right: float, height: float) -> npt.NDArray[np.float64]:
    """Points of an edge, which begins and ends at the rims of its nodes."""
    if height == 0.0:
        return np.array([(left + RADIUS, 0.0), (right - RADIUS - 0.02, 0.0)])
    middle, half = (left + right) / 2, (right - left) / 2
    angle = np.linspace(math.pi, 0.0, 61)
    points = np.column_stack([middle + half * np.cos(angle), height * np.sin(angle)])
    outside = np.hypot(points[:, 0] - left, points[:, 1]) > RADIUS
    outside &= np.hypot(points[:, 0] - right, points[:, 1]) > RADIUS + 0.02
    return np.asarray(points[outside])


def wrap_name(name: str) -> str:
    """A block's name on at most ``NAME_LINES`` lines, broken at underscores; what is too long ends in an ellipsis."""
    lines = [""]
    for part in name.split("_"):
        joined = f"{lines[-1]}_{part}" if lines[-1] else part
        if len(joined) > NAME_WIDTH and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    lines = [x if len(x) <= NAME_WIDTH + 3 else x[: NAME_WIDTH + 2] + "…" for x in lines]
    if len(lines) > NAME_LINES:
        lines = [*lines[: NAME_LINES - 1], lines[NAME_LINES - 1][:NAME_WIDTH] + "…"]
    return "\n".join(lines)


def draw_node(axes: Axes, x: float, symbol: str, index: int, theme: Theme) -> None:
    """A node at (x, 0), marked by a symbol with its index below the line."""
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
    label = literal(symbol) + "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(index))
    axes.text(x, 0, label, ha="center", va="center_baseline", fontsize=9.5, color=theme.ink, zorder=4)


def draw_terminal(axes: Axes, x: float, label: str, theme: Theme) -> None:
    """A round mark at (x, 0): the input of the cell or the sum at its end."""
    box = {"boxstyle": "circle,pad=0.18", "facecolor": theme.paper, "edgecolor": theme.soft, "linewidth": 1.0}
    axes.text(x, 0.0, label, ha="center", va="center", fontsize=11, color=theme.ink, zorder=4, bbox=box)


def draw_arrow(axes: Axes, start: float, end: float, theme: Theme, label: str = "") -> None:
    """A thin arrow along y = 0 with a label above it."""
    _thin_arrow(axes, (start, 0), (end, 0), theme)
    if label:
        axes.text((start + end) / 2, 0.07, label, ha="center", va="bottom", fontsize=7, color=theme.soft)


def draw_concatenation(axes: Axes, xs: Sequence[float], theme: Theme) -> float:
    """All nodes at ``xs``, concatenated and mixed by a 1×1 convolution; the x at which its output starts."""
    low, end = -0.52, xs[-1] + 0.62
    for x in xs:
        axes.plot([x, x], [-RADIUS, low], color=theme.soft, linewidth=1.1, zorder=1)
    axes.plot([xs[0], end, end], [low, low, -0.14], color=theme.soft, linewidth=1.1, zorder=1)
    box = {"boxstyle": "round,pad=0.25", "facecolor": theme.paper, "edgecolor": theme.soft, "linewidth": 1.0}
    axes.text(end, 0.0, "concat\n1×1", ha="center", va="center", fontsize=7, color=theme.ink, zorder=4, bbox=box)
    return end + 0.3


def draw_frame(axes: Axes, left: float, right: float, top: float, title: str, theme: Theme) -> None:
    """The frame around the nodes from ``left`` to ``right``, with the title of the module."""
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
    axes.text(left - 0.2, top - 0.26, literal(title), fontsize=8, color=theme.soft, va="center")


def draw_residual(axes: Axes, start: float, end: float, y: float, theme: Theme) -> None:
    """The residual connection below everything, from the input at ``start`` to the sum at ``end``."""
    axes.plot([start, start, end], [-0.2, y, y], color=theme.soft, linewidth=1.1, zorder=0)
    _thin_arrow(axes, (end, y), (end, -0.17), theme)
    axes.text((start + end) / 2, y + 0.05, "residual", ha="center", va="bottom", fontsize=7, color=theme.soft)


def _thin_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], theme: Theme) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=8, color=theme.soft, linewidth=1.1, shrinkA=0, shrinkB=0
        )
    )
