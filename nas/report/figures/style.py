"""How figures look and how they are saved: a palette for the colour-blind, light and dark, no global state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas.errors import UsageError
from nas.files import replacing

#: Okabe and Ito's palette, told apart by all common kinds of colour blindness (yellow last: weak on white).
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
#: letters of a name that is written whole
LONGEST_LABEL = 120
PNG_DPI = 300
#: inches: the text width of a two-column page, to which a wider figure is scaled down in print
PRINT_WIDTH = 7.2
#: points: no text of a figure is smaller than this when the figure is printed
SMALLEST_FONT = 7.0
#: font sizes in points: of notes and names in a figure, of legends and ticks
NOTE, SMALL = 7.2, 7.5
#: line styles that take turns with the colours, so that no two of many lines look alike
LINE_STYLES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
#: keywords of a function of matplotlib
Style = dict[str, Any]
#: markers that take turns with the colours
MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class Theme:
    """The colours of a figure as ``#rrggbb``.

    Attributes:
        ink: Text that is to be read first.
        soft: Axes, tick labels and other text in the background.
        grid: Grid lines.
        paper: The background.
        dark: Whether ``paper`` is dark.
    """

    ink: str
    soft: str
    grid: str
    paper: str
    dark: bool = False

    def colour(self, index: int) -> str:
        """The ``index``-th colour of the palette; the black entry is the ink of the theme."""
        colour = OKABE_ITO[index % len(OKABE_ITO)]
        if colour == "#000000":
            return self.ink
        # the deep blue is too dark for a dark page: it changes places with the light one
        swapped = {"#0072B2": "#56B4E9", "#56B4E9": "#0072B2"} if self.dark else {}
        return swapped.get(colour, colour)


LIGHT = Theme(ink="#1b1f24", soft="#5b6570", grid="#d8dde3", paper="#ffffff")
DARK = Theme(ink="#e8ebee", soft="#a3adb8", grid="#3a424c", paper="#171b20", dark=True)


def darkened(svg: bytes) -> bytes:
    """An SVG of the light theme in the colours of the dark one, which is cheaper than drawing it twice.

    Args:
        svg: An SVG drawn with the colours of ``LIGHT``.

    Returns:
        The same SVG with the colours of ``DARK``.
    """
    pairs = [(getattr(LIGHT, f), getattr(DARK, f)) for f in ("ink", "soft", "grid", "paper")]
    pairs += [(LIGHT.colour(i), DARK.colour(i)) for i in range(len(OKABE_ITO))]
    table = {old.lower().encode(): new.lower().encode() for old, new in pairs}
    return re.sub(rb"#[0-9a-fA-F]{6}\b", lambda m: table.get(m.group().lower(), m.group()), svg)


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure with a canvas of its own, so that text can be measured before saving.

    Args:
        width: In inches.
        height: In inches.
        theme: Colours.

    Returns:
        The figure, laid out by matplotlib's constrained layout.
    """
    figure = Figure(figsize=(width, height), facecolor=theme.paper, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def literal(text: str) -> str:
    """``text``, which may come from a user, so that matplotlib writes it as it is and finds no formula in it.

    It leaves room for the figure: what is longer than LONGEST_LABEL letters loses its middle.
    """
    if len(text) > LONGEST_LABEL:
        half = LONGEST_LABEL // 2
        text = f"{text[:half]}…{text[-half:]}"
    return text.replace("$", r"\$")


def print_scale(width: float) -> float:
    """By how much the text of a figure of this width (inches) must grow, so that it stays readable in print."""
    return max(1.0, width / PRINT_WIDTH)


def style_axes(axes: Axes, theme: Theme) -> None:
    """Plain axes in the colours of the theme: two spines, a pale grid behind the data."""
    axes.set_facecolor(theme.paper)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(theme.soft)
    axes.tick_params(which="both", colors=theme.soft, labelsize=8)
    axes.grid(True, color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=theme.ink, size=9)
    axes.yaxis.label.set(color=theme.ink, size=9)
    axes.title.set(color=theme.ink, size=10)


def add_legend(figure: Figure, axes: Axes, theme: Theme, inside: bool = False) -> None:
    """A legend in the colours of the theme.

    Args:
        figure: The figure that holds the axes.
        axes: Whose labelled lines are listed.
        theme: Colours.
        inside: Within the axes, where matplotlib finds most space; else beside them.
    """
    if inside:
        legend = axes.legend(
            fontsize=NOTE, frameon=True, framealpha=0.8, edgecolor="none", facecolor=theme.paper, ncols=2
        )
    else:
        handles, labels = axes.get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside right upper", fontsize=SMALL, frameon=False)
    for text in legend.get_texts():
        text.set_color(theme.ink)


def save_figure(
    figure: Figure, stem: str | Path, formats: Sequence[str] = ("pdf", "svg", "png"), dpi: int = PNG_DPI
) -> list[Path]:
    """Write a figure in several formats. Files carry no date, so that the same figure gives the same bytes.

    Args:
        figure: The figure.
        stem: Path without an ending; its folder is made.
        formats: Of pdf, svg and png.
        dpi: Resolution of PNG files.

    Returns:
        The paths ``<stem>.<format>`` in the order of ``formats``.

    Raises:
        UsageError: A format is unknown.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # settled: else each format would be laid out anew, by a drawing of its own
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in formats:
        if kind not in ("pdf", "svg", "png"):
            raise UsageError(f"cannot save a figure as {kind!r}; use pdf, svg or png")
        path = stem.with_name(f"{stem.name}.{kind}")
        with replacing(path) as partial:
            partial.write_bytes(figure_bytes(figure, kind, dpi))
        paths.append(path)
    return paths


def figure_bytes(figure: Figure, kind: str, dpi: int = PNG_DPI) -> bytes:
    """A figure as the content of a file.

    Args:
        figure: The figure.
        kind: pdf, svg or png.
        dpi: Resolution of a PNG.

    Returns:
        The encoded figure, without a date.
    """
    date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    file = BytesIO()
    with rc_context({"svg.hashsalt": "jsnas", "pdf.fonttype": 42}):
        figure.savefig(file, format=kind, dpi=dpi, metadata=date, facecolor=figure.get_facecolor())
    return file.getvalue()
