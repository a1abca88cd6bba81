"""Every published table parses, and figures typed from the papers' tables stand in it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import EntryPoint
from importlib.resources import files
from pathlib import Path

import pytest

from nas.evaluation.rows import read_rows
from nas.report import published as published_numbers
from results import published

FOLDER = Path(str(files("results"))) / "published"
TABLES = sorted(p.name for p in FOLDER.glob("*.csv"))
# model, task, set, PSNR, SSIM, part of the source: typed by hand from the tables, first, middle and last lines
TYPED = [
    ("JSNet", "sr_x2", "Set5", 38.05, 0.9608, "JSNet"),
    ("JSNet", "sr_x2", "Urban100", 32.17, 0.9284, "JSNet"),
    ("FSRCNN", "sr_x2", "Set14", 32.66, 0.9090, "JSNet"),
    ("JSNet", "sr_x3", "B100", 29.09, 0.8047, "JSNet"),
    ("ESRN-V", "sr_x3", "Urban100", 27.95, 0.8481, "JSNet"),
    ("JSNet", "sr_x4", "Set5", 32.21, 0.8949, "JSNet"),
    ("MemNet", "sr_x4", "B100", 27.40, 0.7281, "JSNet"),
    ("JSNet", "denoise_gray_10", "Kodak24", 35.04, None, "JSNet"),
    ("JSNet", "denoise_gray_70", "Urban100", 25.21, None, "JSNet"),
    ("MemNet", "denoise_gray_30", "BSD68", 28.43, None, "JSNet"),
    ("IRCNN", "denoise_gray_50", "Urban100", 26.24, None, "JSNet"),
    ("JSNet", "jpeg_q10", "LIVE1", 29.49, 0.8206, "JSNet"),
    ("A-CubeNet", "jpeg_q40", "Classic5", 34.16, 0.9048, "JSNet"),
    ("MSPAN", "sr_x2", "Manga109", 38.99, 0.9777, "MSPAN"),
    ("MSPAN", "sr_x3", "Set5", 34.49, 0.9277, "MSPAN"),
    ("FDIWN-M", "sr_x4", "Urban100", 26.02, 0.7844, "MSPAN"),
    ("MSPAN ablation: with ESA", "sr_x2", "Set14", 33.51, 0.9166, "ablation"),
    ("MSPAN", "denoise_gray_50", "BSD200", 26.42, 0.7363, "MSPAN"),
    ("DuRN", "denoise_real", "PolyU", 36.56, 0.9596, "MSPAN"),
    ("RESCAN", "derain", "DID-MDN", 32.48, 0.9096, "MSPAN"),
    ("DSRIR", "all_in_one", "average", 33.27, 0.9183, "table 4"),
    ("DSRIR", "denoise_color_25", "Urban100", 32.25, 0.9262, "table 5"),
    ("CBM3D", "denoise_color_15", "CBSD68", 33.50, 0.9215, "table 5"),
    ("RCDNet", "derain", "Rain100L", 40.00, 0.9860, "table 6"),
    ("AECRNet", "dehaze", "SOTS", 31.66, 0.9783, "table 7"),
    ("SMFANet+", "sr_x2", "Urban100", 32.64, None, "respective"),
    ("ShuffleMixer", "sr_x2", "B100", 32.17, None, "respective"),
]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_parses_and_says_where_it_comes_from(name: str) -> None:
    rows = read_rows(FOLDER / name)
    assert rows
    for row in rows:
        assert re.match(r"published: \S", row.source)
        if "running time" in row.source:
            assert row.psnr is None and row.latency_median_ms is not None and row.latency_median_ms > 0
        else:
            assert row.psnr is not None and 10 < row.psnr < 50
        assert row.ssim is None or 0.5 < row.ssim < 1
        assert row.protocol.endswith("as published")
        assert (row.multiply_adds is None) == (row.cost_output == "")
    assert len({(r.model, r.task, r.set) for r in rows}) == len(rows)


@pytest.mark.parametrize(("model", "task", "set_name", "psnr", "ssim", "source"), TYPED)
def test_typed_figures_stand_in_the_tables(
    model: str, task: str, set_name: str, psnr: float, ssim: float | None, source: str
) -> None:
    found = [r for r in published(task, set_name) if r.model == model and source in r.source]
    assert [(r.psnr, r.ssim) for r in found] == [(psnr, ssim)]


@pytest.mark.parametrize(
    ("model", "task", "parameters", "multiply_adds"),
    [
        ("JSNet", "sr_x2", 476_000, 109 * 10**9),
        ("JSNet", "sr_x3", 522_000, 53 * 10**9),
        ("JSNet", "sr_x4", 513_000, 36 * 10**9),
        ("MSPAN", "sr_x2", 596_000, 130_700_000_000),
        ("CARN", "sr_x2", 1_592_000, 223 * 10**9),
        ("SMFANet", "sr_x2", 186_000, 41 * 10**9),
        ("JSNet", "denoise_gray_30", 790_000, None),
        ("JSNet", "jpeg_q20", 670_000, None),
    ],
)
def test_typed_costs_stand_in_the_tables(model: str, task: str, parameters: int, multiply_adds: int | None) -> None:
    rows = [r for r in published(task) if r.model == model and r.psnr is not None]
    assert rows
    for row in rows:
        assert row.multiply_adds == multiply_adds
        assert row.parameters == parameters


def test_filters_by_task_and_set() -> None:
    everything = published()
    assert {r.task for r in published("sr_x2")} == {"sr_x2"}
    assert {(r.task, r.set) for r in published("sr_x3", "Set14")} == {("sr_x3", "Set14")}
    assert len(published(set="Set5")) == sum(r.set == "Set5" for r in everything)
    assert published("no such task") == []


@pytest.mark.parametrize("model", ["DLSN", "JDNet"])
def test_no_figures_are_made_up_for_models_without_a_table(model: str) -> None:
    assert not [r for r in published() if r.model == model]


def test_every_table_is_described() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in TABLES:
        pattern = re.sub(r"sr_x[234]\.csv", "sr_x{2,3,4}.csv", name)
        assert name in text or pattern in text, f"results/published/README.md does not mention {name}"


def test_the_platform_finds_published_figures_by_the_declared_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    declared = project["project"]["entry-points"][published_numbers.ENTRY_POINT_GROUP]
    points = [EntryPoint(name, value, published_numbers.ENTRY_POINT_GROUP) for name, value in declared.items()]

    def entry_points(group: str, name: str) -> list[EntryPoint]:
        return [p for p in points if (p.group, p.name) == (group, name)]

    monkeypatch.setattr(published_numbers, "entry_points", entry_points)
    assert published_numbers.load_published("sr_x2", "Set5") == published("sr_x2", "Set5")


def test_without_an_entry_point_there_are_no_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_numbers, "entry_points", lambda group, name: [])
    assert published_numbers.load_published() == []


def test_the_committed_figures_are_of_the_measured_rows() -> None:
    root = Path(__file__).parents[2] / "results"
    drawn = {(r.model, r.set): r.psnr for r in read_rows(root / "figures/rows.csv") if r.source == "measured"}
    measured = {(r.model, r.set): r.psnr for r in read_rows(root / "measured/sr_x2.csv")}
    assert drawn == measured, "figures are older than their rows; run 'make results'"
