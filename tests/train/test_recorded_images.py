"""A resumed run finds its own split again, whatever came, went, moved or was edited meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nas.data import Pair, find_pairs
from nas.images import write_image
from nas.train import recorded_images
from nas.train.made_of import MadeOf
from nas.train.recorded_images import Found, ImageRecord, find_recorded, record_images

NAMES = ("a", "b", "c", "d", "e", "f")


def picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        picture(tmp_path / "photos" / f"{name}.png", seed)
    return tmp_path / "photos"


def parts_of(folder: Path) -> dict[str, list[Pair]]:
    pairs = {p.name: p for p in find_pairs(folder, "sr_x2")}
    return {"weights": [pairs[n] for n in ("e", "a", "c")], "validation": [pairs[n] for n in ("f", "b", "d")]}


def names(found: Found) -> dict[str, list[str]]:
    return {part: [pair.name for pair in pairs] for part, pairs in found.parts.items()}


RECORDED = {"weights": ["e", "a", "c"], "validation": ["f", "b", "d"]}


def add(folder: Path) -> None:
    picture(folder / "0.png", 90)  # sorts first


def add_many(folder: Path) -> None:
    for i in range(9):
        picture(folder / "more" / f"{i}.png", 90 + i)


def add_a_copy(folder: Path) -> None:
    shutil.copy(folder / "a.png", folder / "copy.png")


def rename(folder: Path) -> None:
    (folder / "a.png").rename(folder / "z.png")


def rename_into_a_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "b.png").rename(folder / "sub" / "b.png")


def swap(folder: Path) -> None:
    (folder / "a.png").rename(folder / "x")
    (folder / "b.png").rename(folder / "a.png")
    (folder / "x").rename(folder / "b.png")


def touch(folder: Path) -> None:
    os.utime(folder / "c.png", (1, 1))


def move(folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "moved")
    shutil.rmtree(folder)
    (folder.parent / "moved").rename(folder)


def rename_and_add_another_of_that_name(folder: Path) -> None:
    (folder / "d.png").rename(folder / "old.png")
    picture(folder / "d.png", 77)


def nothing(folder: Path) -> None:
    pass


HARMLESS: list[Callable[[Path], None]] = [
    *(nothing, add, add_many, add_a_copy, rename, rename_into_a_folder, swap, touch, move),
    rename_and_add_another_of_that_name,
]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
def test_the_recorded_split_stays_in_its_order_whatever_is_added_or_renamed(
    change: Callable[[Path], None], folder: Path
) -> None:
    parts = parts_of(folder)
    recorded = record_images(parts)
    before = {(part, p.name): p.target.read_bytes() for part, pairs in parts.items() for p in pairs}
    change(folder)
    found = find_recorded(find_pairs(folder, "sr_x2"), recorded)
    assert found.differences() == [] and names(found) == RECORDED
    assert {(part, p.name): p.target.read_bytes() for part, pairs in found.parts.items() for p in pairs} == before


@pytest.mark.parametrize(
    ("change", "words"),
    [(add, "1 image was added"), (add_many, "9 images were added"), (rename, "a is now z"), (swap, "2 images were")],
)
def test_what_changed_harmlessly_is_named(change: Callable[[Path], None], words: str, folder: Path) -> None:
    recorded = record_images(parts_of(folder))
    change(folder)
    assert words in " ".join(find_recorded(find_pairs(folder, "sr_x2"), recorded).notes())


def remove(folder: Path) -> None:
    (folder / "a.png").unlink()


def remove_validation(folder: Path) -> None:
    (folder / "f.png").unlink()


def remove_and_add(folder: Path) -> None:
    (folder / "a.png").unlink()
    picture(folder / "g.png", 50)


def edit(folder: Path) -> None:
    picture(folder / "a.png", 60)


def edit_in_the_same_size(folder: Path) -> None:
    file = folder / "a.png"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, (5, 5))


def replace_all(folder: Path) -> None:
    for seed, name in enumerate(NAMES):
        picture(folder / f"{name}.png", 200 + seed)


def rename_and_edit(folder: Path) -> None:
    (folder / "a.png").unlink()
    picture(folder / "z.png", 70)


HARMFUL = [
    (remove, [], ["a"]),
    (remove_validation, [], ["f"]),
    (remove_and_add, [], ["a"]),
    (edit, ["a"], []),
    (edit_in_the_same_size, ["a"], []),
    (replace_all, ["e", "a", "c", "f", "b", "d"], []),
    (rename_and_edit, [], ["a"]),
]


@pytest.mark.parametrize(("change", "changed", "missing"), HARMFUL, ids=lambda x: getattr(x, "__name__", ""))
def test_images_that_are_gone_or_were_edited_are_named(
    change: Callable[[Path], None], changed: list[str], missing: list[str], folder: Path
) -> None:
    recorded = record_images(parts_of(folder))
    change(folder)
    found = find_recorded(find_pairs(folder, "sr_x2"), recorded)
    assert (found.changed, found.missing) == (changed, missing)
    assert all(name in " ".join(found.differences()) for name in [*changed[:4], *missing])
    kept = {part: [n for n in row if n not in missing] for part, row in RECORDED.items()}
    assert names(found) == kept


def test_a_stored_input_that_appears_beside_an_image_is_a_change(tmp_path: Path) -> None:
    for name in NAMES:
        picture(tmp_path / "HR" / f"{name}.png", ord(name))
    pairs = find_pairs(tmp_path, "sr_x2")
    recorded = record_images({"weights": pairs})
    for name in NAMES:
        write_image(tmp_path / "LR_bicubic" / "X2" / f"{name}x2.png", np.zeros((6, 6, 3), np.uint8))
    found = find_recorded(find_pairs(tmp_path, "sr_x2"), recorded)
    assert found.changed == list(NAMES)


def test_equal_names_in_two_folders_stay_apart(tmp_path: Path) -> None:
    for i, part in enumerate(("one", "two")):
        for name in NAMES:
            picture(tmp_path / part / f"{name}.png", 10 * i + ord(name))
    pairs = [p for part in ("one", "two") for p in find_pairs(tmp_path / part, "sr_x2")]
    parts = {"weights": [pairs[0], pairs[7]], "validation": [pairs[6], pairs[1]]}
    recorded = record_images(parts)
    shutil.move(tmp_path / "two", tmp_path / "three")
    again = [p for part in ("three", "one") for p in find_pairs(tmp_path / part, "sr_x2")]
    found = find_recorded(again, recorded)
    assert [p.target.parent.name for p in found.parts["weights"]] == ["one", "three"]
    assert [p.target.parent.name for p in found.parts["validation"]] == ["three", "one"]


def test_unchanged_files_are_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = record_images(parts_of(folder))
    add(folder)
    read: list[Path] = []
    genuine = recorded_images._read
    monkeypatch.setattr(recorded_images, "_read", lambda file: read.append(file) or genuine(file))
    assert find_recorded(find_pairs(folder, "sr_x2"), recorded).missing == [] and read == []
    touch(folder)
    find_recorded(find_pairs(folder, "sr_x2"), recorded)
    assert {file.name for file in read} == {"c.png", "0.png"}


def test_names_without_digests_are_found_by_name(folder: Path) -> None:
    recorded = {part: [ImageRecord(name) for name in row] for part, row in RECORDED.items()}
    add(folder)
    remove(folder)
    found = find_recorded(find_pairs(folder, "sr_x2"), recorded)
    assert found.missing == ["a"] and names(found)["validation"] == ["f", "b", "d"]


def test_the_record_comes_back_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    images = record_images(parts_of(folder))
    record = MadeOf(images, {"torch": "2"}, {"space": "ab"}, {"plug-in x.py": "cd"}, {"data.path": [str(folder)]})
    (tmp_path / "made_of.json").write_text(record.to_text())
    assert MadeOf.read(tmp_path) == record
    assert MadeOf.read(tmp_path / "nowhere") is None
