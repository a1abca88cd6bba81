"""Runs in notebooks: settings, progress, curve and cell, escaped, whatever is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import nas
from nas.train.notebook import curve_of

RUN = Path(__file__).parents[2] / "results" / "runs" / "search-jsm"


def test_a_run_shows_its_settings_progress_curve_and_cell() -> None:
    html = nas.load_run(RUN)._repr_html_()
    for cell in ("sr_x2", "pc_darts", "1500 of 1500", "finished"):
        assert f"<td>{cell}</td>" in html
    assert html.count("<svg") == 2 and "validation PSNR (dB)" in html and ">rb<" in html


def test_the_drawings_are_well_formed() -> None:
    for drawing in re.findall(r"<svg.*?</svg>", nas.load_run(RUN)._repr_html_(), re.S):
        ElementTree.fromstring(drawing)


def test_names_are_escaped_and_damage_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "<b>run"
    folder.mkdir()
    (folder / "config.yaml").write_text("kind: search\ntask: '<script>'\n")
    (folder / "rows.csv").write_text("nonsense\n")
    html = nas.load_run(folder)._repr_html_()
    assert "<script>" not in html and "<b>run" not in html
    assert "rows.csv could not be shown" in html and "not finished" in html


@pytest.mark.parametrize(
    ("events", "label"),
    [
        ([], None),
        ([{"step": 1, "kind": "train", "loss": 2.0}], None),
        ([{"step": i, "kind": "train", "loss": 2.0} for i in (1, 2)], "training loss"),
        ([{"step": i, "kind": "trial", "score": -i} for i in (1, 2, 3)], "best score of a trial"),
        ([{"step": i, "kind": "validation", "psnr": 30 + i} for i in (1, 2)], "validation PSNR (dB)"),
        ([{"step": i, "kind": "validation", "psnr": p} for i, p in ((1, float("nan")), (2, True))], None),
    ],
)
def test_the_curve_is_the_most_telling_one_that_there_is(events: list[dict[str, object]], label: str | None) -> None:
    drawn = curve_of(json.loads(json.dumps(events)))
    assert (label in drawn) if label else drawn == ""
