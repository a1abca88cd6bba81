"""One self-contained HTML page: tables, figures, pictures, the cell, the search, and how each number was made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.report import sections
from nas.report.comparison import figure_sets, related
from nas.report.pictures import Array, Picture, as_pictures
from nas.report.published import is_published
from nas.rows import EvaluationRow, read_rows

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
    run: str | Path | None = None,
    rows: Sequence[EvaluationRow] = (),
    genotype: Genotype | None = None,
    images: str | Path | Sequence[Picture] | Mapping[str, Mapping[str, Array | Path]] | None = None,
    published: Sequence[EvaluationRow] = (),
    title: str = "",
) -> Path:
    """Write the page to ``out`` and return its path; it needs no network and weighs under 15 MB.

    run: a run folder; of config.yaml, events.jsonl, genotype.json, rows.csv, images/ what is there is shown.
    rows: evaluation rows besides the run's. published: anchors of any task; only those of a task and set that
    was measured are shown, marked with a dagger. genotype: instead of the run's. images: a folder as ``nas
    evaluate --save-images`` writes it, pictures, or scene -> model -> image; instead of the run's.
    Nothing to show at all is a NasError. Parts of a run that cannot be read are named on the page.
    """
    target = Path(out)
    folder = Path(run) if run is not None else None
    if folder is not None and not folder.is_dir():
        raise NasError(
            f"there is no run folder {str(folder)!r}; give the folder that 'nas search' or 'nas retrain' wrote"
        )
    problems: list[str] = []
    material = _read_run(folder, problems) if folder is not None else _Material()
    everything = list(dict.fromkeys([*material.rows, *rows]))
    everything += related(everything, published)
    genotype = genotype if genotype is not None else material.genotype
    pictures = as_pictures(images)
    if not pictures and folder is not None and (folder / "images").is_dir():
        pictures = as_pictures(folder / "images")
    if not (everything or genotype or pictures or material.events or material.config):
        where = f" in {str(folder)!r}" if folder is not None else ""
        raise NasError(f"there is nothing to report{where}; give evaluation rows, a run folder or a genotype")

    measured = [r for r in everything if not is_published(r)]
    parts: list[tuple[str, str, str]] = []  # anchor, heading, HTML
    if everything:
        parts.append(("results", "Results", sections.results(everything)))
        if charts := sections.bubbles(everything, figure_sets(measured or everything)):
            parts.append(("cost", "Quality against cost", charts))
    budget = PICTURES
    viewer = _attempt("pictures", problems, lambda: sections.pictures(pictures, budget, [r.model for r in measured]))
    if viewer:
        parts.append(("pictures", "Pictures", viewer))
    if genotype is not None:
        found = genotype
        if drawing := _attempt("the cell drawing", problems, lambda: sections.cell(found)):
            parts.append(("cell", "Derived cell", drawing))
    diagnostics = _attempt("search figures", problems, lambda: sections.search(material.events, material.candidates))
    if diagnostics:
        parts.append(("search", "Search and training", diagnostics))
    if everything:
        parts.append(("provenance", "How each number was made", sections.provenance(everything)))
    if material.config:
        parts.append(("configuration", "Configuration", f"<pre>{escape(material.config)}</pre>"))

    heading = title or (f"Run {folder.resolve().name}" if folder is not None else "Image restoration report")
    page = _page(heading, _subtitle(measured, genotype), parts, problems)
    if len(page) > LIMIT:
        parts = [p for p in parts if p[0] != "pictures"]
        problems.append("the pictures were left out, as the page would have been above 15 MB")
        page = _page(heading, _subtitle(measured, genotype), parts, problems)
    if len(page) > LIMIT:
        raise NasError(f"the report would weigh {len(page) / 1e6:.0f} MB, above 15 MB; give fewer rows")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(page)
    partial.replace(target)
    return target


class _Material:
    """What a run folder holds."""

    def __init__(self) -> None:
        self.rows: list[EvaluationRow] = []
        self.events: list[dict[str, Any]] = []
        self.genotype: Genotype | None = None
        self.config = ""
        self.candidates: dict[str, Sequence[str]] = {}


def _read_run(folder: Path, problems: list[str]) -> _Material:
    material = _Material()
    if (folder / "rows.csv").is_file():
        material.rows = _attempt("rows.csv", problems, lambda: read_rows(folder / "rows.csv")) or []
    material.events = _attempt("events.jsonl", problems, lambda: read_events(folder)) or []
    if (folder / "genotype.json").is_file():
        from nas.space import Genotype

        material.genotype = _attempt("genotype.json", problems, lambda: Genotype.load(folder / "genotype.json"))
    if (folder / "config.yaml").is_file():
        text = _attempt("config.yaml", problems, lambda: (folder / "config.yaml").read_text(encoding="utf-8")) or ""
        material.config = text if len(text) < 200_000 else text[:200_000] + "\n... (cut here)"
        material.candidates = _candidates(text)
    return material


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The events of a run; none without events.jsonl. Lines that are no JSON objects are passed over."""
    path = folder / "events.jsonl"
    events = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:  # the last line of a run that was killed
                continue
            if isinstance(event, dict):
                events.append(event)
    return events


def _candidates(config: str) -> dict[str, Sequence[str]]:
    """Cell -> candidate names from the configuration's space; empty when it cannot be loaded here."""
    import yaml

    from nas.space import load_space

    try:
        tree = yaml.safe_load(config)
        space = load_space(tree["space"], preset=tree.get("preset"))
    except (NasError, OSError, yaml.YAMLError, TypeError, KeyError, ValueError):
        return {}  # names are a comfort: the heat map numbers the candidates instead
    return {name: cell.edges[0].candidates for name, cell in space.cells.items() if cell.edges}


def _attempt(what: str, problems: list[str], make: Callable[[], Any]) -> Any:
    """A damaged part of a run must not cost the rest of the report: it is named on the page instead."""
    try:
        return make()
    except (NasError, OSError, ValueError) as error:
        problems.append(f"{what} could not be shown: {error}")
        return None


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
