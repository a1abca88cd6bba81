"""Finished images score what the network scores that made them; what does not pair is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data

import nas
from nas.errors import NasError, UsageError
from nas.evaluation.finished_images import evaluate_pairs
from nas.evaluation.rows import read_rows
from nas.images import imresize, read_image, write_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of two images, one of them grey, and what bicubic interpolation makes of it."""
    root = tmp_path_factory.mktemp("pairs")
    photo = np.ascontiguousarray(skimage.data.astronaut()[60:109, 100:164])  # an odd height: the targets are cut
    write_image(root / "data/Mine/HR/a.png", photo)
    write_image(root / "data/Mine/HR/b.png", photo[..., 0])
    nas.evaluate("bicubic", "sr_x2", "Mine", data=root / "data", save_images=root / "saved", with_costs=False)
    for name, given in (("a", "ax2"), ("b", "b_out")):
        write_image(root / f"made/{given}.png", read_image(root / f"saved/bicubic/sr_x2/Mine/{name}.png"))
    return root


@pytest.mark.parametrize(
    ("task", "protocol"), [("sr_x2", None), ("denoise_color_25", None), ("sr_x2", "y_plane"), ("sr_gray_x2", None)]
)
def test_the_row_has_the_numbers_of_the_network_that_made_them(
    task: str, protocol: str | None, folder: Path, tmp_path: Path
) -> None:
    model = "identity" if "noise" in task else "bicubic"
    chosen = {"data": folder / "data", "protocol": protocol, "with_costs": False}
    (wanted,) = nas.evaluate(model, task, "Mine", save_images=tmp_path / "saved", **chosen)  # type: ignore[arg-type]
    made = tmp_path / f"saved/{model}/{task}/Mine"
    row = evaluate_pairs(made, folder / "data/Mine/HR", task, name="mine", protocol=protocol, out=tmp_path / "rows.csv")
    assert (row.psnr, row.ssim, row.set, row.images) == (wanted.psnr, wanted.ssim, "Mine", 2)
    assert row.model == "mine" and read_rows(tmp_path / "rows.csv") == [row]


def test_names_of_results_find_their_targets_and_the_same_images_make_one_row(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        row = evaluate_pairs(folder / "made", folder / "data/Mine/HR", "sr_x2", out=tmp_path / "rows.csv")
    assert row.model == "made" and row.images == 2 and len(read_rows(tmp_path / "rows.csv")) == 1


def photo(path: Path, size: int = 16, channels: int = 3) -> None:
    shape = (size, size, 3) if channels == 3 else (size, size)
    write_image(path, np.full(shape, 9, np.uint8))


@pytest.mark.parametrize(
    ("restored", "target", "words"),
    [
        (["a.png"], ["a.png", "b.png"], r"b\.png' has no partner"),
        (["a.png", "c.png"], ["a.png"], r"c\.png' has no partner"),
        (["a.png", "a.jpg"], ["a.png"], "have one name"),
        ([], ["a.png"], "not a folder"),
    ],
)
def test_images_that_do_not_pair_are_named(restored: list[str], target: list[str], words: str, tmp_path: Path) -> None:
    for name in restored:
        photo(tmp_path / "restored" / name)
    for name in target:
        photo(tmp_path / "target" / name)
    with pytest.raises(UsageError, match=words):
        evaluate_pairs(tmp_path / "restored", tmp_path / "target", "sr_x2")


@pytest.mark.parametrize(("size", "channels", "words"), [(12, 3, "do not belong together"), (16, 1, "is grey")])
def test_two_images_that_do_not_fit_are_named(size: int, channels: int, words: str, tmp_path: Path) -> None:
    photo(tmp_path / "restored/a.png", size, channels)
    photo(tmp_path / "target/a.png")
    with pytest.raises(NasError, match=rf"a\.png.*{words}"):
        evaluate_pairs(tmp_path / "restored", tmp_path / "target", "sr_x2")


def test_a_protocol_that_scores_what_files_do_not_hold_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="do not hold"):
        evaluate_pairs(folder / "made", folder / "data/Mine/HR", "derain", protocol="jdnet_rgb_float")


def test_a_finished_image_may_be_downsized_and_is_then_refused(folder: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "small/a.png", imresize(read_image(folder / "data/Mine/HR/a.png"), 1 / 2))
    write_image(tmp_path / "small/b.png", read_image(folder / "data/Mine/HR/b.png"))
    with pytest.raises(NasError, match="do not belong together"):
        evaluate_pairs(tmp_path / "small", folder / "data/Mine/HR", "sr_x2")
