"""Small drawings and tables for notebooks: SVG and HTML without any drawing library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

#: pixels between two nodes, of a node, above and below the row of nodes
_STEP, _NODE, _ROOM = 130, 13, 34
_TEXT = 'font-family="sans-serif" font-size="11" text-anchor="middle" fill="currentColor"'


#: (node that an edge leaves, node that it enters, block on it)
Arc = tuple[int, int, str]


def cells_svg(cells: Mapping[str, Sequence[Arc]], title: str) -> str:
    """Every cell of a genotype as a row of nodes with an arc for each chosen block.

    Args:
        cells: Name of a cell -> its arcs.
        title: What the drawing is, for readers who do not see it.

    Returns:
        An SVG element.
    """
    parts: list[str] = []
    top, widest = 0.0, 0.0
    for name, choices in cells.items():
        drawn, width, height = _cell(name, choices, top)
        parts += drawn
        top, widest = top + height, max(widest, width)
    return _svg(parts, widest, top, title)


def _cell(name: str, arcs: Sequence[Arc], top: float) -> tuple[list[str], float, float]:
    """Elements of one cell below ``top``, their width and their height."""
    nodes = max((target for _, target, _ in arcs), default=0) + 1
    longest = max((target - source for source, target, _ in arcs), default=1)
    height = 2 * _ROOM + longest * 34
    base = top + height - _ROOM
    x = [40 + i * _STEP for i in range(nodes)]
    parts = [
        f'<text x="8" y="{top + 16:g}" {_TEXT.replace("middle", "start")} font-weight="bold">{escape(name)}</text>'
    ]
    for source, target, block in arcs:
        left, right = x[source], x[target]
        rise = 34 * (target - source)
        middle = (left + right) / 2
        parts.append(
            f'<path d="M{left} {base - _NODE:g} Q{middle:g} {base - _NODE - 2 * rise + 34:g} {right} {base - _NODE:g}" '
            'fill="none" stroke="currentColor" stroke-opacity="0.55"/>'
        )
        parts.append(f'<text x="{middle:g}" y="{base - _NODE - rise + 14:g}" {_TEXT}>{escape(block)}</text>')
    for i, at in enumerate(x):
        parts.append(f'<circle cx="{at}" cy="{base:g}" r="{_NODE}" fill="none" stroke="currentColor"/>')
        parts.append(f'<text x="{at}" y="{base + 4:g}" {_TEXT}>{i}</text>')
    return parts, x[-1] + 40, height


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
