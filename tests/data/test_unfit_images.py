"""What cannot be used is told before a run begins, all of it at once, and the same in check and in use."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data import benchmark_set, find_pairs
from nas.data.check import check_folder
from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.tasks import get_task
from nas.train.training_data import TrainingData, open_training_data
from tests.data.folders import fill, low, picture


def train(folder: Path, task: str = "sr_x2", patch: int = 16, **more: object) -> TrainingData:
    words = {"task": task, "data__path": [str(folder)], "data__patch": patch, "data__validation": 0, "data__batch": 1}
    settings = build(RetrainSettings, None, [], **{**words, **more})
    return open_training_data(settings, get_task(task), {"weights": 1.0})


def grey(folder: Path, name: str) -> None:
    write_image(folder / f"{name}.png", picture(name)[..., 0])


def small(folder: Path, name: str) -> None:
    write_image(folder / f"{name}.png", picture(name, 12, 40))


def cut(folder: Path, name: str) -> None:
    file = write_image(folder / f"{name}.png", picture(name))
    file.write_bytes(file.read_bytes()[:-40])


def empty(folder: Path, name: str) -> None:
    (folder / f"{name}.png").write_bytes(b"")


def text(folder: Path, name: str) -> None:
    (folder / f"{name}.png").write_text("not an image")


def alpha(folder: Path, name: str) -> None:
    Image.fromarray(picture(name)).convert("RGBA").save(folder / f"{name}.png")


def cmyk(folder: Path, name: str) -> None:
    Image.fromarray(picture(name)).convert("CMYK").save(folder / f"{name}.jpg")


def cut_jpeg(folder: Path, name: str) -> None:
    Image.fromarray(picture(name, 64, 64)).save(folder / f"{name}.jpg")
    file = folder / f"{name}.jpg"
    file.write_bytes(file.read_bytes()[:-900])


def narrow(folder: Path, name: str) -> None:
    write_image(folder / f"{name}.png", picture(name, 40, 15))


def turned(folder: Path, name: str) -> None:
    """16 x 40 as stored, and so large enough; 40 x 15 once it is turned."""
    image = Image.fromarray(picture(name, 15, 40))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(folder / f"{name}.png", exif=exif)


UNFIT = [grey, small, cut, empty, text, alpha, cmyk, cut_jpeg, narrow, turned]


@pytest.mark.parametrize("plant", UNFIT)
@pytest.mark.parametrize("count", [1, 3])
def test_all_offenders_are_named_at_once_by_check_and_training(
    plant: object, count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(plant)
    fill(tmp_path, "{}")
    for index in range(count):
        plant(tmp_path, f"bad{index}")
    report = check_folder(tmp_path, "sr_x2", patch=16)
    named = {f.path.stem for f in report.findings if f.severity == "error"}
    assert named == {f"bad{i}" for i in range(count)} and report.pairs == 3 and not report.ok
    with pytest.raises(NasError) as caught:
        train(tmp_path)
    assert all(f"bad{i}." in str(caught.value) for i in range(count)) and "skip_unfit" in str(caught.value)
    with caplog.at_level(logging.WARNING):
        kept = train(tmp_path, data__skip_unfit=True)
    assert [p.name for p in kept.parts["weights"]] == ["0001", "0002", "0003"]
    assert f"{count} image{'s are' if count > 1 else ' is'} left out as unfit" in caplog.text


def test_a_mixture_of_offenders_is_named_in_one_sentence(tmp_path: Path) -> None:
    for index, plant in enumerate(UNFIT):
        plant(tmp_path, f"bad{index}")
    fill(tmp_path, "{}")
    with pytest.raises(NasError) as caught:
        train(tmp_path)
    message = str(caught.value)
    assert all(f"bad{i}." in message for i in range(len(UNFIT))) and "\n" not in message
    assert message.startswith(f"{len(UNFIT)} of {len(UNFIT) + 3} images cannot be used")
    assert train(tmp_path, data__skip_unfit=True).names["weights"] == ["0001", "0002", "0003"]


def test_many_offenders_are_counted_where_naming_them_all_would_be_no_message(tmp_path: Path) -> None:
    for index in range(30):
        small(tmp_path, f"bad{index:02d}")
    with pytest.raises(UsageError, match=r"30 of 30 images .* and 10 more, which 'nas data check' names"):
        train(tmp_path)
    with pytest.raises(UsageError, match="30 of 30"):  # nothing would be left
        train(tmp_path, data__skip_unfit=True)
    report = check_folder(tmp_path, "sr_x2", patch=16)
    assert len([f for f in report.findings if f.severity == "error"]) == 30


@pytest.mark.parametrize("task", ["denoise_gray_25", "jpeg_q10"])
def test_grey_images_are_fit_for_grey_tasks(task: str, tmp_path: Path) -> None:
    grey(tmp_path, "a")
    assert len(train(tmp_path, task).parts["weights"]) == 1 and check_folder(tmp_path, task, patch=16).ok


def test_an_evaluation_repeats_grey_images_and_the_check_for_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "S/HR").mkdir(parents=True)
    grey(tmp_path / "S/HR", "a")
    assert len(benchmark_set("S", "sr_x2", tmp_path)) == 1
    report = check_folder(tmp_path / "S", "sr_x2", split="test")
    assert report.ok and report.pairs == 1 and "repeats it in tests" in report.to_text()
    assert not check_folder(tmp_path / "S", "sr_x2").ok


def test_without_a_patch_the_check_says_what_the_usual_one_would_refuse(tmp_path: Path) -> None:
    fill(tmp_path, "{}")
    report = check_folder(tmp_path, "sr_x2", usual_patch=48)
    assert report.ok and "3 images are smaller than the usual patch of 48" in report.to_text()
    assert "usual patch" not in check_folder(tmp_path, "sr_x2", usual_patch=24).to_text()


@pytest.mark.parametrize("stages", [(16, 32), (32, 16), (16, 24, 40)])
def test_the_largest_patch_that_will_be_cut_counts(stages: tuple[int, ...], tmp_path: Path) -> None:
    fill(tmp_path, "{}")
    wanted = [{"steps": 5, "patch": p, "batch": 1} for p in stages]
    with pytest.raises(UsageError, match=f"too small for patch {max(stages)}"):
        train(tmp_path, data__stages=wanted, train__steps=20)


@pytest.mark.parametrize("folder", ["HR_lmdb.lmdb", "deep/DIV2K_train_HR_sub.lmdb", "no_ending"])
@pytest.mark.parametrize("task", ["sr_x2", "denoise_color_25", "derain"])
def test_lmdb_is_named_as_not_read_with_the_way_out(folder: str, task: str, tmp_path: Path) -> None:
    data = tmp_path / folder
    data.mkdir(parents=True)
    for name in ("data.mdb", "lock.mdb"):
        (data / name).write_text("x")
    (data / "meta_info.txt").write_text("0001_s001.png (480,480,3) 1\n")
    for path in (data, tmp_path):
        for use in (find_pairs, train):
            with pytest.raises(UsageError, match=r"LMDB data base, which is not read; .*nas data prepare"):
                use(path, task)
        errors = [f.sentence for f in check_folder(path, task).findings if f.severity == "error"]
        assert len(errors) == 1 and "LMDB" in errors[0]
    fill(tmp_path, "{}")
    assert len(find_pairs(tmp_path, task)) == 3 and "LMDB" in check_folder(tmp_path, task).to_text()


def test_what_is_left_out_of_a_folder_is_counted_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path, "HR/{}")
    fill(tmp_path, "LR_unknown/X2/{}", scale=2)
    fill(tmp_path, "LR_bicubic/X2/{}", scale=2)
    for name in ("a.txt", "b.txt", "c.heic"):
        (tmp_path / name).write_text("x")
    with caplog.at_level(logging.WARNING):
        train(tmp_path)
    assert "3 files below" in caplog.text and "1 .heic, 2 .txt" in caplog.text
    assert "LR_unknown/X2" in caplog.text and "not used" in caplog.text


@pytest.mark.parametrize("where", ["pairs/HR", "pairs"])
def test_linked_folders_are_entered_alike_in_check_and_in_use(where: str, tmp_path: Path) -> None:
    fill(tmp_path, "store/HR/{}")
    fill(tmp_path, "store/LR/{}", scale=2)
    (tmp_path / "pairs").mkdir()
    for side in ("HR", "LR"):
        (tmp_path / "pairs" / side).symlink_to(f"../store/{side}")
    assert [p.stored for p in find_pairs(tmp_path / "pairs", "sr_x2")] == [True] * 3
    report = check_folder(tmp_path / "pairs", "sr_x2")
    assert (report.images, report.pairs, report.ok) == (6, 3, True)
    assert len(train(tmp_path / "pairs").parts["weights"]) == 3
    assert len(train(tmp_path / where).parts["weights"]) == 3


LOOPS = {
    "to itself": [("set/loop", ".")],
    "to its parent": [("set/deep/loop", "..")],
    "up and down": [("set/deep/loop", "../.."), ("set/other", "deep")],
    "to one another": [("set/a/b", "../b"), ("set/b/a", "../a")],
    "to a link": [("set/one", "two"), ("set/two", "deep")],
    "chain": [("set/x", "y"), ("set/y", "z"), ("set/z", "../store")],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_of_links_end_and_no_picture_counts_twice(loop: str, tmp_path: Path) -> None:
    for folder in ("set", "set/deep", "set/a", "set/b", "store"):
        fill(tmp_path, folder + "/{}", [folder.replace("/", "-")])
    for link, target in LOOPS[loop]:
        (tmp_path / link).symlink_to(target)
    pairs = find_pairs(tmp_path / "set", "denoise_color_25")
    inside = {p.target.resolve() for p in pairs}
    assert len(pairs) == len(inside) == (5 if loop in ("chain", "up and down") else 4)
    assert check_folder(tmp_path / "set", "denoise_color_25").pairs == len(pairs)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "{}")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    report = check_folder(tmp_path, "sr_x2")
    assert report.pairs == 3 and "gone.png' leads nowhere" in report.to_text()
    assert len(find_pairs(tmp_path, "sr_x2")) == 3


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_pairs_of_turned_photographs_fit(ending: str, tmp_path: Path) -> None:
    image = Image.fromarray(np.kron(picture("0001", 6, 9), np.ones((4, 4, 1), np.uint8)))
    exif = image.getexif()
    exif[0x0112] = 6
    (tmp_path / "HR").mkdir()
    image.save(tmp_path / f"HR/a.{ending}", exif=exif, **({"quality": 100} if ending != "png" else {}))
    from nas.images import imresize, read_image

    upright = read_image(tmp_path / f"HR/a.{ending}")
    assert upright.shape[:2] == (36, 24)
    write_image(tmp_path / "LR_bicubic/X2/ax2.png", imresize(upright, 1 / 2))
    report = check_folder(tmp_path, "sr_x2")
    assert (report.pairs, report.bicubic) == (1, "exact") and report.smallest == (12, 18)


def test_pieces_of_one_photograph_stand_on_one_side_of_the_split(tmp_path: Path) -> None:
    for photo in range(8):
        fill(tmp_path, f"DIV2K_train_HR_sub/{photo:04d}_s{{}}", [f"{i:03d}" for i in range(1, 5)])
        fill(tmp_path, f"DIV2K_train_LR_bicubic/X2_sub/{photo:04d}_s{{}}", [f"{i:03d}" for i in range(1, 5)], 2)
    for seed in range(10):
        parts = train(tmp_path, data__validation=6, data__split_seed=seed).names
        photos = {part: {name[:4] for name in names} for part, names in parts.items()}
        assert not photos["weights"] & photos["validation"] and len(parts["validation"]) in (4, 8)


@pytest.mark.parametrize("copies", [["a.png", "z.png"], ["a.png", "b/a.png", "c/a.png"]])
def test_one_file_under_several_links_stands_on_one_side_of_the_split(copies: list[str], tmp_path: Path) -> None:
    fill(tmp_path, "set/p{}", [f"{i}" for i in range(6)])
    write_image(tmp_path / "store.png", low("x", 1))
    for copy in copies:
        (tmp_path / "set" / copy).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / copy).symlink_to(tmp_path / "store.png")
    settings = {"data__clean": [str(tmp_path / "set")], "data__path": [], "data__validation": 3}
    for seed in range(6):
        parts = train(tmp_path, **settings, data__split_seed=seed).parts
        sides = [part for part, pairs in parts.items() if any(p.target.resolve().stem == "store" for p in pairs)]
        assert len(sides) == 1
