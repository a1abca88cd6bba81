"""The page on the tabular benchmark shows what its rows say."""

from __future__ import annotations

import csv

import pytest

from results.benchmark_page import BEGIN, END, FIGURES, PAGE, TABLE, summary, with_block


def test_the_page_holds_what_the_rows_say() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_block(page, summary()) == page, "run python -m results.benchmark_page"
    assert (FIGURES / "summary.md").read_text(encoding="utf-8") == summary()


def test_every_verdict_stands_in_the_tables_with_its_interval() -> None:
    text = summary()
    with (TABLE / "strategies.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            regret = f"{float(row['regret']):.4f} ({float(row['regret_low']):.4f} to {float(row['regret_high']):.4f})"
            assert f"| {row['strategy']} | {row['runs']} | {regret} |" in text


def test_a_page_without_the_marks_is_not_written() -> None:
    with pytest.raises(ValueError, match="unpack"):
        with_block("no marks", "block")
    assert with_block(f"a\n{BEGIN}\nold\n{END}\nb", "new\n") == f"a\n{BEGIN}\nnew\n{END}\nb"
