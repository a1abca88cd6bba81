"""A photograph of 40 megapixels is enlarged within 4 GiB, however much memory is free."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from nas.images import image_info
from nas.images.pictures import Picture, write_picture
from tests.processes import HANGS


def test_forty_megapixels_are_restored_within_four_gib(tmp_path: Path) -> None:
    photo = np.full((5200, 7700, 3), (90, 120, 30), np.uint8)
    source = write_picture(tmp_path / "photo.jpg", Picture(photo))
    done = subprocess.run(
        [sys.executable, "-m", "tests.restoration.memory_program", str(source), str(tmp_path / "out")],
        capture_output=True, text=True, timeout=HANGS, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4 * 2**30
    info = image_info(tmp_path / "out/photo.png")
    assert (info.height, info.width) == (10_400, 15_400)
