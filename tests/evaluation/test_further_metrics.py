"""Further metrics: registered, measured without the border, averaged, written in one column, and named when wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nas
from nas.errors import NasError, UsageError
from nas.evaluation.further_metrics import Metric, further_values, lower_is_better, mean_values
from nas.evaluation.rows import EvaluationRow, EvaluationRows, measurement_key, read_rows, write_rows
from nas.registry import METRICS
from nas.tasks import get_task

SEEN: list[tuple[int, ...]] = []


@pytest.fixture(autouse=True)
def size() -> Iterator[None]:
    """A metric that looks at the size alone."""

    def measure(restored: Any, reference: Any, task: Any) -> float:
        SEEN.append(restored.shape)
        return float(restored.shape[0])

    METRICS.add("size", Metric(measure, better="lower"))
    yield
    METRICS.remove("size")


@pytest.mark.parametrize("name", METRICS.names())
def test_each_metric_prefers_the_better_image(name: str) -> None:
    reference = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    good, bad = (np.clip(reference + np.float32(e), 0, 255).astype(np.uint8) for e in (2, 60))
    task = get_task("sr_x2")
    values = [further_values([name], image, reference, task)[name] for image in (good, bad)]
    assert values[0] < values[1] if lower_is_better(name) else values[0] > values[1]


def test_the_border_of_the_protocol_is_removed() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    assert further_values(["size"], image, image, get_task("sr_x2")) == {"size": 36.0} and SEEN[-1] == (36, 46, 3)
    grey = np.zeros((40, 50), np.uint8)
    assert further_values(["size"], grey, grey, get_task("denoise_gray_30")) == {"size": 40.0}


def test_what_is_no_number_is_named() -> None:
    METRICS.add("none", Metric(lambda restored, reference, task: None))  # type: ignore[arg-type,return-value]
    image = np.zeros((40, 40), np.uint8)
    try:
        with pytest.raises(NasError, match="the metric 'none' returned NoneType"):
            further_values(["none"], image, image, get_task("sr_x2"))
    finally:
        METRICS.remove("none")


def test_means_leave_infinite_values_out() -> None:
    assert mean_values([{"a": 1.0}, {"a": 3.0}, {"a": math.inf}]) == {"a": 2.0}
    assert mean_values([{"a": math.inf}]) == {"a": math.inf} and mean_values([]) == {}


def test_rows_have_the_column_only_where_it_is_used(tmp_path: Path) -> None:
    plain = EvaluationRow("a", "sr_x2", "Set5", psnr=30.0)
    further = EvaluationRow("a", "sr_x2", "Set5", psnr=30.0, metrics="mae=2.5, size=36")
    assert "metrics" not in write_rows(tmp_path / "plain.csv", [plain]).read_text().partition("\n")[0]
    rows = read_rows(write_rows(tmp_path / "both.csv", [plain, further]))
    assert list(rows) == [plain, further] and list(EvaluationRows.from_frame(rows.frame())) == [plain, further]
    other = EvaluationRow("a", "sr_x2", "Set5", psnr=30.0, metrics="mae=9.5, size=3")
    assert measurement_key(further) == measurement_key(other) != measurement_key(plain)


def test_evaluation_measures_them_and_does_so_again_where_others_are_asked_for(tmp_path: Path) -> None:
    keep = {"out": tmp_path / "rows.csv", "with_costs": False}
    (first,) = nas.evaluate("bicubic", "sr_x2", metrics=("size", "mae"), **keep)
    values = dict(value.split("=") for value in first.metrics.split(", "))
    assert list(values) == ["size", "mae"] and float(values["mae"]) > 0
    count = len(SEEN)
    nas.evaluate("bicubic", "sr_x2", metrics=("size", "mae"), **keep)
    assert len(SEEN) == count  # the row is there
    (plain,) = nas.evaluate("bicubic", "sr_x2", **keep)
    assert plain.metrics == "" and plain.psnr == first.psnr and len(read_rows(tmp_path / "rows.csv")) == 2


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown metric 'sise'; did you mean 'size'\?"):
        nas.evaluate("bicubic", "sr_x2", metrics=("sise",))
