"""Figures as parts of a page: in both themes, as data URIs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.report.figures.style import darkened, figure_bytes
from nas.report.page.pictures import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: bytes; a heavier drawing is sent as pixels
MAX_SVG = 500_000
#: CSS pixels of an inch
PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure as the templates take it.

    Attributes:
        light: Data URI for a light page.
        dark: Data URI for a dark page; empty where there is one form for both.
        width: In CSS pixels.
        height: In CSS pixels.
        caption: Text below it, and what is read aloud in its place.
        wide: Whether it takes the whole width of the page.
    """

    light: str
    dark: str
    width: int
    height: int
    caption: str
    wide: bool = False


def embed(draw: Callable[[bool], Figure], caption: str, wide: bool = False) -> EmbeddedFigure:
    """A figure in both themes.

    Args:
        draw: Draws it, for a dark page where its argument is True.
        caption: Text below it.
        wide: Whether it takes the whole width of the page.

    Returns:
        The figure as SVG, or as PNG where that would weigh more than ``MAX_SVG``.
    """
    figure = draw(False)
    width, height = size_on_page(figure)
    svg = figure_bytes(figure, "svg")
    if len(svg) <= MAX_SVG:
        kind, light, dark = "image/svg+xml", svg, darkened(svg)
    else:
        kind, light, dark = "image/png", figure_bytes(figure, "png", 150), figure_bytes(draw(True), "png", 150)
    return EmbeddedFigure(data_uri(light, kind), data_uri(dark, kind), width, height, caption, wide)


def size_on_page(figure: Figure) -> tuple[int, int]:
    """Width and height of a figure in CSS pixels."""
    width, height = (round(PIXELS_PER_INCH * v) for v in figure.get_size_inches())
    return width, height
