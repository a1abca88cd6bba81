"""Whatever stands in a row, a run or an experiment is text on the page: no markup, no attribute, no formula."""

from __future__ import annotations

import json
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.evaluation.rows import EvaluationRow, write_rows
from nas.report.page.html import write_report
from nas.space import Genotype
from nas.space.genotype import Choice

EVIL = "\"'><script>alert(1)</script><b title='x'>& &lt; {{ 7 * 7 }} {% raw %} $\\bad_"
TAME = "harmless"
TEXT_FIELDS = [f.name for f in fields(EvaluationRow) if f.type in ("str", str)]
#: fields whose text stands in figures too
DRAWN = ("model", "task", "set", "cost_output", "device", "dtype", "latency_size")


class Page(HTMLParser):
    """The structure of a page (tags and names of attributes), its text, and all values of attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.structure: list[tuple[str, ...]] = []
        self.text = ""
        self.values = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, *(name for name, _ in attrs)))
        self.values += "\n".join(value or "" for _, value in attrs)

    def handle_endtag(self, tag: str) -> None:
        self.structure.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(page: Path) -> Page:
    return Page(page.read_text(encoding="utf-8"))


def rows(field: str, text: str) -> list[EvaluationRow]:
    """A measured and a published row of which one field is ``text``."""
    common: dict[str, Any] = {"model": "net", "task": "sr_x2", "set": "Set5", "psnr": 30.0, "ssim": 0.9}
    if field in DRAWN:  # figures take long: only where they bear the field
        common |= {"parameters": 1000, "multiply_adds": 10**9, "latency_median_ms": 3.0}
    common[field] = text
    source = f"published: {text}" if field == "source" else "published: P"
    return [EvaluationRow(**{**common, "source": ""}), EvaluationRow(**{**common, "source": source})]


def test_rows_have_text_fields() -> None:
    assert {"model", "task", "set", "protocol", "command", "source", "device"} <= set(TEXT_FIELDS)


@pytest.mark.parametrize("field", TEXT_FIELDS)
def test_a_field_of_a_row_is_text(field: str, tmp_path: Path) -> None:
    evil = shown(write_report(tmp_path / "evil.html", rows=rows(field, EVIL)))
    tame = shown(write_report(tmp_path / "tame.html", rows=rows(field, TAME)))
    assert evil.structure == tame.structure
    assert (EVIL in evil.text + evil.values) == (TAME in tame.text + tame.values)


def run_folder(folder: Path, text: str) -> Path:
    """A run whose configuration, events, blocks and cells all bear ``text``."""
    folder.mkdir()
    (folder / "config.yaml").write_text(f"kind: search\nspace: none\nnote: {json.dumps(text)}\n", encoding="utf-8")
    events: list[dict[str, Any]] = [{"step": 1, "kind": "warning", "message": text}]
    for step in (1, 2):
        weights = {text: [[0.5, 0.5]]}
        events += [
            {
                "step": step,
                "kind": "architecture",
                "probabilities": weights,
                "entropy": {text: [0.7]},
                "counts": {text: 1},
            },
            {"step": step, "kind": "trial", "genotype": text, "psnr": 30.0 + step, "macs": 1e9, "state": "complete"},
            {"step": step, "kind": "pareto", "points": [{"genotype": text, "psnr": 30.0 + step, text: 2.0}]},
        ]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    Genotype({text: (Choice(0, 1, text),)}).save(folder / "genotype.json")
    return folder


def test_everything_in_a_run_is_text(tmp_path: Path) -> None:
    evil = shown(write_report(tmp_path / "e.html", run=run_folder(tmp_path / "<i>&", EVIL), title=EVIL))
    tame = shown(write_report(tmp_path / "t.html", run=run_folder(tmp_path / "run", TAME), title=TAME))
    assert evil.structure == tame.structure
    assert EVIL in evil.text


def test_a_damaged_part_is_named_as_text(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", TAME)
    write_rows(folder / "rows.csv", rows("model", TAME))
    text = (folder / "rows.csv").read_text(encoding="utf-8").replace("30.0", "<script>alert(1)</script>")
    (folder / "rows.csv").write_text(text, encoding="utf-8")
    page = write_report(tmp_path / "r.html", run=folder)
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert "rows.csv could not be shown" in shown(page).text


def experiment_folder(folder: Path, text: str) -> Path:
    """An experiment whose table, statistics and runs bear ``text``."""
    folder.mkdir()
    line = text.replace("|", "")
    table = f"# {line}\n\n{line} **{line}**\n\n- {line}\n\n| {line} | n |\n| --- | --- |\n| **{line}** | 3 |\n"
    (folder / "table.md").write_text(table, encoding="utf-8")
    (folder / "campaign.yaml").write_text(f"title: {json.dumps(text)}\n", encoding="utf-8")
    pairs = [{"supernet": 30.0 + i, "trained": 31.0 + i} for i in range(3)]
    ranking = [{"arm": text, "seed": text, "correlation": {"tau": 1.0, "n": 3}, "pairs": pairs}]
    (folder / "statistics.json").write_text(json.dumps({"note": text, "ranking": ranking}), encoding="utf-8")
    return folder


def test_everything_in_an_experiment_is_text(tmp_path: Path) -> None:
    evil = experiment_folder(tmp_path / "<i>&", EVIL)
    tame = experiment_folder(tmp_path / "experiment", TAME)
    for folder, name in ((evil, "<b>run"), (tame, "run")):
        (folder / name).mkdir()
        (folder / name / "config.yaml").touch()
    found, expected = (shown(write_report(tmp_path / f"{f.name[0]}.html", run=f)) for f in (evil, tame))
    assert found.structure == expected.structure
    # six times in the table, and in the JSON of statistics and configuration with its quotes escaped as JSON does
    assert found.text.count(EVIL) == 6
    assert found.text.count(json.dumps(EVIL)) == expected.text.count(json.dumps(TAME)) == 4
    assert "<b>run" in found.text


def test_names_of_pictures_are_text(tmp_path: Path) -> None:
    picture = np.zeros((8, 8), dtype=np.uint8)

    def page(text: str) -> Page:
        images = {text: {text: picture, "target": picture, "degraded": picture}}
        return shown(write_report(tmp_path / "r.html", images=images, title=text))

    evil, tame = page(EVIL), page(TAME)
    assert evil.structure == tame.structure
    assert EVIL in evil.text and EVIL in evil.values
