"""A matrix goes on after whatever fails: a set, a weights file, a network; wrong use ends it before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import baselines
from nas.cli import main
from nas.errors import NasError, UsageError
from nas.evaluation.harness import evaluate
from nas.evaluation.resolve import EvaluatedModel, check_fit
from nas.evaluation.rows import EvaluationRow, read_rows, write_rows
from nas.images import write_image
from nas.models.descriptor import ModelDescriptor
from nas.tasks import get_task


class Odd(nn.Module):
    """Fails on one width, in a way of its own."""

    def __init__(self, tasks: tuple[str, ...] = ("*",), error: type[Exception] = KeyError) -> None:
        super().__init__()
        self.error = error
        self.descriptor = ModelDescriptor("odd", 1, 3, tasks=tasks)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[-1] == 28:
            raise self.error("width 28")
        return image


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, width in (("A", 24), ("B", 28), ("My Set", 20)):
        write_image(tmp_path / f"sets/{name}/HR/0.png", rng.integers(0, 256, (20, width, 3)).astype(np.uint8))
    return tmp_path / "sets"


@pytest.mark.parametrize("error", [KeyError, AssertionError, TypeError])
def test_a_network_that_fails_in_any_way_is_one_failed_measurement(
    error: type[Exception], sets: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows.csv"
    with pytest.raises(NasError, match=r"1 of 4 measurements failed: odd on B \("):
        evaluate([Odd(error=error), "identity"], "denoise_color_25", ["A", "B"], sets, out, with_costs=False)
    assert [(r.model, r.set) for r in read_rows(out)] == [("odd", "A"), ("identity", "A"), ("identity", "B")]


def test_a_damaged_set_and_a_damaged_file_leave_the_rest(sets: Path, tmp_path: Path) -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    for name in "xy":
        write_image(sets / f"Half/HR/{name}.png", image)
    write_image(sets / "Half/LR_bicubic/X2/xx2.png", image[:10, :10])
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not weights")
    out = tmp_path / "rows.csv"
    with pytest.raises(NasError) as failure:
        evaluate([("mine", broken), "bicubic"], "sr_x2", ["Half", "A"], sets, out, with_costs=False)
    assert "broken.safetensors" in str(failure.value) and "no partner" in str(failure.value)
    assert [(r.model, r.set) for r in read_rows(out)] == [("bicubic", "A")]


@pytest.mark.parametrize("device", ["cuda:7", "abacus"])
def test_a_device_that_is_not_there_is_wrong_use(device: str, sets: Path) -> None:
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(UsageError, match="device"):
        evaluate("bicubic", "sr_x2", "A", sets, device=device)


@pytest.mark.parametrize(
    ("trained", "asked", "fits"),
    [
        ("denoise_color_blind", "denoise_color_15", True),
        ("denoise_color_blind_clipped", "denoise_color_50", True),
        ("denoise_color_25", "denoise_color_25_clipped", True),
        ("denoise_color_25", "denoise_color_50", False),
        ("denoise_color_25", "denoise_color_blind", False),
        ("derain", "dehaze", False),
    ],
)
def test_blind_networks_are_tested_at_any_level_and_twins_on_one_another(trained: str, asked: str, fits: bool) -> None:
    found = EvaluatedModel("odd", Odd((trained,)))
    if fits:
        check_fit(found, get_task(asked))
    else:
        with pytest.raises(UsageError, match="not meant"):
            check_fit(found, get_task(asked))


def test_a_grey_image_has_one_noise_and_not_three_that_average_out(sets: Path) -> None:
    grey = np.random.default_rng(1).integers(60, 200, (64, 64)).astype(np.uint8)
    write_image(sets / "G/HR/0.png", grey)
    write_image(sets / "C/HR/0.png", np.repeat(grey[..., None], 3, axis=2))
    alone, colour = evaluate(baselines.create("identity"), "denoise_color_25", ["G", "C"], sets, with_costs=False)
    assert alone.psnr == pytest.approx(20 * np.log10(255 / 25), abs=0.3)
    assert alone.psnr == pytest.approx(colour.psnr, abs=0.3)


def test_a_list_of_pairs_is_a_set(sets: Path) -> None:
    (sets / "mine.csv").write_text("clean,degraded\nA/HR/0.png,A/HR/0.png\n")
    for name, root in (("mine", sets), ("mine.csv", sets), ("mine", sets / "mine.csv")):
        file = sets / "mine.csv" if name == "mine" else root
        (row,) = evaluate("identity", "denoise_color_25", name, file, with_costs=False)
        assert (row.set, row.images) == (name, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[: text.rindex(",Y")], "line 2 does not have as many fields"),
        (lambda text: text.rstrip("\n") + ",,,\n", "line 2 does not have as many fields"),
    ],
)
def test_half_a_line_is_no_row(change: object, words: str, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.csv", [EvaluationRow("a", "sr_x2", "Set5", 5, 33.0, 0.9, protocol="Y")])
    file.write_text(change(file.read_text()))  # type: ignore[operator]
    with pytest.raises(NasError, match=words):
        read_rows(file)


def test_tables_of_spreadsheets_and_empty_files_are_read_and_other_files_refused(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "rows.csv", [EvaluationRow("a", "sr_x2", "Set5", 5, 33.0)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_rows(file)[0].model == "a"
    file.write_bytes(b"")
    assert read_rows(file) == []
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(NasError, match="not UTF-8 text"):
        read_rows(file)


def test_finished_rows_are_printed_beside_the_failure(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sets / "B/HR/0.png").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "evaluate",
                "identity",
                "--task",
                "denoise_color_25",
                "--sets",
                "A",
                "B",
                "--data",
                str(sets),
                "--out",
                str(tmp_path / "rows.csv"),
            ]
        )
    printed = capsys.readouterr()
    assert ended.value.code == 1 and "is empty" in printed.err and "identity on B" in printed.err
    assert "identity" in printed.out and " A " in printed.out


@pytest.mark.parametrize("out", ["sets", "file.txt/rows.csv"])
def test_a_table_that_cannot_be_written_is_said_before_any_work(out: str, sets: Path, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(UsageError, match="no table can be written"):
        evaluate(Odd(error=KeyboardInterrupt), "denoise_color_25", "B", sets, tmp_path / out)  # type: ignore[arg-type]


def test_a_table_behind_a_link_keeps_the_link_and_its_permissions(tmp_path: Path) -> None:
    table = write_rows(tmp_path / "real.csv", [])
    table.chmod(0o640)
    (tmp_path / "link.csv").symlink_to(table)
    write_rows(tmp_path / "link.csv", [EvaluationRow("a", "sr_x2", "Set5")])
    assert (tmp_path / "link.csv").is_symlink() and len(read_rows(table)) == 1
    assert table.stat().st_mode & 0o777 == 0o640
