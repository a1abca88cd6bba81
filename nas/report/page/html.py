"""One self-contained HTML page: tables, figures, pictures, the cell, the search, and how each number was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.comparison import figure_sets, related
from nas.report.page import sections
from nas.report.page.experiment_section import CampaignFolder, campaign_section, is_experiment, read_campaign
from nas.report.page.pictures import Array, Picture, as_pictures
from nas.report.published import is_published
from nas.report.run_folder import RunFolder, attempt, read_run

if TYPE_CHECKING:
    from nas.space import Genotype

#: what a page may weigh at most, in bytes
LIMIT = 15_000_000
#: what its pictures together may weigh
PICTURES = 8_000_000
# no network at all, whatever a row or a file name contains
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(
    out: str | Path,
    run: str | Path | Sequence[str | Path] | None = None,
    rows: Sequence[EvaluationRow] = (),
    genotype: Genotype | None = None,
    images: str | Path | Sequence[Picture] | Mapping[str, Mapping[str, Array | Path]] | None = None,
    published: Sequence[EvaluationRow] = (),
    title: str = "",
) -> Path:
    """Write the page to ``out`` and return its path; it needs no network and weighs under 15 MB.

    run: folders of runs or campaigns; of a run's config.yaml, events.jsonl, timing.jsonl, genotype.json, rows.csv and
    images/ what is there is shown, of a campaign also its table and statistics. rows: evaluation rows besides
    the runs'. published: anchors of any task; only those of a task and set that was measured are shown, marked
    with a dagger. genotype: instead of the run's. images: a folder as ``nas evaluate --save-images`` writes it,
    pictures, or scene -> model -> image; instead of the run's. Nothing to show at all is a NasError. Parts of a
    run that cannot be read are named on the page.
    """
    target = Path(out)
    folders = [Path(f) for f in ([run] if isinstance(run, str | Path) else run or [])]
    campaigns = [read_campaign(f) for f in folders if is_experiment(f)]
    runs = [read_run(f) for f in folders if not is_experiment(f)]
    material: list[RunFolder | CampaignFolder] = [*runs, *campaigns]
    problems = [p for found in material for p in found.problems]
    everything = list(dict.fromkeys([*(r for found in material for r in found.rows), *rows]))
    everything += related(everything, published)
    pictures = as_pictures(images) or [p for f in folders if (f / "images").is_dir() for p in as_pictures(f / "images")]
    if not (everything or genotype or pictures or campaigns or any(r.events or r.config or r.genotype for r in runs)):
        where = f" in {str(folders[0])!r}" if folders else ""
        raise NasError(f"there is nothing to report{where}; give evaluation rows, a run folder or a genotype")

    measured = [r for r in everything if not is_published(r)]
    parts: list[tuple[str, str, str]] = []  # anchor, heading, HTML
    if everything:
        parts.append(("results", "Results", sections.results(everything)))
        if charts := sections.charts(everything, figure_sets(measured or everything)):
            parts.append(("cost", "Quality against cost", charts))
    models = list(dict.fromkeys(r.model for r in measured))
    viewer = attempt("pictures", problems, lambda: sections.pictures(pictures, PICTURES, models))
    if viewer:
        parts.append(("pictures", "Pictures", viewer))
    if details := attempt("crops", problems, lambda: sections.crops(pictures, models)):
        parts.append(("details", "Details", details))
    for campaign in campaigns:
        anchor, name = _anchor("campaign", len(campaigns), campaigns.index(campaign)), campaign.folder.resolve().name
        parts.append((anchor, f"Campaign {name}", campaign_section(campaign, sections.figure)))
    if genotype is not None and not any(r.genotype for r in runs):
        runs_cell = attempt("the cell drawing", problems, lambda: sections.cell(genotype))
        parts += [("cell", "Derived cell", runs_cell)] if runs_cell else []
    for index, one in enumerate(runs):
        parts += _run_parts(one, genotype, len(runs), index, problems)
    if everything:
        parts.append(("provenance", "How each number was made", sections.provenance(everything)))
    several = len(material) > 1
    for index, found in enumerate(material):
        if found.config:
            name = f" of {found.folder.resolve().name}" if several else ""
            anchor = _anchor("configuration", len(material), index)
            parts.append((anchor, f"Configuration{name}", _folded(found.config, several)))

    first = folders[0].resolve().name if folders else ""
    kind = "Campaign" if campaigns and not runs else "Run"
    heading = title or (f"{kind} {first}" if len(folders) == 1 else "Image restoration report")
    shown = genotype or next((r.genotype for r in runs if r.genotype is not None), None)
    page = _page(heading, _subtitle(measured, shown), parts, problems)
    if len(page) > LIMIT:
        parts = [p for p in parts if p[0] != "pictures"]
        problems.append("the pictures were left out, as the page would have been above 15 MB")
        page = _page(heading, _subtitle(measured, shown), parts, problems)
    if len(page) > LIMIT:
        raise NasError(f"the report would weigh {len(page) / 1e6:.0f} MB, above 15 MB; give fewer rows")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(page)
    partial.replace(target)
    return target


def _run_parts(
    run: RunFolder, genotype: Genotype | None, count: int, index: int, problems: list[str]
) -> list[tuple[str, str, str]]:
    """The derived cell and the search of one run; with several runs their headings bear the run's name."""
    of = f": {run.name}" if count > 1 else ""
    parts = []
    cell = genotype if genotype is not None else run.genotype
    if cell is not None:
        found = cell
        if drawing := attempt("the cell drawing", problems, lambda: sections.cell(found)):
            parts.append((_anchor("cell", count, index), f"Derived cell{of}", drawing))
    if diagnostics := attempt("search figures", problems, lambda: sections.search(run)):
        parts.append((_anchor("search", count, index), f"Search and training{of}", diagnostics))
    return parts


def _anchor(name: str, count: int, index: int) -> str:
    return name if index == 0 or count == 1 else f"{name}-{index + 1}"


def _folded(text: str, fold: bool) -> str:
    block = f"<pre>{escape(text)}</pre>"
    return f"<details><summary>Show</summary>{block}</details>" if fold else block


def _subtitle(measured: Iterable[EvaluationRow], genotype: Genotype | None) -> str:
    measured = list(measured)
    words = []
    if tasks := list(dict.fromkeys(r.task for r in measured)):
        words.append("task " + ", ".join(tasks))
    if models := list(dict.fromkeys(r.model for r in measured)):
        words.append(f"{len(models)} model{'s' if len(models) > 1 else ''} measured")
    if genotype is not None and genotype.hash:
        words.append(f"genotype {genotype.hash}")
    if versions := list(dict.fromkeys(r.jsnas for r in measured if r.jsnas)):
        words.append("jsnas " + ", ".join(versions))
    return " · ".join(words)


def _page(heading: str, subtitle: str, parts: Sequence[tuple[str, str, str]], problems: Sequence[str]) -> bytes:
    style, script = (files(__package__).joinpath(n).read_text(encoding="utf-8") for n in ("report.css", "report.js"))
    links = "".join(f'<a href="#{a}">{escape(h)}</a>' for a, h, _ in parts)
    body = "".join(f'<section id="{a}"><h2>{escape(h)}</h2>{content}</section>' for a, h, content in parts)
    notes = ""
    if problems:
        items = "".join(f"<li>{escape(p)}</li>" for p in problems)
        notes = f'<div class="warnings" role="note"><strong>Not shown</strong><ul>{items}</ul></div>'
    text = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(heading)}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{escape(heading)}</h1><button id="theme" type="button" hidden>Light / dark</button>
<p>{escape(subtitle)}</p></header>
<nav aria-label="Sections">{links}</nav>
<main>{notes}{body}</main>
<footer>Made by jsnas. Figures marked † are published ones and were not measured here.</footer>
<script>{script}</script>
</body>
</html>
"""
    return text.encode("utf-8", errors="replace")
