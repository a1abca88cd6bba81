"""What the drawing of a cell consists of: nodes, edges, arrows, frames. Lengths and coordinates are in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Outline

from nas.report.figures.style import Style, Theme, literal

#: radius of a node; how much higher an arc rises for each further node that it spans
RADIUS, RISE = 0.19, 0.62
#: about how many characters of a block's name stand on a line, and on how many lines at most
NAME_WIDTH, NAME_LINES = 11, 3


def arc_height(span: int) -> float:
    """How high above the nodes an edge over ``span`` nodes rises; neighbours are joined by a straight line."""
    return 0.0 if span == 1 else RISE * (span - 1) + 0.1


@dataclass(frozen=True)
class Pen:
    """Draws the parts of one line of nodes.

    Attributes:
        axes: Axes whose units are inches.
        theme: Colours.
        y: Height of the nodes.
        scale: By which text is enlarged, so that it stays readable when the figure is scaled down in print.
    """

    axes: Axes
    theme: Theme
    y: float
    scale: float

    def edge(self, left: float, right: float, span: int, name: str, colour: str, dashed: bool = False) -> None:
        """An edge from the node at ``left`` to that at ``right``, with the name of its block.

        Args:
            left: x of the node it leaves.
            right: x of the node it enters.
            span: How many nodes further it goes, at least 1.
            name: What is written on it.
            colour: Of the line and of the frame around the name.
            dashed: Whether the line is dashed, as for a skip connection.
        """
        height = arc_height(span)
        style: Style = {
            "arrowstyle": "-|>",
            "mutation_scale": 9,
            "color": colour,
            "linewidth": 1.8,
            "fill": False,
        }
        style |= {"linestyle": (0, (4, 2)) if dashed else "-", "zorder": 2, "joinstyle": "round", "capstyle": "butt"}
        outline = Outline(_arc(left, right, height) + np.array([0.0, self.y]))
        self.axes.add_patch(FancyArrowPatch(path=outline, shrinkA=0, shrinkB=0, **style))
        box: Style = {
            "boxstyle": "round,pad=0.22,rounding_size=0.3",
            "facecolor": self.theme.paper,
            "edgecolor": colour,
        }
        self.axes.text(
            (left + right) / 2,
            self.y + height,
            literal(wrap_name(name, max(6, int(NAME_WIDTH / self.scale)))),
            ha="center",
            va="center",
            fontsize=8 * self.scale,
            color=self.theme.ink,
            zorder=4,
            gid="edge label",
            linespacing=0.95,
            bbox={**box, "linewidth": 1.1},
        )

    def node(self, x: float, symbol: str, index: int) -> None:
        """A node, marked by a symbol with its index below the line."""
        self.axes.add_patch(
            FancyBboxPatch(
                (x - RADIUS, self.y - RADIUS),
                2 * RADIUS,
                2 * RADIUS,
                boxstyle=f"round,pad=0,rounding_size={RADIUS}",
                facecolor=self.theme.paper,
                edgecolor=self.theme.ink,
                linewidth=1.3,
                zorder=3,
            )
        )
        label = literal(symbol) + "".join("₀₁₂₃₄₅₆₇₈₉"[int(d)] for d in str(index))
        style: Style = {"ha": "center", "va": "center_baseline", "fontsize": 9.5 * self.scale, "zorder": 4}
        self.axes.text(x, self.y, label, color=self.theme.ink, **style)

    def terminal(self, x: float, label: str) -> None:
        """A round mark: the input of the cell or the sum at its end."""
        box: Style = {
            "boxstyle": "circle,pad=0.18",
            "facecolor": self.theme.paper,
            "edgecolor": self.theme.soft,
        }
        style: Style = {
            "ha": "center",
            "va": "center",
            "fontsize": 11,
            "zorder": 4,
            "bbox": {**box, "linewidth": 1.0},
        }
        self.axes.text(x, self.y, label, color=self.theme.ink, **style)

    def arrow(self, start: float, end: float, label: str = "") -> None:
        """A thin arrow along the line of nodes with a label above it."""
        self._thin_arrow((start, self.y), (end, self.y))
        if label:
            style: Style = {"ha": "center", "va": "bottom", "fontsize": 7.5 * self.scale}
            self.axes.text((start + end) / 2 - 0.04, self.y + 0.07, label, color=self.theme.soft, **style)

    def words(self, x: float, text: str) -> None:
        """Text on the line of nodes, from x to the right."""
        self.axes.text(x, self.y, text, va="center", fontsize=9 * self.scale, color=self.theme.ink)

    def concatenation(self, xs: Sequence[float]) -> float:
        """All nodes at ``xs``, concatenated and mixed by a 1×1 convolution; the x at which its output starts."""
        low, end = self.y - 0.47, xs[-1] + 0.66
        line: Style = {"color": self.theme.soft, "linewidth": 1.1, "zorder": 1}
        for x in xs:
            self.axes.plot([x, x], [self.y - RADIUS, low], **line)
        self.axes.plot([xs[0], end, end], [low, low, self.y - 0.14], **line)
        box: Style = {
            "boxstyle": "round,pad=0.25",
            "facecolor": self.theme.paper,
            "edgecolor": self.theme.soft,
        }
        style: Style = {
            "ha": "center",
            "va": "center",
            "fontsize": 7.5 * self.scale,
            "bbox": {**box, "linewidth": 1.0},
        }
        self.axes.text(end, self.y, "concat\n1×1", color=self.theme.ink, zorder=4, **style)
        return end + 0.24 * self.scale

    def frame(self, left: float, right: float, top: float, title: str) -> None:
        """The frame around the nodes from ``left`` to ``right``, with the title of the module."""
        self.axes.add_patch(
            FancyBboxPatch(
                (left - 0.32, self.y - 0.34),
                right - left + 0.64,
                top + 0.22,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor="none",
                edgecolor=self.theme.grid,
                linewidth=1.0,
                zorder=0,
            )
        )
        style: Style = {"fontsize": 8 * self.scale, "va": "center"}
        self.axes.text(left - 0.2, self.y + top - 0.26, literal(title), color=self.theme.soft, **style)

    def residual(self, start: float, end: float, low: float, first: float) -> None:
        """The residual connection: from the input at (start, first) down to ``low`` and to the sum at ``end``."""
        line: Style = {"color": self.theme.soft, "linewidth": 1.1, "zorder": 0}
        self.axes.plot([start, start, end], [first - 0.2, low, low], **line)
        self._thin_arrow((end, low), (end, self.y - 0.17))
        style: Style = {"ha": "center", "va": "bottom", "fontsize": 7.5 * self.scale}
        self.axes.text((start + end) / 2, low + 0.04, "residual", color=self.theme.soft, **style)

    def _thin_arrow(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        style: Style = {"arrowstyle": "-|>", "mutation_scale": 8, "color": self.theme.soft, "linewidth": 1.1}
        self.axes.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **style))


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


def wrap_name(name: str, width: int = NAME_WIDTH) -> str:
    """A block's name on at most ``NAME_LINES`` lines of about ``width`` letters, broken at underscores.

    What is too long ends in an ellipsis.
    """
    lines = [""]
    for part in name.split("_"):
        joined = f"{lines[-1]}_{part}" if lines[-1] else part
        if len(joined) > width and lines[-1]:
            lines.append(part)
        else:
            lines[-1] = joined
    lines = [x if len(x) <= width + 3 else x[: width + 2] + "…" for x in lines]
    if len(lines) > NAME_LINES:
        lines = [*lines[: NAME_LINES - 1], lines[NAME_LINES - 1][:width] + "…"]
    return "\n".join(lines)
