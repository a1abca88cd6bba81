"""Tables: what is bold, underlined, daggered; what is escaped; what is refused."""

from __future__ import annotations

import csv
import io
import re

import pytest

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow as Row
from nas.report.figures.numbers import format_count
from nas.report.table_formats import escape_latex, to_csv, to_latex, to_markdown
from nas.report.tables import make_tables

PAPER = "published: A paper, table 1"
ROWS = [
    Row("other", "sr_x2", "Set5", psnr=38.10, ssim=0.9600, parameters=500_000, source=PAPER),
    Row("ours", "sr_x2", "Set5", psnr=38.20, ssim=0.9590, parameters=476_000, protocol="Y, border 2"),
    Row("ours", "sr_x2", "Set14", psnr=33.50, protocol="Y, border 2"),
    Row("bicubic", "sr_x2", "Set5", psnr=33.66, ssim=0.9299, protocol="Y, border 2"),
    Row("other", "sr_x2", "Set14", psnr=33.504, source=PAPER),
]


def markdown_cells(text: str) -> dict[str, list[str]]:
    lines = [x for x in text.splitlines() if x.startswith("| ")]
    return {c[0]: c[1:] for c in ([p.strip() for p in x.strip("|").split("|")] for x in lines)}


def test_best_is_bold_and_second_underlined_in_each_set_and_metric() -> None:
    cells = markdown_cells(to_markdown(make_tables(ROWS)))
    assert cells["Model"][2:] == ["Set5", "Set14"]
    assert cells["ours"][2] == "**38.20** / <u>0.9590</u>"
    assert cells["other †"][2] == "<u>38.10</u> / **0.9600**"
    assert cells["bicubic"][2] == "33.66 / 0.9299"
    assert cells["bicubic"][3] == "-"


def test_values_that_print_alike_share_their_rank() -> None:
    cells = markdown_cells(to_markdown(make_tables(ROWS)))
    assert cells["ours"][3] == cells["other †"][3] == "**33.50**"


def test_a_single_value_is_not_called_the_best() -> None:
    assert "**" not in to_markdown(make_tables(ROWS[1:2])) and "textbf" not in to_latex(make_tables(ROWS[1:2]))


def test_published_lines_stand_last_and_carry_the_mark_everywhere() -> None:
    names = [name for name in markdown_cells(to_markdown(make_tables(ROWS))) if name != "Model"]
    assert names == ["ours", "bicubic", "other †"]
    assert "A paper, table 1" in to_markdown(make_tables(ROWS))
    latex = to_latex(make_tables(ROWS))
    assert re.search(r"^other\$\^\\dagger\$ &", latex, re.M) and "ours$" not in latex
    records = list(csv.DictReader(io.StringIO(to_csv(make_tables(ROWS)))))
    assert [r["source"] for r in records] == ["measured", "measured", PAPER]


def test_latex_marks_the_same_cells() -> None:
    latex = to_latex(make_tables(ROWS))
    assert r"\textbf{38.20} / \underline{0.9590}" in latex
    assert r"\underline{38.10} / \textbf{0.9600}" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 1
    body = [x for x in latex.splitlines() if " & " in x]
    assert len({x.count(" & ") for x in body}) == 1


def test_csv_keeps_every_digit() -> None:
    records = list(csv.DictReader(io.StringIO(to_csv(make_tables(ROWS)))))
    assert records[2]["psnr Set14"] == "33.504" and records[1]["psnr Set14"] == ""


def test_one_table_for_each_task_and_sets_in_the_given_order() -> None:
    tables = make_tables([*ROWS, Row("ours", "sr_x3", "Set5", psnr=34.0)], sets=["Set14", "Set5"])
    assert [t.task for t in tables] == ["sr_x2", "sr_x3"]
    assert tables[0].sets == ["Set14", "Set5"]


def test_equal_names_are_told_apart_by_what_differs() -> None:
    rows = [Row("net", "sr_x2", "Set5", psnr=37.0 + s, seed=s, weights="w/a.safetensors") for s in (0, 1)]
    assert [x.label for x in make_tables(rows)[0].lines] == ["net (seed 0)", "net (seed 1)"]


def test_contradicting_rows_are_refused_and_repeated_ones_are_not() -> None:
    row = Row("net", "sr_x2", "Set5", psnr=37.0)
    assert len(make_tables([row, row])[0].lines) == 1
    with pytest.raises(NasError, match="two results on Set5"):
        make_tables([row, Row("net", "sr_x2", "Set5", psnr=38.0)])


def test_names_cannot_break_a_table() -> None:
    evil = Row("a|b<i>*x*\nnew & 50% _under_ $x$ \\end{tabular}", "sr_x2", "Set5", psnr=30.0)
    markdown = to_markdown(make_tables([evil, ROWS[1]]))
    assert len({len(re.findall(r"(?<!\\)\|", x)) for x in markdown.splitlines() if x.startswith("|")}) == 1
    assert "<i>" not in markdown
    latex = to_latex(make_tables([evil]))
    assert latex.count(r"\end{tabular}") == 1 and r"50\% \_under\_ \$x\$" in latex


@pytest.mark.parametrize("character", list("&%$#_{}~^\\"))
def test_latex_specials_are_escaped(character: str) -> None:
    assert escape_latex(character) != character and escape_latex(character).startswith("\\")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0, "0"),
        (999, "999"),
        (12_345, "12.3K"),
        (476_431, "476K"),
        (999_960, "1M"),
        (1_592_000, "1.59M"),
        (69_842_588, "69.8M"),
        (130_700_000_000, "131G"),
        (6_797 * 10**9, "6.8T"),
        (100, "100"),
    ],
)
def test_counts_have_three_significant_digits(value: int | None, text: str) -> None:
    assert format_count(value) == text


def test_a_part_of_a_set_is_marked_and_not_ranked() -> None:
    rows = [
        Row("ours", "sr_x2", "B100", images=20, psnr=40.0, protocol="Y"),
        Row("all", "sr_x2", "B100", images=100, psnr=30.0, protocol="Y"),
        Row("theirs", "sr_x2", "B100", psnr=31.0, source="published: paper"),
    ]
    (table,) = make_tables(rows)
    assert [table.rank(i, "B100", "psnr") for i in range(3)] == ["", "second", "best"]
    text = to_markdown(make_tables(rows))
    assert "40.00 (20 of 100)" in text and "n of m" in text and "<u>30.00</u> |" in text


def test_results_by_two_protocols_stand_apart_with_letters_and_without_ranks() -> None:
    rows = [
        Row("a", "sr_x2", "Set5", images=5, psnr=33.67, protocol="Y"),
        Row("a", "sr_x2", "Set5", images=5, psnr=33.66, protocol="y_plane: gray"),
        Row("b", "sr_x2", "Set5", images=5, psnr=35.0, protocol="Y"),
        Row("a", "sr_x2", "Set14", images=14, psnr=30.0, protocol="Y"),
        Row("b", "sr_x2", "Set14", images=14, psnr=31.0, protocol="Y"),
    ]
    (table,) = make_tables(rows)
    assert [line.label for line in table.lines] == ["a", "a (y_plane)", "b"]
    assert [table.rank(i, "Set5", "psnr") for i in range(3)] == [""] * 3
    assert [table.rank(i, "Set14", "psnr") for i in (0, 2)] == ["second", "best"]
    text = to_markdown(make_tables(rows))
    assert "33.66 (b)" in text and "33.67 (a)" in text and "(a) Y; (b) y_plane: gray." in text
