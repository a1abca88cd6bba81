"""Reading the Markdown of this repository: files, links, anchors, tables and code blocks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]


def tracked(pattern: str = "*") -> list[str]:
    """Paths from the root of the files that git tracks or would add, sorted; without git, of all visible files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = set(done.stdout.splitlines())
    if done.returncode != 0:  # an unpacked archive
        found = {p.relative_to(ROOT).as_posix() for p in ROOT.rglob(pattern)}
    return sorted(p for p in found if not p.startswith(".venv") and (ROOT / p).is_file())


def pages() -> list[str]:
    """Every Markdown file of the project, as paths from the root; tables written by commands are not among them."""
    written = ("results/figures/", "results/runs/", "tests/golden/")
    return [p for p in tracked("*.md") if not p.startswith(written)]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, and the comment on the line above it."""

    language: str
    lines: tuple[str, ...]
    comment: str


def blocks(text: str) -> list[Block]:
    found = []
    lines = text.splitlines()
    start: int | None = None
    for i, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = i
            continue
        above = re.fullmatch(r"<!--\s*(.*?)\s*-->", lines[start - 1]) if start else None
        inside = dedent("\n".join(lines[start + 1 : i])).split("\n")
        found.append(Block(lines[start].strip()[3:], tuple(inside), above.group(1) if above else ""))
        start = None
    assert start is None, "a code block is not closed"
    return found


def prose(text: str) -> str:
    """The text without fenced and indented code blocks."""
    kept, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            kept.append(line)
    return "\n".join(kept)


def links(text: str) -> Iterator[str]:
    """Targets of links and images, Markdown and HTML."""
    plain = re.sub(r"`[^`]*`", "", prose(text))
    yield from re.findall(r"\]\(([^)\s]+)\)", plain)
    yield from re.findall(r'<(?:img|a)\s[^>]*?(?:src|href)="([^"]+)"', plain)


def images(text: str) -> Iterator[str]:
    plain = prose(text)
    yield from re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", plain)
    yield from re.findall(r'<img\s[^>]*?src="([^"]+)"', plain)


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as hosting sites make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", prose(text), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        found.add(re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-"))
    return found


@dataclass(frozen=True)
class Table:
    """A pipe table: head, lines of cells, and the comment on the line above it."""

    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    comment: str


def tables(text: str) -> list[Table]:
    found: list[Table] = []
    rows: list[tuple[str, ...]] = []
    above = comment = ""
    for line in [*prose(text).splitlines(), ""]:
        if line.startswith("|"):
            if not rows:
                comment = above
            rows.append(tuple(c.strip() for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))))
        elif rows:
            found.append(Table(rows[0], tuple(rows[2:]), comment))
            rows = []
        above = m.group(1) if (m := re.fullmatch(r"<!--\s*(.*?)\s*-->", line)) else ""
    return found
