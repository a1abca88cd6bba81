"""Who measures own photographs is told that they were shrunk first; who measures benchmarks or pairs is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from nas.images import imresize, write_image
from tests.cli.running import succeed

NOTE = "were shrunk by 2 first"


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    photo = np.ascontiguousarray(skimage.data.astronaut()[60:108, 100:164])
    write_image(folder / "vacation/0.png", photo)
    write_image(folder / "Set5/HR/0.png", photo)
    write_image(folder / "stored/HR/0.png", photo)
    write_image(folder / "stored/LR_bicubic/X2/0x2.png", imresize(photo, 1 / 2))
    return folder


@pytest.mark.parametrize(
    ("task", "model", "name", "told"),
    [
        ("sr_x2", "bicubic", "vacation", True),
        ("sr_gray_x2", "bicubic", "vacation", True),
        ("sr_x2", "bicubic", "Set5", False),
        ("sr_x2", "bicubic", "stored", False),
        ("denoise_color_25", "identity", "vacation", False),
    ],
)
def test_the_hint(
    task: str, model: str, name: str, told: bool, sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = succeed(
        capsys, "evaluate", model, "--task", task, "--sets", name, "--data", sets, "--out", tmp_path / "rows.csv"
    )
    assert (f"note: the images of {name} {NOTE}" in out) == told
    assert out.splitlines()[-1] == f"wrote {tmp_path / 'rows.csv'}"
