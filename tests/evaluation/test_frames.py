"""Evaluation rows as DataFrames: types, what is missing, and the way back."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nas
from nas.errors import NasError, UsageError
from nas.evaluation.frames import collect_rows, frame
from nas.evaluation.harness import evaluate
from nas.evaluation.rows import EvaluationRow, EvaluationRows, read_rows, write_rows

FULL = EvaluationRow(
    model="net",
    task="sr_x2",
    set="Set5",
    images=5,
    psnr=37.9321,
    ssim=0.9603,
    psnr_b=36.5,
    protocol="Y, border 2",
    genotype="0123456789abcdef",
    parameters=476_467,
    multiply_adds=104_750_000_001,
    cost_output="1280x720",
    activations=352_742_536,
    convolutions=90,
    latency_median_ms=12.5,
    latency_spread_ms=0.25,
    latency_size="640x360",
    device="cpu",
    dtype="float32",
    peak_memory_mib=512.0,
    training="steps=7",
    seed=0,
    weights="w#1",
    data="0123456789ab",
    command="nas evaluate",
)
BARE = EvaluationRow("bicubic", "sr_x2", "Set5")
TYPES = {"str": "str", "int | None": "Int64", "float | None": "float64"}


@pytest.mark.parametrize("rows", [[FULL, BARE], [BARE], []], ids=["both", "nothing measured", "none"])
def test_columns_are_the_fields_of_a_row_with_the_same_types_whatever_is_missing(rows: list[EvaluationRow]) -> None:
    made = EvaluationRows(rows).frame()
    expected = {f.name: pd.Series([], dtype=TYPES[str(f.type)]).dtype for f in fields(EvaluationRow)}
    assert dict(made.dtypes) == expected
    assert len(made) == len(rows)


def test_what_was_not_measured_is_nan_and_whole_numbers_stay_whole() -> None:
    made = EvaluationRows([FULL, BARE]).frame()
    assert made["multiply_adds"].tolist()[0] == 104_750_000_001
    assert math.isnan(made["psnr"][1]) and made["parameters"].isna().tolist() == [False, True]
    assert made["protocol"].tolist() == ["Y, border 2", ""]
    assert made["psnr"].mean() == FULL.psnr  # NaN does not count


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)
NUMBER = st.none() | st.floats(allow_nan=False)
WHOLE = st.none() | st.integers(0, 2**62)
ROWS = st.builds(
    EvaluationRow,
    model=TEXT,
    task=TEXT,
    set=TEXT,
    images=WHOLE,
    psnr=NUMBER,
    ssim=NUMBER,
    protocol=TEXT,
    parameters=WHOLE,
    multiply_adds=WHOLE,
    latency_median_ms=NUMBER,
    seed=WHOLE,
    source=TEXT,
)


@given(st.lists(ROWS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_rows_survive_the_way_through_a_frame(rows: list[EvaluationRow]) -> None:
    back = EvaluationRows.from_frame(EvaluationRows(rows).frame())
    assert back == rows
    kinds = (str, int, float, type(None))  # no numpy types, which JSON and CSV would write differently
    assert all(type(getattr(row, f.name)) in kinds for row in back for f in fields(row))


def test_a_frame_of_some_columns_makes_rows_with_the_others_unknown() -> None:
    made = EvaluationRows([FULL, BARE]).frame()[["model", "task", "set", "psnr"]]
    assert EvaluationRows.from_frame(made) == [EvaluationRow("net", "sr_x2", "Set5", psnr=37.9321), BARE]


@pytest.mark.parametrize(
    ("columns", "words"),
    [(["model", "task", "set", "rank"], "columns 'rank'"), (["model", "psnr"], "no columns model, task and set")],
)
def test_a_frame_of_something_else_is_refused(columns: list[str], words: str) -> None:
    with pytest.raises(NasError, match=words):
        EvaluationRows.from_frame(pd.DataFrame(columns=columns))


def test_a_frame_takes_rows_files_folders_and_lists_of_them_in_this_order(tmp_path: Path) -> None:
    rows = [replace(FULL, model=name) for name in "abcde"]
    file = write_rows(tmp_path / "some.csv", rows[1:3])
    write_rows(tmp_path / "run" / "rows.csv", rows[3:4])
    made = nas.frame(rows[0], file, str(tmp_path / "run"), [rows[4], [file]])
    assert made["model"].tolist() == ["a", "b", "c", "d", "e", "b", "c"]
    assert frame is nas.frame and collect_rows(file) == read_rows(file)


def test_a_source_without_rows_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"contains no rows\.csv; make one with"):
        frame(tmp_path)
    with pytest.raises(NasError, match="no evaluation rows at"):
        frame(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="3 contains no evaluation rows"):
        frame(3)  # type: ignore[arg-type]


def test_what_evaluating_and_reading_return_turns_into_a_frame(tmp_path: Path) -> None:
    rows = evaluate("bicubic", "sr_x4", out=tmp_path / "rows.csv", with_costs=False, with_ssim=False)
    assert rows.frame()["psnr"].tolist() == [rows[0].psnr]
    assert read_rows(tmp_path / "rows.csv").frame().equals(rows.frame())


def test_published_numbers_are_a_frame_too() -> None:
    made = nas.load_published("sr_x2", "Set5").frame()
    assert len(made) > 10 and set(made["set"]) == {"Set5"}
    assert made["source"].str.startswith("published").all() and made["psnr"].dtype == "float64"
