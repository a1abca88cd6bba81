"""``nas evaluate`` over many models and sets: it goes on after a failure, and never measures twice unasked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nas.evaluation.rows import read_rows, write_rows
from nas.images import write_image
from tests.cli.running import run, succeed


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("A", "B", "C"):
        for image in "ab":
            pixels = rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)
            write_image(tmp_path / f"sets/{name}/HR/{image}.png", pixels)
    damaged = tmp_path / "sets/B/HR/b.png"
    damaged.write_bytes(damaged.read_bytes()[:500])
    return tmp_path / "sets"


def test_a_failed_measurement_is_named_the_others_are_made_and_a_second_call_makes_only_what_is_missing(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, saved = tmp_path / "rows.csv", tmp_path / "images"
    models, names = ("bicubic", "again=bicubic"), ("A", "B", "C")
    words = ("evaluate", "--models", *models, "--sets", *names, "--task", "sr_x2", "--data", str(sets))
    failed = run(capsys, *words, "--out", table, "--save-images", saved)
    assert failed.code == 1 and "Traceback" not in failed.err
    assert "2 of 6 measurements failed: bicubic on B" in failed.err
    assert "again on B" in failed.err and "b.png" in failed.err
    first = read_rows(table)
    assert [(r.model, r.set) for r in first] == [(m, s) for m in ("bicubic", "again") for s in "AC"]
    assert (saved / "bicubic/sr_x2/A/a.png").is_file() and (saved / "again/sr_x2/C/b.png").is_file()

    write_image(sets / "B/HR/b.png", np.zeros((32, 40, 3), np.uint8))  # a whole image in place of the damaged one
    out = succeed(capsys, *words, "--out", table)
    assert out.splitlines()[-1] == f"wrote {table}"
    second = read_rows(table)
    assert second[:4] == first and [(r.model, r.set) for r in second[4:]] == [("bicubic", "B"), ("again", "B")]

    # rows that hold another figure than a new measurement would give are kept, and replaced when that is asked for
    write_rows(table, [replace(r, psnr=1.0) for r in second])
    succeed(capsys, *words, "--out", table)
    assert [r.psnr for r in read_rows(table)] == [1.0] * 6
    succeed(capsys, *words, "--out", table, "--again")
    assert {(r.model, r.set): r.psnr for r in read_rows(table)} == {(r.model, r.set): r.psnr for r in second}


def test_a_protocol_is_chosen_by_name_and_a_wrong_one_is_wrong_use(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "rows.csv"
    words = ("evaluate", "identity", "--task", "derain", "--sets", "A", "--data", str(sets), "--out", str(table))
    succeed(capsys, *words, "--protocol", "dsrir_columnwise")
    (row,) = read_rows(table)
    assert row.protocol.startswith("dsrir_columnwise: ") and "synthetic" in row.protocol
    outcome = run(capsys, *words, "--protocol", "arcn")
    assert outcome.code == 2 and "'arcn'" in outcome.err
