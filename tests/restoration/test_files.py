"""Files and folders: what is damaged is named and the others are done; a full disk ends the work and loses nothing."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

import nas.restoration.files as restoring
from nas.errors import NasError, UsageError
from nas.images import read_image, write_image
from nas.images.pictures import Picture, read_picture, write_picture
from nas.restoration.files import failed, restore_files
from nas.restoration.options import RestorationOptions
from tests.restoration.networks import Enlarger


def photographs(folder: Path, count: int = 3, size: tuple[int, int] = (6, 8)) -> Path:
    for index in range(count):
        write_image(folder / f"{index}.png", np.full((*size, 3), 40 * index + 9, np.uint8))
    return folder


def plain(**options: object) -> RestorationOptions:
    return RestorationOptions(plain=True, **options)  # type: ignore[arg-type]


def test_a_damaged_file_is_named_and_the_others_are_restored(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "in")
    whole = (photos / "1.png").read_bytes()
    (photos / "1.png").write_bytes(whole[: len(whole) // 2])
    (photos / "text.jpg").write_text("no image")
    stream = io.StringIO()
    done = restore_files(Enlarger(), [photos], tmp_path / "out", plain(), progress=stream)
    assert [path.name for path in done.written] == ["0.png", "2.png"]
    assert len(done.failures) == 2 and stream.getvalue().count("skipped: ") == 2
    error = failed(done)
    assert error is not None and "2 of 4" in str(error) and "1.png" in str(error) and "text.jpg" in str(error)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]


def test_an_image_that_the_network_does_not_take_is_named(tmp_path: Path) -> None:
    photos = photographs(tmp_path / "in", 1)
    write_image(photos / "grey.png", np.zeros((6, 8), np.uint8))
    done = restore_files(Enlarger(channels=1), [photos], tmp_path / "out", plain())
    assert [path.name for path in done.written] == ["grey.png"]
    assert "0.png" in done.failures[0] and "takes grey images" in done.failures[0]


def test_the_second_time_nothing_is_done_unless_asked(tmp_path: Path) -> None:
    photos, network = photographs(tmp_path / "in"), Enlarger()
    restore_files(network, [photos], tmp_path / "out", plain())
    network.calls.clear()
    again = restore_files(network, [photos], tmp_path / "out", plain())
    assert not network.calls and not again.written and len(again.kept) == 3
    restore_files(network, [photos], tmp_path / "out", plain(overwrite=True))
    assert len(network.calls) == 3


def test_batches_are_of_equal_size_and_a_failure_in_one_costs_only_its_own_image(tmp_path: Path) -> None:
    class Picky(Enlarger):
        def forward(self, image: Tensor) -> Tensor:
            if float(image.amax()) * 255 > 80:
                raise RuntimeError("too bright")
            return super().forward(image)

    photos = photographs(tmp_path / "in", 3)  # the last one is too bright
    photographs(tmp_path / "in/other", 2, size=(5, 5))
    write_image(photos / "grey.png", np.zeros((6, 8), np.uint8))
    network = Picky()
    done = restore_files(network, [photos], tmp_path / "out", plain(batch=8))
    assert len(done.written) == 5 and "too bright" in done.failures[0] and "2.png" in done.failures[0]
    assert (2, 3, 5, 5) in network.calls
    whole = restore_files(Enlarger(), [photos], tmp_path / "all", plain(batch=8))
    assert not whole.failures and len(whole.written) == 6


def test_what_a_file_carries_is_carried_on(tmp_path: Path) -> None:
    pixels, alpha = np.full((6, 8, 3), 30_000, np.uint16), np.full((6, 8), 65_535, np.uint16)
    write_picture(tmp_path / "a.png", Picture(pixels, alpha, b"some profile"))
    restore_files(Enlarger(), [tmp_path / "a.png"], tmp_path / "out", plain())
    found = read_picture(tmp_path / "out/a.png")
    assert found.pixels.dtype == np.uint16 and found.pixels.shape == (12, 16, 3)
    assert found.alpha is not None and int(found.alpha.min()) == 65_535 and found.icc == b"some profile"


def test_a_full_disk_ends_the_work_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos, write = photographs(tmp_path / "in"), Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(".1."):
            write(path, content[:10])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NasError, match=r"no space is left.*results so far: 1"):
        restore_files(Enlarger(), [photos], tmp_path / "out", plain())
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0.png"]
    assert read_image(tmp_path / "out/0.png").shape == (12, 16, 3)


def test_videos_without_pyav_are_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = photographs(tmp_path / "in")
    (tmp_path / "clip.mp4").write_bytes(b"0")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(UsageError, match=r"jsnas\[video\]"):
        restore_files(Enlarger(), [photos, tmp_path / "clip.mp4"], tmp_path / "out", plain())
    assert not (tmp_path / "out").exists()


def test_memory_that_runs_out_in_the_smallest_tiles_is_told_with_a_mend(tmp_path: Path) -> None:
    class Hungry(Enlarger):
        def forward(self, image: Tensor) -> Tensor:
            raise MemoryError

    done = restore_files(Hungry(), [photographs(tmp_path / "in", 1)], tmp_path / "out", plain())
    assert "--tile 32" in done.failures[0]


def test_full_is_told_from_other_errors() -> None:
    assert restoring.is_full(NasError("[Errno 28] No space left on device")) and not restoring.is_full(
        NasError("damaged")
    )
