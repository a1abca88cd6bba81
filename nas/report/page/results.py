"""The section of results: a table a task, and the same as Markdown, LaTeX and CSV to copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.evaluation.rows import EvaluationRow
from nas.report import table_formats, tables
from nas.report.figures.numbers import format_count, format_psnr, format_ssim

#: by which a column is sorted where all images are restored exactly, in dB
ABOVE_ALL = 1000.0
#: rows up to which a number shows its protocol and command when it is pointed at
MOST_HINTS = 2000


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
        hint: Protocol and command; empty on a page with very many rows, which it would make heavy.
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
    """The table of one task, with a sentence on its main result above it and a note below it."""

    task: str
    sets: list[str]
    lines: list[LineView]
    headline: str
    note: str


@dataclass(frozen=True)
class ResultsView:
    """All tables, their text forms by name, and how many published lines are folded away at first."""

    tables: list[TableView]
    texts: dict[str, str]
    folded: int


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
    found = []
    for table in made:
        order = _ranking(table)
        hints = len(rows) <= MOST_HINTS
        lines = [_line(table, i, numbers, hints) for i in order]
        found.append(TableView(table.task, table.sets, lines, _headline(table, order), _note(table)))
    published = [line.published for table in found for line in table.lines]
    return ResultsView(found, texts, 0 if all(published) else sum(published))


def _ranking(table: tables.Table) -> list[int]:
    """Numbers of the lines: measured before published, the best on the first set that they have on top."""

    def key(index: int) -> tuple[bool, int, float]:
        cells = table.lines[index].cells
        place = next((i for i, name in enumerate(table.sets) if name in cells), len(table.sets))
        row = cells.get(table.sets[place]) if place < len(table.sets) else None
        value = ABOVE_ALL if row is not None and row.psnr is None and row.exact else (row and row.psnr) or 0.0
        return table.lines[index].published, place, -value

    return sorted(range(len(table.lines)), key=key)


def _headline(table: tables.Table, order: Sequence[int]) -> str:
    """The best measured model on the first set, and by how much a published one is better or worse."""
    name = table.sets[0] if table.sets else ""
    scored = {i: row for i in order if (row := table.lines[i].cells.get(name)) is not None and row.psnr is not None}
    ours = [i for i in scored if not table.lines[i].published]
    papers = [i for i in scored if table.lines[i].published]
    if not ours:
        return ""
    best, line = scored[ours[0]], table.lines[ours[0]]
    ssim = f" / {format_ssim(best.ssim)}" if best.ssim is not None else ""
    costs = [(line.first("parameters"), "parameters"), (line.first("multiply_adds"), "multiply-adds")]
    words = " and ".join(f"{format_count(value)} {unit}" for value, unit in costs if value)
    text = (
        f"Best measured on {name}: {line.label}, {format_psnr(best.psnr)} dB{ssim}{' with ' + words if words else ''}."
    )
    if papers:
        rival = table.lines[papers[0]]
        text += f" Best published: {rival.label}, {format_psnr(scored[papers[0]].psnr)} dB."
    return text


def _line(table: tables.Table, index: int, numbers: Mapping[int, int], hints: bool) -> LineView:
    line = table.lines[index]
    label = line.label + (f" {tables.DAGGER}" if line.published else "")
    costs = [(value, format_count(value)) for value in (line.first("parameters"), line.first("multiply_adds"))]
    return LineView(label, line.published, costs, [_score(table, index, name, numbers, hints) for name in table.sets])


def _score(table: tables.Table, index: int, set_name: str, numbers: Mapping[int, int], hints: bool) -> ScoreView | None:
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
        hint="; ".join(x for x in (row.protocol, row.command or row.source) if x) if hints else "",
        row=numbers[id(row)],
    )


def _note(table: tables.Table) -> str:
    words = [
        "PSNR in dB, SSIM beside or below it; the best of all, published ones included, is bold, the second "
        "underlined. Measured models come first, the best on top; click a heading to sort.",
        "Click a number to see how it was made.",
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
