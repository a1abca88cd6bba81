"""Which files are restored and where they go: structure kept, nothing replaced, nothing made twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.errors import UsageError
from nas.images import write_image
from nas.restoration.jobs import find_jobs


def image(path: Path) -> Path:
    return write_image(path, np.zeros((4, 4), np.uint8))


def targets(jobs: list, out: Path) -> list[str]:
    return [job.target.relative_to(out).as_posix() for job in jobs]


def test_folders_keep_their_structure_and_files_their_names(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("b.png", "a/x.jpg", "a/c/y.bmp"):
        image(photos / name)
    (photos / "clip.mp4").write_bytes(b"0")
    jobs = find_jobs([photos, image(tmp_path / "one.tif")], out, "webp")
    assert targets(jobs.wanted, out) == ["a/c/y.webp", "a/x.webp", "b.webp", "one.webp"]
    assert len(jobs.notes) == 1 and "1 .mp4" in jobs.notes[0]


@pytest.mark.parametrize(("name", "made"), [("c.mp4", "c.mp4"), ("c.MOV", "c.mov"), ("c.avi", "c.mkv")])
def test_a_video_keeps_its_container_where_that_takes_what_is_written(name: str, made: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"0")
    (job,) = find_jobs([tmp_path / name], tmp_path / "out").wanted
    assert job.video and job.target.name == made


def test_what_is_there_is_kept_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    files = [image(tmp_path / "in" / f"{i}.png") for i in range(3)]
    image(tmp_path / "out" / "1.png")
    jobs = find_jobs(files, tmp_path / "out")
    assert targets(jobs.wanted, tmp_path / "out") == ["0.png", "2.png"]
    assert targets(jobs.finished, tmp_path / "out") == ["1.png"]
    assert len(find_jobs(files, tmp_path / "out", overwrite=True).wanted) == 3


def test_results_below_an_input_folder_are_no_inputs(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    image(tmp_path / "restored/b.png")
    assert [job.source.name for job in find_jobs([tmp_path], tmp_path / "restored").wanted] == ["a.png"]


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    image(tmp_path / "in" / "~weird..name.png")
    (job,) = find_jobs([tmp_path / "in"], tmp_path / "out").wanted
    assert job.target.parent == tmp_path / "out" and job.target.suffix == ".png"


@pytest.mark.parametrize(
    ("files", "inputs", "out", "words"),
    [
        (["a.png"], ["a.png"], ".", "would replace the input"),
        (["in/a.png"], ["in"], "in", "would replace the input"),
        (["a.png", "in/a.jpg"], ["a.png", "in"], "out", "both become"),
        (["in/a.png", "in/a.jpg"], ["in"], "out", "both become"),
        (["a.png"], ["b.png"], "out", "does not exist"),
        (["a.png", "b.png"], ["a.png"], "b.png", "is a file"),
        (["a.png", "out/a.png/b.png"], ["a.png"], "out", "is a folder where a result"),
    ],
)
def test_what_would_lose_something_is_refused_before_any_work(
    files: list[str], inputs: list[str], out: str, words: str, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in (image(tmp_path / name) for name in files)}
    with pytest.raises(UsageError, match=words):
        find_jobs([tmp_path / name for name in inputs], tmp_path / out)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_link_to_an_input_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").symlink_to(image(tmp_path / "a.png"))
    with pytest.raises(UsageError, match="would replace the input"):
        find_jobs([tmp_path / "a.png"], tmp_path / "out", overwrite=True)


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("x")
    with pytest.raises(UsageError, match=r"no images \(but 1 \.txt\)"):
        find_jobs([tmp_path / "in"], tmp_path / "out")
