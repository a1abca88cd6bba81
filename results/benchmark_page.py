"""Writes what the tabular benchmark says into the manual: ``python -m results.benchmark_page``.

The rows of ``results/benchmark`` that 'nas bench strategies' and 'nas bench proxies' have written become
``results/figures/benchmark/summary.md`` and the figure of regret, and the text between the marks of
``docs/explanation/does-search-help.md``.
"""

from __future__ import annotations

from pathlib import Path

from nas.report.figures.regret import regret_figure
from nas.report.figures.style import LIGHT, save_figure
from nas.report.page.table_section import stored_points
from nas.report.table_folder import contest_sections, read_table

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "results/benchmark"
FIGURES = ROOT / "results/figures/benchmark"
PAGE = ROOT / "docs/explanation/does-search-help.md"
BEGIN, END = "<!-- begin: written by python -m results.benchmark_page -->", "<!-- end -->"
#: the figure that is shown
SHOWN = "free"
#: above each table: its numbers are compared as a whole
COMMENT = "<!-- no rows: the whole block is compared with what python -m results.benchmark_page writes -->"


def summary() -> str:
    """The tables of the benchmark as Markdown."""
    lines = []
    for line in contest_sections(read_table(TABLE)):
        if line.startswith("| ") and (not lines or not lines[-1].startswith("|")):
            lines.append(COMMENT)
        lines.append(line)
    return "\n".join(lines).strip() + "\n"


def with_block(page: str, block: str) -> str:
    """The page with another block between its marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{block}{END}{rest.split(END, 1)[1]}"


def main() -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    text = summary()
    (FIGURES / "summary.md").write_text(text, encoding="utf-8")
    PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    figure = regret_figure(stored_points(read_table(TABLE).curves, SHOWN), SHOWN, LIGHT)
    assert figure is not None, "strategies_curves.csv holds no points; run nas bench strategies"
    save_figure(figure, FIGURES / f"regret_{SHOWN}", formats=("png",))


if __name__ == "__main__":
    main()
