"""The parts of an HTML report, each a string of HTML. Every text from outside passes through ``escape``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report import tables as t
from nas.report.comparison import comparison_figures
from nas.report.figures.cell import draw_cell
from nas.report.figures.numbers import count, decibel, similarity
from nas.report.figures.search import search_figure, search_figures
from nas.report.figures.style import darkened, figure_bytes
from nas.report.page.pictures import Picture, data_uri, encode
from nas.report.published import is_published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nas.report.run_folder import RunFolder
    from nas.space import Genotype

MAX_SVG = 500_000  # bytes; a heavier drawing is sent as pixels
MOST_WARNINGS = 20
MOST_CROPS = 3
FLOOR = 200_000  # characters a picture may take at least: below that JPEG would show
LEFT = ("degraded", "input", "lr", "bicubic", "identity")  # what the left side of the slider starts with
TRUTH = ("target", "hr", "clean", "true image")


def results(rows: Sequence[EvaluationRow]) -> str:
    """A sortable table per task, and the same as Markdown, LaTeX and CSV to copy."""
    numbers = {id(row): i for i, row in enumerate(rows)}
    out = []
    if any(is_published(r) for r in rows) and not all(is_published(r) for r in rows):
        out.append(
            '<div class="controls"><label><input type="checkbox" class="hide-published"> Hide published</label></div>'
        )
    for table in t.make_tables(rows):
        out.append(f"<h3>{escape(table.task)}</h3>")
        heads = ["Model", "Parameters", "Multiply-adds", *table.sets]
        cells = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
        out.append(f'<div class="scroll"><table class="sortable"><thead><tr>{cells}</tr></thead><tbody>')
        out += [_line(table, i, numbers) for i in range(len(table.lines))]
        out.append("</tbody></table></div>")
        words = [
            "PSNR in dB, SSIM beside or below it; best bold, second underlined.",
            "A number leads to how it was made.",
        ]
        if sizes := {r.cost_output for x in table.lines for r in x.cells.values() if r.multiply_adds} - {""}:
            words.append(f"Multiply-adds for an output of {', '.join(sorted(sizes))}.")
        if protocols := table.explained():
            words.append(f"Protocol: {protocols}.")
        if any(t.is_partial(r) for x in table.lines for r in x.cells.values()):
            words.append(t.PARTIAL)
        if table.sources:
            words.append(f"{t.DAGGER} Published, not measured here: {'; '.join(table.sources)}.")
        out.append(f'<p class="note">{escape(" ".join(words))}</p>')
    for name, make in (("Markdown", t.to_markdown), ("LaTeX", t.to_latex), ("CSV", t.to_csv)):
        out.append(f"<details><summary>As {name}</summary><pre>{escape(make(rows))}</pre></details>")
    return "".join(out)


def _line(table: t.Table, index: int, numbers: Mapping[int, int]) -> str:
    line = table.lines[index]
    label = escape(line.label) + (f" {t.DAGGER}" if line.published else "")
    cells = [f"<td>{label}</td>"]
    for name in ("parameters", "multiply_adds"):
        value = line.first(name)
        cells.append(f'<td data-value="{"" if value is None else value}">{count(value)}</td>')
    for set_name in table.sets:
        row = line.cells.get(set_name)
        if row is None or row.psnr is None:
            cells.append('<td data-value="">-</td>')
            continue
        text = f'<span class="{table.rank(index, set_name, "psnr")}">{decibel(row.psnr)}</span>'
        if row.ssim is not None:
            text += f'<span class="ssim {table.rank(index, set_name, "ssim")}">{similarity(row.ssim)}</span>'
        text += escape(table.remark(row))
        hint = escape("; ".join(x for x in (row.protocol, row.command or row.source) if x))
        cells.append(f'<td data-value="{row.psnr!r}"><a href="#row-{numbers[id(row)]}" title="{hint}">{text}</a></td>')
    return f"<tr{' class=published' if line.published else ''}>{''.join(cells)}</tr>"


CAPTIONS = {
    "bubbles": "PSNR against multiply-adds. Area: parameters. Filled: measured, open: published.",
    "pareto": "The best for their cost: multiply-adds and parameters.",
    "latency": "PSNR against latency on the device named.",
    "dots": "PSNR on every set; of the published models the best.",
}


def charts(rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]]) -> str:
    """Every figure of ``nas compare`` that the rows allow."""
    out = []
    for stem, drawing in comparison_figures(rows, sets):
        kind, _, where = stem.partition("_")
        # a stem ends in the name of the set, of which a task's name knows nothing
        task = next((t for t, _ in sets if where.startswith(t)), where)
        place = " on ".join(p for p in (task, where.removeprefix(task).strip("_")) if p)
        wide = kind in ("bubbles", "pareto")
        out.append(figure(_themed(drawing, rows, sets, stem), f"{place}: {CAPTIONS[kind]}", wide=wide))
    return "".join(out)


def _themed(
    light: Figure, rows: Sequence[EvaluationRow], sets: Sequence[tuple[str, str]], stem: str
) -> Callable[[bool], Figure]:
    return lambda dark: dict(comparison_figures(rows, sets, dark=True))[stem] if dark else light


def cell(genotype: Genotype) -> str:
    """The drawing of the derived cell, with the text form below."""
    drawing = figure(
        lambda dark: draw_cell(genotype, dark=dark), "The derived cell: every arc is a chosen block.", wide=True
    )
    text = str(genotype)
    return drawing + f"<details><summary>As text</summary><pre>{escape(text)}</pre></details>"


def search(run: RunFolder) -> str:
    """Warnings and the diagnostic figures of a run; empty without events."""
    out = []
    warnings = [(e.get("step", ""), e.get("message", "")) for e in run.events if e.get("kind") == "warning"]
    if warnings:
        items = "".join(f"<li>step {escape(str(s))}: {escape(str(m))}</li>" for s, m in warnings[:MOST_WARNINGS])
        more = f"<li>and {len(warnings) - MOST_WARNINGS} more</li>" if len(warnings) > MOST_WARNINGS else ""
        out.append(f'<div class="warnings" role="note"><strong>Warnings</strong><ul>{items}{more}</ul></div>')
    small: list[str] = []
    large: list[str] = []
    names: dict[str, Any] = {"candidates": run.candidates, "edges": run.edges}
    for name, light in search_figures(run.events, timing=run.timing, **names).items():
        wide = name.startswith(("weights", "archive"))

        def draw(dark: bool, name: str = name, light: Figure = light) -> Figure:
            return (dark and search_figure(name, run.events, timing=run.timing, dark=True, **names)) or light

        (large if wide else small).append(figure(draw, name[:1].upper() + name[1:], wide=wide))
    if small:
        out.append(f'<div class="pair">{"".join(small)}</div>')
    return "".join(out + large)


def crops(scenes: Sequence[Picture], models: Sequence[str]) -> str:
    """Details of the first scenes that come with their true image; empty without one."""
    from nas.images import read_image
    from nas.report.figures.crops import crop_figure, enlarge

    out: list[str] = []
    for scene in scenes:
        versions = {n.lower(): n for n in scene.versions}
        truth = next((versions[w] for w in TRUTH if w in versions), None)
        if truth is None or len(out) == MOST_CROPS:
            continue
        images = {n: read_image(i) if isinstance(i, Path) else i for n, i in scene.versions.items()}
        target = images.pop(truth)
        degraded = images.pop(versions.get("degraded", ""), None)
        same = {n: i for n, i in images.items() if i.shape == target.shape}
        order = sorted(same, key=lambda n: models.index(n) if n in models else len(models))
        if not same:
            continue
        shown = degraded if degraded is not None else enlarge(target, *target.shape[:2])
        protocol = _protocol(scene.name)
        drawing = crop_figure(target, shown, {n: same[n] for n in order}, **protocol)
        width, height = (round(96 * v) for v in drawing.get_size_inches())
        caption = f"{scene.name}: where the models disagree most; PSNR of the whole picture"
        data = data_uri(figure_bytes(drawing, "png", 130), "image/png")
        image = f'<img class="plain" src="{data}" width="{width}" height="{height}" alt="{escape(caption)}">'
        out.append(f"<figure class=wide>{image}<figcaption>{escape(caption)}</figcaption></figure>")
    return "".join(out)


def _protocol(scene: str) -> dict[str, Any]:
    """Luma and border of the task that a scene's name begins with; colour without a border for any other."""
    from nas.tasks import get_task

    try:
        protocol = get_task(scene.split(" / ")[0]).protocol
    except NasError:
        return {"luma": False, "border": 0}
    return {"luma": protocol.luma == "y", "border": protocol.border}


def figure(draw: Callable[[bool], Figure], caption: str, wide: bool = False) -> str:
    """A figure in both themes (``draw(dark)``); the style sheet shows the one that fits."""
    light = draw(False)
    svg = figure_bytes(light, "svg")
    if len(svg) <= MAX_SVG:
        forms, kind = {"light": svg, "dark": darkened(svg)}, "image/svg+xml"
    else:
        forms, kind = (
            {"light": figure_bytes(light, "png", 150), "dark": figure_bytes(draw(True), "png", 150)},
            "image/png",
        )
    width, height = (round(96 * v) for v in light.get_size_inches())
    size = f'width="{width}" height="{height}" alt="{escape(caption)}"'
    images = "".join(f'<img class="on-{theme}" src="{data_uri(data, kind)}" {size}>' for theme, data in forms.items())
    return f"<figure{' class=wide' if wide else ''}>{images}<figcaption>{escape(caption)}</figcaption></figure>"


def pictures(scenes: Sequence[Picture], budget: int, models: Sequence[str]) -> str:
    """A viewer with a slider between two versions of a scene; at most ``budget`` bytes of pictures.

    ``models`` in the order of the table: the last of them stands on the right at first.
    """
    scenes = _in_turn([s for s in scenes if len(s.versions) > 1] or [s for s in scenes if s.versions])
    if not scenes:
        return ""
    kept, stored, used = [], [], 0
    each = max(FLOOR, min(1_500_000, budget // sum(len(s.versions) for s in scenes)))
    for scene in scenes:
        if used + len(scene.versions) * each // 2 > budget:
            continue  # it would not fit: not worth encoding
        encoded = {name: encode(image, each) for name, image in scene.versions.items()}
        weight = sum(len(e[0]) for e in encoded.values() if e)
        if used + weight > budget or not any(encoded.values()):
            continue
        used += weight
        kept.append(scene.name)
        stored += [
            f'<img data-scene="{escape(scene.name)}" data-version="{escape(name)}" '
            f'src="{e[0]}" width="{e[1]}" height="{e[2]}" alt="">'
            for name, e in encoded.items()
            if e
        ]
    if not kept:
        return ""
    names = list(dict.fromkeys(n for s in scenes if s.name in kept for n in s.versions))
    left = next((n for word in LEFT for n in names if n.lower() == word), names[0])
    others = [n for n in names if n != left and n.lower() not in TRUTH] or [n for n in names if n != left] or [left]
    right = next((m for m in reversed(models) if m in others), others[-1])
    options = "".join(f"<option>{escape(n)}</option>" for n in kept)
    note = f"{len(scenes) - len(kept)} more scenes did not fit into the page." if len(kept) < len(scenes) else ""
    return (
        '<div class="viewer" hidden><div class="controls">'
        f"<label>Picture <select>{options}</select></label>"
        f'<label>Left <select data-first="{escape(left)}"></select></label>'
        f'<label>Right <select data-first="{escape(right)}"></select></label></div>'
        '<div class="stage"><img class="right" alt=""><img class="left" alt="">'
        '<span class="tag l"></span><span class="tag r"></span>'
        '<input type="range" min="0" max="100" value="50" step="0.5" aria-label="Where the left picture ends"></div>'
        f'<div class="store">{"".join(stored)}</div></div>'
        f'<p class="note">Drag over the picture to compare. {escape(note)}</p>'
        "<noscript><p>The slider needs JavaScript.</p></noscript>"
    )


def _in_turn(scenes: Sequence[Picture]) -> list[Picture]:
    """Scenes of the sets in turn, so that what does not fit costs every set alike."""
    groups: dict[str, list[Picture]] = {}
    for scene in scenes:
        groups.setdefault(scene.name.rpartition(" / ")[0], []).append(scene)
    longest = max((len(g) for g in groups.values()), default=0)
    return [group[i] for i in range(longest) for group in groups.values() if i < len(group)]


def provenance(rows: Sequence[EvaluationRow]) -> str:
    """Every row with its protocol, command, device, versions and source; folded when there are many."""
    heads = ("Model", "Task", "Set", "PSNR (dB)", "SSIM", "Images", "Protocol", "Made with", "Command or source")
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    body = []
    for number, row in enumerate(rows):
        made = [row.device, row.dtype, f"seed {row.seed}" if row.seed is not None else "", row.weights, row.training]
        made += [f"jsnas {row.jsnas}" if row.jsnas else "", f"torch {row.torch}" if row.torch else "", row.commit]
        values = (
            (escape(row.model) + (f" {t.DAGGER}" if is_published(row) else ""), ""),
            (escape(row.task), "text"),
            (escape(row.set), "text"),
            (decibel(row.psnr), ""),
            (similarity(row.ssim), ""),
            ("" if row.images is None else str(row.images), ""),
            (escape(row.protocol), "text"),
            (escape(", ".join(m for m in made if m)), "text"),
            (f"<code>{escape(row.command)}</code>" if row.command else escape(row.source), "text"),
        )
        cells = "".join(f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>" for text, kind in values)
        body.append(f'<tr id="row-{number}"{" class=published" if is_published(row) else ""}>{cells}</tr>')
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    open_ = " open" if len(rows) <= 12 else ""
    return f"<details{open_}><summary>{len(rows)} numbers with protocol and command</summary>{table}</details>"
