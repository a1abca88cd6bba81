"""Genotypes and spaces as small drawings for notebooks: SVG and HTML without any drawing library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.space.genotype import Choice, Genotype
    from nas.space.space import Space

#: pixels between two nodes, of a node, above and below the row of nodes
_STEP, _NODE, _ROOM = 130, 13, 34
_TEXT = 'font-family="sans-serif" font-size="11" text-anchor="middle" fill="currentColor"'


def genotype_svg(genotype: Genotype) -> str:
    """Every cell of a genotype as a row of nodes with an arc for each chosen block.

    Returns:
        An SVG element.
    """
    parts: list[str] = []
    top, widest = 0.0, 0.0
    for name, choices in genotype.cells.items():
        drawn, width, height = _cell(name, choices, top)
        parts += drawn
        top, widest = top + height, max(widest, width)
    return _svg(parts, widest, top, str(genotype))


def _cell(name: str, choices: Sequence[Choice], top: float) -> tuple[list[str], float, float]:
    """Elements of one cell below ``top``, their width and their height."""
    nodes = max((choice.target for choice in choices), default=0) + 1
    longest = max((choice.target - choice.source for choice in choices), default=1)
    height = 2 * _ROOM + longest * 34
    base = top + height - _ROOM
    x = [40 + i * _STEP for i in range(nodes)]
    parts = [
        f'<text x="8" y="{top + 16:g}" {_TEXT.replace("middle", "start")} font-weight="bold">{escape(name)}</text>'
    ]
    for choice in choices:
        left, right = x[choice.source], x[choice.target]
        rise = 34 * (choice.target - choice.source)
        middle = (left + right) / 2
        parts.append(
            f'<path d="M{left} {base - _NODE:g} Q{middle:g} {base - _NODE - 2 * rise + 34:g} {right} {base - _NODE:g}" '
            'fill="none" stroke="currentColor" stroke-opacity="0.55"/>'
        )
        parts.append(f'<text x="{middle:g}" y="{base - _NODE - rise + 14:g}" {_TEXT}>{escape(choice.block)}</text>')
    for i, at in enumerate(x):
        parts.append(f'<circle cx="{at}" cy="{base:g}" r="{_NODE}" fill="none" stroke="currentColor"/>')
        parts.append(f'<text x="{at}" y="{base + 4:g}" {_TEXT}>{i}</text>')
    return parts, x[-1] + 40, height


def space_svg(space: Space) -> str:
    """Every decision of a space as a line: its name and what it chooses from.

    Returns:
        An SVG element.
    """
    rows = [(d.name, ", ".join(map(str, d.choices))) for d in space.decisions]
    start = _TEXT.replace("middle", "start")
    parts = [f'<text x="8" y="16" {start} font-weight="bold">{escape(title_of(space))}</text>']
    names = 7 * max((len(name) for name, _ in rows), default=0) + 24
    for i, (name, choices) in enumerate(rows):
        y = 38 + 18 * i
        parts += [f'<text x="8" y="{y}" {start}>{escape(name)}</text>']
        parts += [f'<text x="{names}" y="{y}" {start} fill-opacity="0.75">{escape(choices)}</text>']
    longest = max((len(choices) for _, choices in rows), default=0)
    return _svg(parts, names + 6.5 * longest + 16, 38 + 18 * len(rows), title_of(space))


def space_html(space: Space) -> str:
    """A space as a table: decisions, their kinds and their choices."""
    body = ((d.name, d.kind, ", ".join(map(str, d.choices))) for d in space.decisions)
    return table_html(title_of(space), ("decision", "kind", "choices"), body)


def title_of(space: Space) -> str:
    """Name and size of a space in one line."""
    most = "" if space.size_is_exact else "at most "
    return f"space {space.name}: {len(space.decisions)} decisions, {most}{space.size():,} genotypes"


def table_html(title: str, head: Iterable[str], body: Iterable[Iterable[object]]) -> str:
    """A table for notebooks.

    Args:
        title: Stands above it.
        head: Names of the columns; none for a table without a head.
        body: Cells by row.
    """
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in body)
    top = f"<thead><tr>{columns}</tr></thead>" if columns else ""
    return f"<p><b>{escape(title)}</b></p><table>{top}<tbody>{rows}</tbody></table>"


def _svg(parts: Iterable[str], width: float, height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
