"""``nas profile`` prints for each full model what its publication or specification states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import baselines
from nas.cli import main
from nas.models.weights import save_weights


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("jsnet --task sr_x2", ["476,467", "104.75 G convolutions"]),
        ("jsnet --task sr_x3", ["522,707", "51.64 G convolutions"]),
        ("jsnet --task sr_x4", ["513,459", "35.28 G convolutions"]),
        (
            "mspan --task sr_x2",
            ["596,364", "129.88 G convolutions", "130.68 G convolutions and one addition for each bias"],
        ),
        (
            "mspan --task sr_x3",
            ["602,859", "58.30 G convolutions", "58.65 G convolutions and one addition for each bias"],
        ),
        (
            "mspan --task sr_x4",
            ["611,952", "33.37 G convolutions", "33.57 G convolutions and one addition for each bias"],
        ),
        (
            "dlsn",
            [
                "69,842,588",
                "16,994.90 G with matrix products",
                r"17,90\d\.\d\d G \(17.90 T\) learned score after sorting, as published",
            ],
        ),
        ("jdnet", ["4,681,859", "208.95 G convolutions"]),
        ("dsrir --task all_in_one", ["3,516,837", "138.35 G convolutions", "256x256"]),
        ("dsrir --task derain", ["3,516,837", "138.35 G at 256x256 output, as published"]),
    ],
)
def test_full_models_have_their_stated_size_and_work(
    words: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    from nas.cli.app import main

    with pytest.raises(SystemExit) as end:
        main(["profile", *words.split()])
    assert not end.value.code
    printed = capsys.readouterr().out
    for line in lines:
        assert re.search(line, printed), (line, printed)


def test_weights_of_another_scale_are_not_profiled_under_a_foreign_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x2.safetensors"
    save_weights(file, baselines.create("jsnet", layers=1), kind="baseline", task="sr_x2")
    with pytest.raises(SystemExit) as ended:
        main(["profile", str(file), "--task", "sr_x3"])
    assert ended.value.code == 2 and "enlarges by 2" in capsys.readouterr().err
