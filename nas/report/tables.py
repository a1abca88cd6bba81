"""Evaluation rows to tables: Markdown, LaTeX, CSV. Best bold, second underlined, published daggered."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.numbers import format_count, format_psnr, format_ssim
from nas.report.published import is_published

#: images of the whole sets; published figures are of these, a row of fewer is marked and not ranked
WHOLE = {
    "Set5": 5,
    "Set14": 14,
    "B100": 100,
    "Urban100": 100,
    "Manga109": 109,
    "Set12": 12,
    "BSD68": 68,
    "CBSD68": 68,
    "Kodak24": 24,
    "McMaster": 18,
    "Classic5": 5,
    "LIVE1": 29,
    "Rain100H": 100,
    "Rain100L": 100,
    "SOTS": 500,
}
PARTIAL = "(n of m): measured on n of the m images of that set, and not ranked."
Rank = Literal["best", "second", ""]
DAGGER = "†"


@dataclass
class Line:
    """One model of a table. ``cells``: set name -> its row."""

    label: str
    published: bool
    source: str
    cells: dict[str, EvaluationRow] = field(default_factory=dict)

    def first(self, name: str) -> int | None:
        """The first known value of ``parameters`` or ``multiply_adds`` among the cells."""
        return next((v for r in self.cells.values() if (v := getattr(r, name)) is not None), None)


@dataclass
class Table:
    """Lines over sets for one task, measured lines first, then published ones."""

    task: str
    sets: list[str]
    lines: list[Line]
    ranks: dict[tuple[int, str, str], Rank]  # (line, set, "psnr" | "ssim")

    def rank(self, line: int, set: str, metric: str) -> Rank:
        return self.ranks.get((line, set, metric), "")

    def remark(self, row: EvaluationRow) -> str:
        """What stands behind the figures of a measured cell: "20 of 100" for a part of a set, its protocol's letter."""
        words = []
        if is_partial(row):
            words.append(f"{row.images} of {WHOLE[row.set]}")
        if not is_published(row) and len(self.judges(row.set)) > 1:
            words.append(self.letter(row.protocol))
        return f" ({', '.join(words)})" if words else ""

    def judges(self, set: str) -> list[str]:
        """The protocols of the measured cells of one column."""
        cells = (x.cells[set] for x in self.lines if not x.published and set in x.cells)
        return list(dict.fromkeys(r.protocol for r in cells))

    def explained(self) -> str:
        """All protocols in words, with their letters where the table uses these."""
        known = [p for p in self.protocols if p]
        return "; ".join(f"({self.letter(p)}) {p}" if self.lettered else p for p in known)

    def letter(self, protocol: str) -> str:
        """The letter that stands for a protocol where a column has several."""
        return chr(ord("a") + self.protocols.index(protocol) % 26)

    @property
    def lettered(self) -> bool:
        """Whether any column has measured cells of several protocols."""
        return any(len(self.judges(s)) > 1 for s in self.sets)

    @property
    def sources(self) -> list[str]:
        """Where the published lines come from, without the leading word."""
        return list(dict.fromkeys(x.source.partition(":")[2].strip() for x in self.lines if x.published))

    @property
    def protocols(self) -> list[str]:
        """The protocols of the measured lines."""
        return list(dict.fromkeys(r.protocol for x in self.lines if not x.published for r in x.cells.values()))


def make_tables(rows: Iterable[EvaluationRow], sets: Sequence[str] | None = None) -> list[Table]:
    """One table per task, in order of appearance. ``sets`` chooses and orders the columns.

    A line is one model under one source, genotype, weights, training and seed; equal labels are told apart
    by what differs. Results of one line on one set by several protocols stand on lines of their own. Two rows of
    one line, set and protocol are an error unless they agree: the table would have to choose. Ranks are over
    all lines, published ones too (they carry the dagger), on the printed digits; equal values share a rank. A
    column of several protocols has no ranks, and a cell of a part of a set (``WHOLE``) has none.
    """
    tables = []
    by_task: dict[str, list[EvaluationRow]] = {}
    for row in rows:
        by_task.setdefault(row.task, []).append(row)
    for task, members in by_task.items():
        columns = list(sets) if sets is not None else list(dict.fromkeys(r.set for r in members))
        lines: dict[tuple[object, ...], Line] = {}
        for row in members:
            if row.set not in columns:
                continue
            key: tuple[object, ...] = (row.model, row.source, row.genotype, row.weights, row.training, row.seed, "")
            line = lines.setdefault(key, Line(row.model, is_published(row), row.source))
            other = line.cells.get(row.set)
            if other is not None and other.protocol != row.protocol:
                line = lines.setdefault((*key[:-1], row.protocol), Line(row.model, is_published(row), row.source))
                other = line.cells.get(row.set)
            if other is not None and (other.psnr, other.ssim) != (row.psnr, row.ssim):
                raise NasError(
                    f"{row.model!r} has two results on {row.set} for {task} ({other.psnr} and {row.psnr} dB); "
                    "keep one of the two rows, or give their 'weights' or 'training' different names"
                )
            line.cells.setdefault(row.set, row)
        ordered = sorted(lines.items(), key=lambda item: item[1].published)
        _tell_apart(ordered)
        table = Table(task, columns, [line for _, line in ordered], {})
        _rank(table)
        tables.append(table)
    return tables


def _tell_apart(items: list[tuple[tuple[object, ...], Line]]) -> None:
    groups: dict[tuple[str, bool], list[tuple[tuple[object, ...], Line]]] = {}
    for key, line in items:
        groups.setdefault((line.label, line.published), []).append((key, line))
    for members in groups.values():
        if len(members) < 2:
            continue
        differing = [i for i in range(1, 7) if len({key[i] for key, _ in members}) > 1]
        for key, line in members:
            parts = []
            for i in differing:
                text = "" if key[i] is None else str(key[i])
                if i == 1:
                    text = text.partition(":")[2].strip()
                elif i == 2:
                    text = text[:8]
                elif i == 3:
                    text = text.replace("\\", "/").rsplit("/", 1)[-1]
                elif i == 5 and text:
                    text = f"seed {text}"
                elif i == 6:  # the name of a protocol, or what was done to the image: "tiles 128+32"
                    text = text.partition(":")[0] if ":" in text else text.rpartition(", ")[2]
                if text:
                    parts.append(text)
            if parts:
                line.label += f" ({', '.join(parts)})"


def is_partial(row: EvaluationRow) -> bool:
    """Whether a measured row is of fewer images than the set of that name has."""
    return not is_published(row) and row.images is not None and row.images < WHOLE.get(row.set, 0)


def _rank(table: Table) -> None:
    for metric, digits in (("psnr", 2), ("ssim", 4)):
        for name in table.sets:
            values = {
                i: round(float(v), digits)
                for i, line in enumerate(table.lines)
                if name in line.cells
                and not is_partial(line.cells[name])
                and (v := getattr(line.cells[name], metric)) is not None
            }
            top = sorted(set(values.values()), reverse=True)
            if len(values) < 2 or len(table.judges(name)) > 1:
                continue  # a best of one says nothing, nor does one of figures that do not compare
            for i, value in values.items():
                if value == top[0]:
                    table.ranks[i, name, metric] = "best"
                elif value == top[1]:
                    table.ranks[i, name, metric] = "second"


def to_markdown(rows: Iterable[EvaluationRow], sets: Sequence[str] | None = None) -> str:
    """GitHub-flavoured Markdown, a heading and a table per task, with a note on published lines."""

    def mark(text: str, rank: Rank) -> str:
        return f"**{text}**" if rank == "best" else f"<u>{text}</u>" if rank == "second" else text

    def plain(text: str) -> str:
        return _one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")

    blocks = []
    for table in make_tables(rows, sets):
        head = ["Model", "Parameters", _cost_head(table), *table.sets]
        out = [f"### {plain(table.task)}", "", "| " + " | ".join(plain(h) for h in head) + " |"]
        out.append("|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|")
        for i, line in enumerate(table.lines):
            label = plain(line.label) + (f" {DAGGER}" if line.published else "")
            costs = [format_count(line.first("parameters")), format_count(line.first("multiply_adds"))]
            out.append("| " + " | ".join([label, *costs, *_cells(table, i, mark)]) + " |")
        out += ["", plain(_note(table))]
        blocks.append("\n".join(out).rstrip())
    return "\n\n".join(blocks) + "\n"


def to_latex(rows: Iterable[EvaluationRow], sets: Sequence[str] | None = None) -> str:
    r"""A ``table`` with ``tabular`` per task, for ``booktabs``; published lines carry ``$^\dagger$``."""

    def mark(text: str, rank: Rank) -> str:
        command = {"best": r"\textbf", "second": r"\underline"}.get(rank)
        return f"{command}{{{text}}}" if command else text

    blocks = []
    for table in make_tables(rows, sets):
        head = ["Model", "Parameters", _cost_head(table), *table.sets]
        out = [r"\begin{table}", r"\centering", rf"\caption{{{escape_latex(table.task)}: PSNR (dB) / SSIM}}"]
        out += [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
        out += [" & ".join(escape_latex(h) for h in head) + r" \\", r"\midrule"]
        for i, line in enumerate(table.lines):
            if i and line.published and not table.lines[i - 1].published:
                out.append(r"\midrule")
            label = escape_latex(line.label) + (r"$^\dagger$" if line.published else "")
            costs = [format_count(line.first("parameters")), format_count(line.first("multiply_adds"))]
            out.append(" & ".join([label, *costs, *_cells(table, i, mark)]) + r" \\")
        out += [r"\bottomrule", r"\end{tabular}"]
        if note := _note(table):
            out += [r"\par\smallskip\footnotesize " + escape_latex(note)]
        blocks.append("\n".join([*out, r"\end{table}"]))
    return "\n\n".join(blocks) + "\n"


def to_csv(rows: Iterable[EvaluationRow], sets: Sequence[str] | None = None) -> str:
    """A wide CSV: task, model, source, parameters, multiply_adds, then psnr and ssim of every set."""
    tables = make_tables(rows, sets)
    names = list(dict.fromkeys(n for t in tables for n in t.sets))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ["task", "model", "source", "parameters", "multiply_adds"]
        + [f"{metric} {name}" for name in names for metric in ("psnr", "ssim")]
    )
    for table in tables:
        for line in table.lines:
            record: list[object] = [table.task, line.label, line.source]
            record += [line.first("parameters"), line.first("multiply_adds")]
            for name in names:
                row = line.cells.get(name)
                record += [row.psnr, row.ssim] if row else [None, None]
            writer.writerow(["" if v is None else v for v in record])
    return file.getvalue()


def _cells(table: Table, index: int, mark: Callable[[str, Rank], str]) -> list[str]:
    out = []
    for name in table.sets:
        row = table.lines[index].cells.get(name)
        parts = []
        if row is not None and row.psnr is not None:
            parts.append(mark(format_psnr(row.psnr), table.rank(index, name, "psnr")))
            if row.ssim is not None:
                parts.append(mark(format_ssim(row.ssim), table.rank(index, name, "ssim")))
        out.append(" / ".join(parts) + table.remark(row) if row is not None and parts else "-")
    return out


def _cost_head(table: Table) -> str:
    sizes = {r.cost_output for x in table.lines for r in x.cells.values() if r.multiply_adds is not None}
    return "Multiply-adds" + (f" ({sizes.pop()})" if len(sizes) == 1 and "" not in sizes else "")


def _note(table: Table) -> str:
    parts = []
    if protocols := table.explained():
        parts.append(f"Protocol of the measured lines: {protocols}.")
    if any(is_partial(r) for x in table.lines for r in x.cells.values()):
        parts.append(PARTIAL)
    if table.sources:
        parts.append(f"{DAGGER} published, not measured here: {'; '.join(table.sources)}.")
    return " ".join(parts)


def _one_line(text: str) -> str:
    return " ".join(text.split())


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    DAGGER: r"$^\dagger$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def escape_latex(text: str) -> str:
    """``text`` as LaTeX prints it; every special character is escaped."""
    return "".join(_LATEX.get(c, c) for c in _one_line(text))
