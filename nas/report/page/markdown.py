"""The Markdown that experiments write into table.md, taken apart: headings, lists, pipe tables, bold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal

#: pieces of a line in order, as (text, whether it is bold)
Spans = list[tuple[str, bool]]


@dataclass(frozen=True)
class MarkdownBlock:
    """One block of a text.

    Attributes:
        kind: What it is.
        spans: Its text, where it is no table.
        head: The first line of a table.
        body: The other lines of a table.
    """

    kind: Literal["heading", "item", "paragraph", "table"]
    spans: Spans = field(default_factory=list)
    head: list[Spans] = field(default_factory=list)
    body: list[list[Spans]] = field(default_factory=list)


def parse_markdown(text: str) -> list[MarkdownBlock]:
    """Take a text apart.

    Args:
        text: Markdown with headings, one-line paragraphs and list items, pipe tables and bold. Anything else, HTML
            too, is plain text.

    Returns:
        Its blocks in order.
    """
    return list(_blocks([line.strip() for line in text.splitlines()]))


def _blocks(lines: list[str]) -> Iterator[MarkdownBlock]:
    index = 0
    while index < len(lines):
        line = lines[index]
        if _begins_table(lines, index):
            body = list(takewhile(lambda x: x.startswith("|"), lines[index + 2 :]))
            yield MarkdownBlock("table", head=_cells(line), body=[_cells(x) for x in body])
            index += 2 + len(body)
            continue
        index += 1
        if line.startswith("#"):
            yield MarkdownBlock("heading", _spans(line.lstrip("# ")))
        elif line.startswith(("- ", "* ")):
            yield MarkdownBlock("item", _spans(line[2:]))
        elif line:
            yield MarkdownBlock("paragraph", _spans(line))


def _begins_table(lines: list[str], index: int) -> bool:
    return lines[index].startswith("|") and index + 1 < len(lines) and set(lines[index + 1]) <= set("|-: ")


def _cells(line: str) -> list[Spans]:
    cells = line.strip("|").replace(r"\|", "\0").split("|")
    return [_spans(c.strip().replace("\0", "|")) for c in cells]


def _spans(text: str) -> Spans:
    pieces = text.split("**")
    # the last of an even number of pieces follows a mark that nothing closes
    spans = [(p, i % 2 == 1 and i + 1 < len(pieces)) for i, p in enumerate(pieces)]
    return [(p, bold) for p, bold in spans if p]
