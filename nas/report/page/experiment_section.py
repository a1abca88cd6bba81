"""A campaign in the report: its table and verdicts, the rank-correlation scatter, every figure of its statistics."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.evaluation.rows import EvaluationRow, read_rows
from nas.report.figures.correlation import find_pairs, scatter
from nas.report.figures.experiment import campaign_figures
from nas.report.run_folder import attempt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_TEXT = 60_000  # characters of statistics shown in full


@dataclass
class CampaignFolder:
    """The readable parts of a campaign's folder; ``runs`` are its begun parts in the order of their names."""

    folder: Path
    rows: list[EvaluationRow] = field(default_factory=list)
    statistics: Any = None
    table: str = ""
    config: str = ""
    runs: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def is_experiment(folder: Path) -> bool:
    """Whether a folder holds a campaign."""
    return (folder / "campaign.yaml").is_file()


def read_campaign(folder: Path) -> CampaignFolder:
    """Read what is there; damage is named in ``problems``."""
    found = CampaignFolder(folder)
    if (folder / "rows.csv").is_file():
        found.rows = attempt("rows.csv", found.problems, lambda: read_rows(folder / "rows.csv")) or []
    if text := _text(folder / "statistics.json", found.problems):
        found.statistics = attempt("statistics.json", found.problems, lambda: json.loads(text))
    found.table, found.config = (_text(folder / name, found.problems) for name in ("table.md", "campaign.yaml"))
    found.runs = sorted(p.parent for p in folder.glob("*/config.yaml"))
    return found


def _text(path: Path, problems: list[str]) -> str:
    return (attempt(path.name, problems, lambda: path.read_text("utf-8")) or "") if path.is_file() else ""


def campaign_section(found: CampaignFolder, figure: Callable[[Callable[[bool], Figure], str], str]) -> str:
    """HTML of a campaign; ``figure`` turns a drawing function and a caption into HTML."""
    out = []
    if found.table:
        out.append(markdown_tables(found.table))
    if isinstance(found.statistics, dict):
        out += _figures(found.statistics, figure)
    if found.statistics is not None:
        text = json.dumps(found.statistics, indent=2)
        text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n... (cut here)"
        out.append(f"<details><summary>Statistics as JSON</summary><pre>{escape(text)}</pre></details>")
    if found.runs:
        names = ", ".join(run.name for run in found.runs)
        out.append(f'<p class="note">Parts: {escape(names)}. Each can have its own report: nas report FOLDER/PART</p>')
    return "".join(out) or '<p class="note">This campaign has no results yet.</p>'


def _figures(statistics: Any, figure: Callable[[Callable[[bool], Figure], str], str]) -> list[str]:
    """The figures that the statistics allow; statistics of another make may hold pairs alone."""
    try:
        return [figure(draw, caption) for caption, draw in campaign_figures(statistics)] or _scatter(statistics, figure)
    except (KeyError, TypeError, IndexError) as error:
        return [f'<p class="note">No figures: statistics.json is not as it was written ({escape(repr(error))}).</p>']


def _scatter(statistics: Any, figure: Callable[[Callable[[bool], Figure], str], str]) -> list[str]:
    pairs = find_pairs(statistics)
    caption = "Supernet against training from scratch: a point a genotype, validation PSNR."
    return [figure(lambda dark: scatter(pairs, dark=dark), caption)] if len(pairs) > 1 else []


def markdown_tables(text: str) -> str:
    """Markdown of our own making (paragraphs, headings, lists, pipe tables, bold) as HTML; everything is escaped."""
    out: list[str] = []
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        line = lines[index].strip()
        if line.startswith("|") and index + 1 < len(lines) and set(lines[index + 1].strip()) <= set("|-: "):
            head, body = _cells(line), []
            index += 2
            while index < len(lines) and lines[index].strip().startswith("|"):
                body.append(_cells(lines[index].strip()))
                index += 1
            heads = "".join(f'<th scope="col">{_inline(c)}</th>' for c in head)
            rows = "".join("<tr>" + "".join(f"<td>{_inline(c)}</td>" for c in cells) + "</tr>" for cells in body)
            out.append(f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>')
            continue
        if line.startswith("#"):
            out.append(f"<h3>{_inline(line.lstrip('# '))}</h3>")
        elif line.startswith(("- ", "* ")):
            out.append(f"<p>• {_inline(line[2:])}</p>")
        elif line:
            out.append(f"<p>{_inline(line)}</p>")
        index += 1
    return "".join(out)


def _cells(line: str) -> list[str]:
    return [c.strip() for c in line.strip("|").replace(r"\|", "\0").split("|")]


def _inline(text: str) -> str:
    text = escape(text.replace("\0", "|"))
    parts = text.split("**")
    return "".join(f"<strong>{p}</strong>" if i % 2 and i + 1 < len(parts) else p for i, p in enumerate(parts))
