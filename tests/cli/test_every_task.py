"""Every task trains and evaluates, for the derived JSNet cell, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from nas.evaluation.rows import read_rows
from nas.images import write_image
from nas.models.weights import read_metadata
from nas.registry import TASKS
from tests.cli.running import succeed


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    image = skimage.data.astronaut()
    for i in range(4):
        write_image(folder / f"train/crop{i}.png", image[60 * i : 60 * i + 72, 100:172])
        write_image(folder / f"large/crop{i}.png", image[60 * i : 60 * i + 128, 100:228])
    write_image(folder / "sets/test/HR/face.png", image[60:132, 200:272])
    return folder


#: the clipped twins of the denoising tasks differ in the storage of the input alone: one of them will do
NAMES = [n for n in TASKS.names() if not n.endswith("_clipped") or n == "denoise_color_25_clipped"]


@pytest.mark.parametrize("name", NAMES)
def test_the_derived_cell_trains_and_is_evaluated_with_the_channels_and_protocol_of_the_task(
    name: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = TASKS.get(name)
    succeed(
        capsys,
        "retrain",
        "jsnet_released",
        "--task",
        name,
        "--data",
        str(photos / ("train" if task.scale < 8 else "large")),
        "--cells",
        "1",
        "--width",
        "8",
        "--steps",
        "50",
        "--batch",
        "1",
        "--patch",
        str(16 * task.scale),
        "--threads",
        "1",
        "--set",
        "data.validation=1",
        "--set",
        "data.workers=0",
        "--out",
        tmp_path / "run",
    )
    weights, table = tmp_path / "run/weights.safetensors", tmp_path / "rows.csv"
    descriptor = json.loads(read_metadata(weights)["descriptor"])
    assert (descriptor["channels"], descriptor["scale"]) == (task.channels, task.scale)
    out = succeed(
        capsys,
        "evaluate",
        weights,
        "--task",
        name,
        "--sets",
        "test",
        "--data",
        photos / "sets",
        "--threads",
        "1",
        "--out",
        table,
    )
    assert out.splitlines()[-1] == f"wrote {table}"
    rows = read_rows(table)
    noisy = ["test sigma 15", "test sigma 25", "test sigma 50", "mean of 3"]  # of a clean set
    assert [row.set for row in rows] == (noisy if task.family == "all_in_one" else ["test"])
    for row in rows:
        assert row.task == name and str(task.protocol) in row.protocol
        assert row.psnr is not None and np.isfinite(row.psnr) and row.ssim is not None
        assert (row.psnr_b is not None) == task.protocol.psnr_b
        assert not task.noise or "noise" in row.protocol or task.family == "all_in_one"
        assert not task.paired or task.family == "all_in_one" or "synthetic" in row.protocol
