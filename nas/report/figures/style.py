"""How figures look and how they are saved: colours for every eye, light and dark, no global state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nas.errors import UsageError

#: Okabe and Ito's palette, told apart by all common kinds of colour blindness (yellow last: weak on white).
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
PNG_DPI = 300


@dataclass(frozen=True)
class Theme:
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
    """An SVG drawn in the light theme in the colours of the dark one; cheaper than drawing it twice."""
    pairs = [(getattr(LIGHT, f), getattr(DARK, f)) for f in ("ink", "soft", "grid", "paper")]
    pairs += [(LIGHT.colour(i), DARK.colour(i)) for i in range(len(OKABE_ITO))]
    table = {old.lower().encode(): new.lower().encode() for old, new in pairs}
    return re.sub(rb"#[0-9a-fA-F]{6}\b", lambda m: table.get(m.group().lower(), m.group()), svg)


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure (inches) with its own Agg canvas, so that text can be measured before saving."""
    figure = Figure(figsize=(width, height), facecolor=theme.paper, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, theme: Theme) -> None:
    """Quiet axes: two spines, a pale grid behind the data, text in the theme's inks."""
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


def theme_legend(figure: Figure, axes: Axes, theme: Theme, inside: bool = False) -> None:
    """A legend in the theme's ink, beside the axes or, with ``inside``, where there is room in them."""
    if inside:
        legend = axes.legend(
            fontsize=6.5, frameon=True, framealpha=0.8, edgecolor="none", facecolor=theme.paper, ncols=2
        )
    else:
        handles, labels = axes.get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside right upper", fontsize=7.5, frameon=False)
    for text in legend.get_texts():
        text.set_color(theme.ink)


def save_figure(
    figure: Figure, stem: str | Path, formats: Sequence[str] = ("pdf", "svg", "png"), dpi: int = PNG_DPI
) -> list[Path]:
    """Write ``stem.<format>`` for each of pdf, svg, png (``dpi``); the paths, in that order.

    Files carry no date, so that the same figure is the same bytes.
    """
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in formats:
        if kind not in ("pdf", "svg", "png"):
            raise UsageError(f"cannot save a figure as {kind!r}; use pdf, svg or png")
        path = stem.with_name(f"{stem.name}.{kind}")
        path.write_bytes(figure_bytes(figure, kind, dpi))
        paths.append(path)
    return paths


def figure_bytes(figure: Figure, kind: str, dpi: int = PNG_DPI) -> bytes:
    """The figure encoded as pdf, svg or png."""
    date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    file = BytesIO()
    with rc_context({"svg.hashsalt": "jsnas", "pdf.fonttype": 42}):
        figure.savefig(file, format=kind, dpi=dpi, metadata=date, facecolor=figure.get_facecolor())
    return file.getvalue()
