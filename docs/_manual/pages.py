"""Completes a page when Sphinx reads it.

Two kinds of comments in a page stand for text: ``<!-- include FILE -->`` for a Markdown file of the repository, whose
first heading is dropped, and ``<!-- generated NAME -->`` for what a function of this package makes from the code.
Links to files of the repository lead to the page that includes them; links to other files outside the manual become
plain text, since a built manual travels alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _manual.commands import command_pages
from _manual.settings import row_columns, settings_pages

ROOT = Path(__file__).parents[2]
GENERATED: dict[str, Callable[[], str]] = {
    "commands": command_pages,
    "settings": settings_pages,
    "row columns": row_columns,
}
INCLUDE = re.compile(r"^<!-- include (\S+) -->$", re.M)
MADE = re.compile(r"^<!-- generated ([\w ]+) -->$", re.M)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def complete(app: Any, docname: str, source: list[str]) -> None:
    """Handler of Sphinx's event ``source-read``."""
    page = f"docs/{docname}.md"
    source[0] = completed(source[0], page)


def completed(text: str, page: str) -> str:
    """The text of ``page``, a path from the root of the repository, with its comments replaced and its links led on."""
    text = led_on(text, page, page)

    def file(found: re.Match[str]) -> str:
        above = re.findall(r"^(#+) ", found.string[: found.start()], re.M)
        return included(posixpath.normpath(posixpath.join(posixpath.dirname(page), found[1])), page, len(above[-1]))

    text = INCLUDE.sub(file, text)
    return MADE.sub(lambda m: GENERATED[m[1]](), text)


def included(file: str, page: str, level: int) -> str:
    """A Markdown file without its first heading; its other headings stand below one of the given level."""
    text = re.sub(r"\A# .*\n", "", (ROOT / file).read_text(encoding="utf-8"))
    return led_on(re.sub(r"^(##+ )", "#" * (level - 1) + r"\1", text, flags=re.M), file, page)


def including() -> dict[str, str]:
    """File of the repository -> the page of the manual that includes it."""
    found = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        page = path.relative_to(ROOT).as_posix()
        for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            found[posixpath.normpath(posixpath.join(posixpath.dirname(page), name))] = page
    return found


def led_on(text: str, origin: str, page: str) -> str:
    """The links of a text that was written as file ``origin``, as they are to be in ``page``."""
    pages = including()

    def link(found: re.Match[str]) -> str:
        mark, label, target = found.groups()
        path, _, anchor = target.partition("#")
        if target.startswith(("http://", "https://")) or not path:
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        if not (mark or file.startswith("docs/") or file in pages):
            return label
        to = posixpath.relpath(pages.get(file, file), posixpath.dirname(page))
        return f"{mark}[{label}]({to}{'#' + anchor if anchor else ''})"

    return LINK.sub(link, text)
