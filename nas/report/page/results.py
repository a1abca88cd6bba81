"""The section of results: a table a task, and the same as Markdown, LaTeX and CSV to copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.evaluation.rows import EvaluationRow
from nas.report import table_formats, tables
from nas.report.figures.numbers import format_count, format_ssim
from nas.report.published import is_published

#: by which a column is sorted where all images are restored exactly, in dB
ABOVE_ALL = 1000.0


@dataclass(frozen=True)
class ScoreView:
    """PSNR and SSIM of one model on one set.

    Attributes:
        value: PSNR in dB, by which the column is sorted.
        psnr: PSNR as text.
        psnr_rank: ``best``, ``second`` or empty.
        ssim: SSIM as text, empty where it is unknown.
        ssim_rank: ``best``, ``second`` or empty.
        remark: What stands behind the numbers.
        hint: Protocol and command.
        row: Number of the row under "How each number was made".
    """

    value: float
    psnr: str
    psnr_rank: str
    ssim: str
    ssim_rank: str
    remark: str
    hint: str
    row: int


@dataclass(frozen=True)
class LineView:
    """One model: its name, its costs as (number, text), and its scores, None where it was not measured."""

    label: str
    published: bool
    costs: list[tuple[int | None, str]]
    scores: list[ScoreView | None]


@dataclass(frozen=True)
class TableView:
    """The table of one task, with a note below it."""

    task: str
    sets: list[str]
    lines: list[LineView]
    note: str


@dataclass(frozen=True)
class ResultsView:
    """All tables, their text forms by name, and whether published lines can be hidden."""

    tables: list[TableView]
    texts: dict[str, str]
    hideable: bool


def results_view(rows: Sequence[EvaluationRow]) -> ResultsView:
    """Prepare the tables.

    Args:
        rows: Measured and published rows, in the order of "How each number was made".

    Returns:
        What ``results.html.j2`` lays out.
    """
    numbers = {id(row): i for i, row in enumerate(rows)}
    made = tables.make_tables(rows)
    texts = {
        "Markdown": table_formats.to_markdown(made),
        "LaTeX": table_formats.to_latex(made),
        "CSV": table_formats.to_csv(made),
    }
    published = [is_published(r) for r in rows]
    found = [
        TableView(table.task, table.sets, [_line(table, i, numbers) for i in range(len(table.lines))], _note(table))
        for table in made
    ]
    return ResultsView(found, texts, any(published) and not all(published))


def _line(table: tables.Table, index: int, numbers: Mapping[int, int]) -> LineView:
    line = table.lines[index]
    label = line.label + (f" {tables.DAGGER}" if line.published else "")
    costs = [(value, format_count(value)) for value in (line.first("parameters"), line.first("multiply_adds"))]
    return LineView(label, line.published, costs, [_score(table, index, name, numbers) for name in table.sets])


def _score(table: tables.Table, index: int, set_name: str, numbers: Mapping[int, int]) -> ScoreView | None:
    row = table.lines[index].cells.get(set_name)
    if row is None or not tables.psnr_text(row):
        return None
    return ScoreView(
        value=ABOVE_ALL if row.psnr is None else row.psnr,
        psnr=tables.psnr_text(row),
        psnr_rank=table.rank(index, set_name, "psnr"),
        ssim=format_ssim(row.ssim),
        ssim_rank=table.rank(index, set_name, "ssim"),
        remark=table.remark(row),
        hint="; ".join(x for x in (row.protocol, row.command or row.source) if x),
        row=numbers[id(row)],
    )


def _note(table: tables.Table) -> str:
    words = [
        "PSNR in dB, SSIM beside or below it; the best is bold, the second underlined.",
        "A number links to how it was made.",
    ]
    rows = [r for x in table.lines for r in x.cells.values()]
    if sizes := {r.cost_output for r in rows if r.multiply_adds} - {""}:
        words.append(f"Multiply-adds for an output of {', '.join(sorted(sizes))}.")
    if protocols := table.explained():
        words.append(f"Protocol: {protocols}.")
    if table.has_partial:
        words.append(tables.PARTIAL_NOTE)
    if table.has_exact:
        words.append(tables.EXACT_NOTE)
    if table.sources:
        words.append(f"{tables.DAGGER} Published, not measured here: {'; '.join(table.sources)}.")
    return " ".join(words)
