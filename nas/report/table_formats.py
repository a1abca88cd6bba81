"""Tables as text: Markdown, LaTeX and CSV. The best is bold, the second underlined, published lines have a dagger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nas.names import defused
from nas.report.figures.numbers import format_count, format_ssim
from nas.report.tables import DAGGER, EXACT_NOTE, PARTIAL_NOTE, Rank, Table, psnr_text

if TYPE_CHECKING:
    import pandas as pd


def to_markdown(tables: Sequence[Table]) -> str:
    """GitHub-flavoured Markdown: a heading, a table and a note for each task."""

    def mark(text: str, rank: Rank) -> str:
        return f"**{text}**" if rank == "best" else f"<u>{text}</u>" if rank == "second" else text

    def plain(text: str) -> str:
        return _one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")

    blocks = []
    for table in tables:
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


def to_latex(tables: Sequence[Table]) -> str:
    r"""A ``table`` with a ``tabular`` for each task, for ``booktabs``; published lines have ``$^\dagger$``."""

    def mark(text: str, rank: Rank) -> str:
        command = {"best": r"\textbf", "second": r"\underline"}.get(rank)
        return f"{command}{{{text}}}" if command else text

    blocks = []
    for table in tables:
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


def to_csv(tables: Sequence[Table]) -> str:
    """The table of ``wide_frame`` as CSV, with every digit."""
    frame = wide_frame(tables)
    texts = frame.select_dtypes(include=["object", "string"]).columns
    frame[texts] = frame[texts].map(lambda value: defused(value) if isinstance(value, str) else value)
    return str(frame.rename(columns=defused).to_csv(index=False, lineterminator="\n"))


def wide_frame(tables: Sequence[Table]) -> pd.DataFrame:
    """All tables as one DataFrame.

    Args:
        tables: As ``make_tables`` gives them.

    Returns:
        One line a model and task; the columns ``task``, ``model`` (its label), ``source``, ``parameters`` and
        ``multiply_adds``, then "psnr <set>" and "ssim <set>" for every set, NaN where there is no result, and where
        images are restored exactly "exact <set>", their number.
    """
    import pandas as pd

    sets = list(dict.fromkeys(name for table in tables for name in table.sets))
    columns = ["task", "model", "source", "parameters", "multiply_adds"]
    inexact = {name for table in tables for name in table.results.loc[table.results["exact"].fillna(0) > 0, "set"]}
    scores = [
        f"{metric} {name}" for name in sets for metric in ("psnr", "ssim", *(("exact",) if name in inexact else ()))
    ]
    parts = []
    for table in tables:
        lines = [(table.task, x.label, x.source, x.first("parameters"), x.first("multiply_adds")) for x in table.lines]
        counted = table.results.astype({"exact": "float64"})
        wide = counted.pivot(index="line", columns="set", values=["psnr", "ssim", "exact"])
        wide.columns = wide.columns.map(" ".join)
        parts.append(pd.DataFrame(lines, columns=columns).join(wide.reindex(columns=scores)))
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*columns, *scores])
    counts = ["parameters", "multiply_adds", *(name for name in frame if str(name).startswith("exact "))]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def _cells(table: Table, index: int, mark: Callable[[str, Rank], str]) -> list[str]:
    out = []
    for name in table.sets:
        row = table.lines[index].cells.get(name)
        if row is None or not psnr_text(row):
            out.append("-")
            continue
        parts = [mark(psnr_text(row), table.rank(index, name, "psnr"))]
        if row.ssim is not None:
            parts.append(mark(format_ssim(row.ssim), table.rank(index, name, "ssim")))
        out.append(" / ".join(parts) + table.remark(row))
    return out


def _cost_head(table: Table) -> str:
    sizes = table.cost_outputs
    return "Multiply-adds" + (f" ({sizes[0]})" if len(sizes) == 1 and sizes[0] else "")


def _note(table: Table) -> str:
    parts = []
    if protocols := table.explained():
        parts.append(f"Protocol of the measured lines: {protocols}.")
    if table.has_partial:
        parts.append(PARTIAL_NOTE)
    if table.has_exact:
        parts.append(EXACT_NOTE)
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
