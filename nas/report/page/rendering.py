"""From prepared sections to HTML: the templates, which escape whatever they are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

#: no network at all, whatever a row or a file name contains
CONTENT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True)
class PageSection:
    """A section of the page.

    Attributes:
        anchor: What links lead to; unique on the page.
        heading: Its heading.
        template: Name of the template that lays it out.
        content: What the template calls ``content``: plain data, of which no text is escaped yet.
    """

    anchor: str
    heading: str
    template: str
    content: Any


def render_page(heading: str, subtitle: str, sections: Sequence[PageSection], problems: Sequence[str]) -> bytes:
    """Lay out the whole page.

    Args:
        heading: Heading and title.
        subtitle: A line below it.
        sections: In order.
        problems: What could not be shown, a sentence each.

    Returns:
        The page in UTF-8, style sheet and script within it.
    """
    page = _environment().get_template("page.html.j2")
    text = page.render(
        heading=heading,
        subtitle=subtitle,
        sections=sections,
        problems=problems,
        policy=CONTENT_POLICY,
        style=_own_text("report.css"),
        script=_own_text("report.js"),
    )
    return text.encode("utf-8", errors="replace")


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("nas.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _own_text(name: str) -> Markup:
    """A file of this package, which is the only text that is not escaped."""
    return Markup(files(__package__).joinpath("templates", name).read_text(encoding="utf-8"))
