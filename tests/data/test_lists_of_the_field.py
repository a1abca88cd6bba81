"""Lists of pairs as people write them: no line is lost, none is cut, and the columns are the right way round."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import find_pairs, load_pair
from nas.data.check import check_folder
from nas.errors import NasError, UsageError
from tests.data.folders import NAMES, fill, low, picture

ROWS = {
    "commas": "{c},{d}",
    "commas and blanks": "{c} , {d}",
    "semicolons": "{c};{d}",
    "bars": "{c} | {d}",
    "tabs": "{c}\t{d}",
    "blanks": "{c} {d}",
    "quotes": '"{c}","{d}"',
    "back slashes": ".\\{C},.\\{D}",
    "dots": "./{c},./{d}",
    "sizes": "{c} (24,36,3), {d} (12,18,3)",
    "repeats": "{c},{d},1",
    "windows lines": "{c},{d}\r",
}


@pytest.mark.parametrize("style", ROWS)
@pytest.mark.parametrize("first", ["", "clean,degraded\n", "gt_path,lq_path\n", "\ufeff"])
def test_every_line_is_a_pair(style: str, first: str, tmp_path: Path) -> None:
    fill(tmp_path, "HR/{}")
    fill(tmp_path, "LR/{}", scale=2)
    rows = [(f"HR/{n}.png", f"LR/{n}.png") for n in NAMES]
    text = first + "\n".join(
        ROWS[style].format(c=c, d=d, C=c.replace("/", "\\"), D=d.replace("/", "\\")) for c, d in rows
    )
    (tmp_path / "list.csv").write_bytes(text.encode())
    pairs = find_pairs(tmp_path / "list.csv", "sr_x2")
    assert [p.target.stem for p in pairs] == list(NAMES)
    for pair in pairs:
        np.testing.assert_array_equal(load_pair(pair, "sr_x2").degraded, low(pair.target.stem, 2))
    report = check_folder(tmp_path / "list.csv", "sr_x2")
    assert (report.pairs, report.ok) == (3, True)


@pytest.mark.parametrize("name", ["b, {}.png", "b; {}.png", "b {}.png", "b | {}.png", "{}.webp", "{}.jfif", "ü {}.png"])
def test_names_with_separators_and_new_endings_are_whole(name: str, tmp_path: Path) -> None:
    for index in range(3):
        file = tmp_path / name.format(index)
        kind = "JPEG" if file.suffix == ".jfif" else None
        Image.fromarray(picture(str(index))).save(file, kind, **({"lossless": True} if file.suffix == ".webp" else {}))
        Image.fromarray(low(str(index), 2)).save(tmp_path / f"{index}_lr.png")
    lines = [f'"{name.format(i)}",{i}_lr.png\n' for i in range(3)]
    (tmp_path / "list.csv").write_text("".join(lines), encoding="utf-8")
    pairs = find_pairs(tmp_path / "list.csv", "sr_x2")
    assert [p.target.name for p in pairs] == [name.format(i) for i in range(3)]
    (tmp_path / "one.txt").write_text("".join(f"{name.format(i)}\n" for i in range(3)), encoding="utf-8")
    assert [p.target.name for p in find_pairs(tmp_path / "one.txt", "sr_x2")] == [name.format(i) for i in range(3)]


@pytest.mark.parametrize(
    "header", ["lq,gt", "degraded,clean", "input,target", "LR_path,HR_path", "rainy_image,clean_image"]
)
def test_a_header_names_the_columns(header: str, tmp_path: Path) -> None:
    fill(tmp_path, "a/{}")
    fill(tmp_path, "b/{}", scale=2)
    (tmp_path / "l.csv").write_text(f"{header}\n" + "".join(f"b/{n}.png,a/{n}.png\n" for n in NAMES))
    assert {p.target.parent.name for p in find_pairs(tmp_path / "l.csv", "sr_x2")} == {"a"}


@pytest.mark.parametrize(
    "sides", [("rain", "norain"), ("LR", "HR"), ("lq", "gt"), ("noisy", "clean"), ("hazy", "clear")]
)
def test_columns_the_wrong_way_round_are_an_error(sides: tuple[str, str], tmp_path: Path) -> None:
    for side in sides:
        fill(tmp_path, f"{side}/{{}}")
    (tmp_path / "l.csv").write_text("".join(f"{sides[0]}/{n}.png,{sides[1]}/{n}.png\n" for n in NAMES))
    with pytest.raises(NasError, match="'degraded,clean'"):
        find_pairs(tmp_path / "l.csv", "derain")
    assert check_folder(tmp_path / "l.csv", "derain").pairs == 0


@pytest.mark.parametrize(
    "line", ["{}_s001.png (480,480,3)", "{}_s001.png (480, 480, 3) 1", "{}_s001.png", "{}_s001.png (480,480)"]
)
@pytest.mark.parametrize("beside", [True, False])
def test_meta_info_files_name_images_of_their_folder_or_of_the_clean_one_beside(
    line: str, beside: bool, tmp_path: Path
) -> None:
    fill(tmp_path, "DIV2K_train_HR_sub/{}_s001" if beside else "{}_s001")
    if beside:
        fill(tmp_path, "DIV2K_train_LR_bicubic/X2_sub/{}_s001", scale=2)
    (tmp_path / "meta_info.txt").write_text("".join(line.format(n) + "\n" for n in NAMES[:2]))
    pairs = find_pairs(tmp_path / "meta_info.txt", "sr_x2")
    assert [p.target.name for p in pairs] == [f"{n}_s001.png" for n in NAMES[:2]]
    assert [p.stored for p in pairs] == [beside] * 2


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_line_without_its_file_is_an_error_wherever_it_stands(lost: int, tmp_path: Path) -> None:
    fill(tmp_path, "{}")
    (tmp_path / f"{NAMES[lost]}.png").unlink()
    (tmp_path / "l.txt").write_text("".join(f"{n}.png\n" for n in NAMES))
    with pytest.raises(NasError, match=rf"line {lost + 1}: no image"):
        find_pairs(tmp_path / "l.txt", "sr_x2")
    assert check_folder(tmp_path / "l.txt", "sr_x2").pairs == 2


def test_a_header_alone_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("clean,degraded\n")
    with pytest.raises(UsageError, match="no rows"):
        find_pairs(tmp_path / "l.csv", "sr_x2")


@pytest.mark.parametrize(
    ("repeat", "words"),
    [
        ("1000000000", "1 to 10000"),
        ("10001", "1 to 10000"),
        ("9" * 5000, "1 to 10000"),
        ("²", "1 to 10000"),
        ("0", "1 to 10000"),
    ],
)
def test_impossible_repeats_are_refused_before_they_cost_memory(repeat: str, words: str, tmp_path: Path) -> None:
    fill(tmp_path, "HR/{}")
    listing = tmp_path / "pairs.csv"
    listing.write_text(f"HR/{NAMES[0]}.png,HR/{NAMES[0]}.png,{repeat}\n")
    with pytest.raises(NasError, match=words):
        find_pairs(listing, "sr_x2")


def test_a_file_of_other_lines_is_refused_long_before_its_end(tmp_path: Path) -> None:
    listing = tmp_path / "pairs.csv"
    listing.write_text("x|y;z,w\n" * 5000)
    with pytest.raises(UsageError, match="more than 1000 faulty lines, the first"):
        find_pairs(listing, "sr_x2")


def test_a_pipe_is_no_list(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pairs.csv")
    with pytest.raises(NasError, match=r"pairs\.csv"):
        find_pairs(tmp_path / "pairs.csv", "sr_x2")
