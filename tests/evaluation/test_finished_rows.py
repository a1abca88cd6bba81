"""A row of the table is taken for done only where it is the same measurement and holds all that is asked for."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nas.errors import NasError, UsageError
from nas.evaluation.harness import evaluate
from nas.evaluation.rows import EvaluationRow, change_rows, read_rows
from nas.images import read_image, write_image
from nas.models.descriptor import ModelDescriptor
from nas.profiling.latency import Latency, LatencyOptions

TASK = "denoise_color_25"


class Gain(nn.Module):
    """Multiplies, and counts how often it was run."""

    def __init__(self, gain: float = 1.0, multiple: int = 1) -> None:
        super().__init__()
        self.gain, self.calls = gain, 0
        self.descriptor = ModelDescriptor("gain", 1, 3, size_multiple=multiple)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return image * self.gain


def photos(root: Path, seed: int, count: int = 2) -> Path:
    rng = np.random.default_rng(seed)
    for i in range(count):
        write_image(root / f"A/HR/{i}.png", rng.integers(0, 256, (24, 28, 3)).astype(np.uint8))
    return root


def run(model: nn.Module, root: Path, out: Path, **asked: object) -> EvaluationRow:
    (row,) = evaluate(model, TASK, "A", root, out, **asked)
    return row


def test_a_set_of_the_same_name_with_other_images_is_measured_anew(tmp_path: Path) -> None:
    one, two = photos(tmp_path / "one", 0), photos(tmp_path / "two", 1)
    out, model = tmp_path / "rows.csv", Gain()
    first, second = run(model, one, out), run(model, two, out)
    assert first.data != second.data and first.psnr != second.psnr
    assert [r.data for r in read_rows(out)] == [second.data]  # the table holds what was measured last
    calls = model.calls
    assert run(model, two, out) == second and model.calls == calls
    moved = photos(tmp_path / "elsewhere", 1)
    assert run(model, moved, out) == second and model.calls == calls  # where the images lie does not matter


def test_what_a_finished_row_lacks_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out, model = photos(tmp_path / "d", 0), tmp_path / "rows.csv", Gain()
    plain = run(model, root, out, with_costs=False)
    assert plain.parameters is None and plain.latency_median_ms is None
    assert run(model, root, out).parameters == 0
    run(model, root, out, save_images=tmp_path / "images")
    assert (tmp_path / f"images/gain/{TASK}/A/1.png").is_file()
    asked: list[LatencyOptions] = []

    def timed(model: nn.Module, height: int, width: int, options: LatencyOptions) -> Latency:
        asked.append(options)
        return Latency(2.0, 0.1, 3, "28x24", "cpu", "float32", True, False, False, 2, 80.0)

    monkeypatch.setattr("nas.evaluation.profile_columns.measure_latency", timed)
    row = run(model, root, out, with_latency=True, threads=2)
    assert (row.latency_median_ms, row.peak_memory_mib, row.device) == (2.0, 80.0, "cpu, 2 threads")
    assert asked == [LatencyOptions(threads=2, peak_memory=True)]
    calls = model.calls
    assert run(model, root, out, with_latency=True) == row and model.calls == calls


def test_saved_images_are_those_of_the_row(tmp_path: Path) -> None:
    root, out, images = photos(tmp_path / "d", 0), tmp_path / "rows.csv", tmp_path / "images"
    file = images / f"gain/{TASK}/A/0.png"
    pictures = []
    for seed in (0, 1, 0):
        run(Gain(), root, out, save_images=images, seed=seed)
        pictures.append(read_image(file))
    assert (pictures[0] == pictures[2]).all() and (pictures[0] != pictures[1]).any()
    model = Gain()
    run(model, root, out, save_images=images)
    assert model.calls == 0


def test_scores_outlive_a_network_that_cannot_be_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*words: object, **named: object) -> None:
        raise RuntimeError("no clock")

    monkeypatch.setattr("nas.evaluation.profile_columns.measure_latency", broken)
    with pytest.raises(NasError, match=r"latency of gain .*no clock"):
        run(Gain(), photos(tmp_path / "d", 0), tmp_path / "rows.csv", with_latency=True)
    (row,) = read_rows(tmp_path / "rows.csv")
    assert row.psnr is not None and row.latency_median_ms is None


def test_values_that_are_not_finite_are_a_failed_measurement_and_no_number(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="not finite"):
        run(Gain(float("nan")), photos(tmp_path / "d", 0), tmp_path / "rows.csv")


def test_stored_inputs_are_not_called_noise_of_ours(tmp_path: Path) -> None:
    for folder, gain in (("input", 2), ("target", 1)):
        write_image(tmp_path / f"A/{folder}/0.png", np.full((20, 20, 3), 50 * gain, np.uint8))
    row = run(Gain(), tmp_path, tmp_path / "rows.csv")
    assert "stored input" in row.protocol and "noise" not in row.protocol


def test_the_plane_protocol_never_looks_at_stored_inputs(tmp_path: Path) -> None:
    target = read_image(photos(tmp_path / "d", 3) / "A/HR/0.png")
    write_image(tmp_path / "S/HR/0.png", target)
    write_image(tmp_path / "S/LR/0.png", np.zeros((12, 14, 3), np.uint8))
    (black,) = evaluate("bicubic", "sr_x2", "S", tmp_path, protocol="y_plane", with_costs=False)
    (made,) = evaluate("bicubic", "sr_x2", "A", photos(tmp_path / "e", 3, 1), protocol="y_plane", with_costs=False)
    assert black.psnr == made.psnr


@pytest.mark.parametrize(("asked", "words"), [({"seed": -1}, "negative"), ({"save_images": "x"}, "name it otherwise")])
def test_wrong_use_is_said_before_any_work(asked: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate(("target", Gain()), TASK, "A", photos(tmp_path / "d", 0), **asked)


def _add(table: str, name: str) -> None:
    for i in range(20):
        change_rows(table, lambda rows, i=i: [*rows, EvaluationRow(f"{name}{i}", TASK, "A")])


def test_processes_that_write_one_table_at_once_lose_no_row(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    others = [multiprocessing.get_context("spawn").Process(target=_add, args=(str(table), n)) for n in "abc"]
    for process in others:
        process.start()
    for process in others:
        process.join(60)
    assert sorted(r.model for r in read_rows(table)) == sorted(f"{n}{i}" for n in "abc" for i in range(20))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".rows.csv.lock", "rows.csv"]
