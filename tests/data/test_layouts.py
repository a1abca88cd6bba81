"""Pairs are found in every known layout, and nothing is paired by accident."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.data import benchmark_set, find_layout, find_pairs, is_synthetic, known_sets, load_pair, sample_pairs
from nas.data.sample_set import PARTS
from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.registry import TASKS
from nas.tasks import get_task


def photo(seed: int = 0, height: int = 24, width: int = 36) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def fill(folder: Path, names: list[str], height: int = 24, width: int = 36) -> None:
    for seed, name in enumerate(names):
        write_image(folder / f"{name}.png", photo(seed, height, width))


def test_div2k(tmp_path: Path) -> None:
    fill(tmp_path / "DIV2K_train_HR", ["0001", "0002"])
    fill(tmp_path / "DIV2K_train_LR_bicubic/X2", ["0001x2", "0002x2"], 12, 18)
    fill(tmp_path / "DIV2K_valid_HR", ["0801"])
    for path in (tmp_path, tmp_path / "DIV2K_train_HR"):
        pairs = find_pairs(path, "sr_x2")
        assert [p.name for p in pairs] == ["0001", "0002"]
        assert [p.degraded.name for p in pairs if p.degraded] == ["0001x2.png", "0002x2.png"]
    assert [p.name for p in find_pairs(tmp_path, "sr_x2", split="valid")] == ["0801"]
    assert all(p.degraded is None for p in find_pairs(tmp_path, "sr_x3"))
    assert all(p.degraded is None for p in find_pairs(tmp_path, "sr_x3_bd"))
    assert len(find_pairs(tmp_path, "denoise_color_25")) == 2


def test_stored_lr_of_another_degradation_is_never_used(tmp_path: Path) -> None:
    fill(tmp_path / "HR", ["a"])
    fill(tmp_path / "LR_bicubic/X3", ["ax3"], 8, 12)
    assert find_pairs(tmp_path, "sr_x3")[0].degraded is not None
    assert find_pairs(tmp_path, "sr_x3_dn")[0].degraded is None
    fill(tmp_path / "LR_DN/X3", ["ax3"], 8, 12)
    assert find_pairs(tmp_path, "sr_x3_dn")[0].degraded == tmp_path / "LR_DN/X3/ax3.png"


def test_a_missing_lr_partner_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "HR", ["a", "b"])
    fill(tmp_path / "LR_bicubic/X2", ["ax2"], 12, 18)
    with pytest.raises(NasError, match=r"1 of 2 images .*'b\.png'"):
        find_pairs(tmp_path, "sr_x2")
    assert [p.degraded is None for p in find_pairs(tmp_path, "sr_x2", partners="any")] == [False, True]


@pytest.mark.parametrize("where", ["Set9", "benchmarks/Set9"])
def test_benchmark_root_in_either_form(tmp_path: Path, where: str) -> None:
    fill(tmp_path / where / "HR", ["x", "y"], 25, 37)
    fill(tmp_path / where / "LR_bicubic/X2", ["xx2", "yx2"], 12, 18)
    for root in (tmp_path, (tmp_path / where).parent, tmp_path / where):
        pairs = benchmark_set("Set9", "sr_x2", root)
        assert [p.name for p in pairs] == ["x", "y"] and all(p.degraded for p in pairs)
    assert "Set9" in known_sets(tmp_path)
    sample = load_pair(pairs[0], "sr_x2")
    assert sample.target.shape == (24, 36, 3) and sample.degraded.shape == (12, 18, 3)
    with pytest.raises(UsageError, match="Set9"):
        benchmark_set("Set8", "sr_x2", tmp_path)
    with pytest.raises(UsageError, match="--data"):
        benchmark_set("Set9", "sr_x2")


def test_plain_folder_is_read_recursively_without_stored_inputs(tmp_path: Path) -> None:
    fill(tmp_path / "one", ["a", "b"])
    fill(tmp_path / "two/deep", ["a"])
    fill(tmp_path / "LR_bicubic/X2", ["ax2"])
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    pairs = find_pairs(tmp_path, "sr_x2")
    assert [p.name for p in pairs] == ["one/a", "one/b", "two/deep/a"]


@pytest.mark.parametrize("two", [("rain", "norain"), ("input", "target"), ("hazy", "clear")])
@pytest.mark.parametrize("inside", ["", "train"])
def test_two_folders(tmp_path: Path, two: tuple[str, str], inside: str) -> None:
    for folder in two:
        fill(tmp_path / inside / folder, ["p", "q"])
    pairs = find_pairs(tmp_path, "derain")
    assert [(p.name, p.target.parent.name, p.degraded.parent.name) for p in pairs if p.degraded] == [
        ("p", two[1], two[0]),
        ("q", two[1], two[0]),
    ]
    assert not is_synthetic(pairs, "derain")


def test_names_that_differ_by_the_customs_of_data_sets(tmp_path: Path) -> None:
    fill(tmp_path / "rain", ["rain-001", "norain-002x2"])
    fill(tmp_path / "norain", ["norain-001", "norain-002"])
    assert sorted(p.target.stem for p in find_pairs(tmp_path, "derain")) == ["norain-001", "norain-002"]
    haze = tmp_path / "reside"
    fill(haze / "hazy", ["0025_0.8_0.1", "0025_1_0.2", "0031_0.9_0.1"])
    fill(haze / "clear", ["0025", "0031"])
    assert [p.target.stem for p in find_pairs(haze, "dehaze")] == ["0025", "0025", "0031"]


def test_weather_pairs_are_not_clean_images_of_other_tasks(tmp_path: Path) -> None:
    fill(tmp_path / "rain", ["a"])
    fill(tmp_path / "norain", ["a"])
    with pytest.raises(UsageError, match="clean images"):
        find_pairs(tmp_path, "denoise_color_25")


def test_a_lonely_degraded_image_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path / "rain", ["a", "b"])
    fill(tmp_path / "norain", ["a"])
    with pytest.raises(NasError, match=r"b\.png"):
        find_pairs(tmp_path, "derain")


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 200, (4, 5, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


def test_side_by_side_files_are_recognised_and_cut(tmp_path: Path) -> None:
    for seed in range(3):
        clean = scene(seed)
        rainy = get_task("derain").degrade(clean, np.random.default_rng(seed))
        write_image(tmp_path / f"{seed}.png", np.concatenate([clean, rainy], axis=1))
    assert find_layout(tmp_path, "derain")[0] == "side_by_side"
    pair = find_pairs(tmp_path, "derain")[0]
    sample = load_pair(pair, "derain")
    np.testing.assert_array_equal(sample.target, scene(0))
    np.testing.assert_array_equal(sample.degraded, get_task("derain").degrade(scene(0), np.random.default_rng(0)))
    assert not sample.synthetic
    swapped = load_pair(find_pairs(tmp_path, "derain", clean_half="right")[0], "derain")
    np.testing.assert_array_equal(swapped.degraded, sample.target)


def test_side_by_side_fixture_of_the_reference(shared: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    tensors = load_file(shared / "fixtures/jdnet/data_pair.safetensors")
    write_image(tmp_path / "pair.png", tensors["pair_bgr_uint8"][..., ::-1])
    sample = load_pair(find_pairs(tmp_path, "derain", layout="side_by_side")[0], "derain")
    for ours, theirs in ((sample.target, "clean_bgr"), (sample.degraded, "rainy_bgr")):
        np.testing.assert_allclose(ours[..., ::-1].transpose(2, 0, 1) / 255.0, tensors[theirs], atol=1e-6)


def test_odd_side_by_side_width_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "odd.png", photo(0, 8, 17))
    with pytest.raises(NasError, match="odd width 17"):
        load_pair(find_pairs(tmp_path, "derain", layout="side_by_side")[0], "derain")


def test_unrelated_photographs_are_not_taken_for_side_by_side(tmp_path: Path) -> None:
    for seed in range(3):
        write_image(tmp_path / f"{seed}.png", np.concatenate([scene(seed), scene(seed + 50)], axis=1))
    assert find_layout(tmp_path, "derain")[0] == "plain"
    pairs = find_pairs(tmp_path, "derain")
    assert is_synthetic(pairs, "derain") and load_pair(pairs[0], "derain").synthetic


@pytest.mark.parametrize("separator", [",", " | "])
@pytest.mark.parametrize("header", ["", "target,degraded\n"])
def test_pair_lists(tmp_path: Path, separator: str, header: str) -> None:
    fill(tmp_path / "img", ["c1", "d1", "c2"])
    rows = [
        f"img/c1.png{separator}img/d1.png",
        f"img/c2.png{separator}img/c2.png",
        f"img/c1.png{separator}img/d1.png{separator}2",
    ]
    (tmp_path / "list.csv").write_text(header + "\n".join(rows) + "\n")
    pairs = find_pairs(tmp_path / "list.csv", "all_in_one")
    assert len(pairs) == 4  # the first row is data, not a header; the last one counts twice
    assert [p.degradation for p in pairs] == ["", "noise", "", ""]
    assert pairs[0].degraded == tmp_path / "img/d1.png" and pairs[1].degraded is None
    noisy = load_pair(pairs[1], "all_in_one")
    assert not noisy.synthetic and noisy.degraded.dtype == np.uint8


def test_pair_list_faults_name_the_line(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    (tmp_path / "l.csv").write_text("a.png,a.png\na.png,gone.png\n")
    with pytest.raises(NasError, match=r"line 2.*gone\.png"):
        find_pairs(tmp_path / "l.csv", "derain")
    (tmp_path / "e.csv").write_text("target,degraded\n")
    with pytest.raises(UsageError, match="no rows"):
        find_pairs(tmp_path / "e.csv", "derain")


def test_nothing_there(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "no images"), (tmp_path / "gone", "no data")):
        with pytest.raises(UsageError, match=words):
            find_pairs(path, "sr_x2")
    fill(tmp_path, ["a"])
    with pytest.raises(UsageError, match="folder of images"):
        find_pairs(tmp_path / "a.png", "sr_x2")
    with pytest.raises(UsageError, match="unknown layout"):
        find_pairs(tmp_path, "sr_x2", layout="heap")


def test_sizes_that_do_not_fit_are_refused_with_both_names(tmp_path: Path) -> None:
    fill(tmp_path / "HR", ["a"])
    fill(tmp_path / "LR_bicubic/X2", ["ax2"], 12, 17)
    with pytest.raises(NasError, match=r"ax2\.png.*17 x 12.*18 x 12") as caught:
        load_pair(find_pairs(tmp_path, "sr_x2")[0], "sr_x2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", TASKS.names())
def test_the_sample_set_serves_every_task_without_overlap(name: str) -> None:
    task = get_task(name)
    parts = {part: {p.target.name for p in sample_pairs(part, task)} for part in PARTS}
    assert all(parts.values())
    assert sum(map(len, parts.values())) == len(set().union(*parts.values()))
    assert benchmark_set("sample", task) == sample_pairs("test", task)
    for pair in sample_pairs("validation", task):
        sample = load_pair(pair, task)
        assert not sample.one_channel
        assert sample.target.shape[0] == task.scale * sample.degraded.shape[0]
        assert (sample.target.ndim == 2) == (task.channels == 1)


def test_grey_files_are_repeated_for_colour_tasks_and_flagged(tmp_path: Path) -> None:
    write_image(tmp_path / "HR/bridge.png", photo()[..., 0])
    sample = load_pair(find_pairs(tmp_path, "sr_x2")[0], "sr_x2")
    assert sample.one_channel and sample.degraded.shape == (12, 18, 3)
    assert (sample.target[..., 0] == photo()[..., 0]).all() and (sample.target[..., 1] == sample.target[..., 2]).all()


def test_drawn_degradations_depend_on_seed_and_name_only(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    pairs = find_pairs(tmp_path, "denoise_gray_25")
    first = load_pair(pairs[1], "denoise_gray_25", seed=3)
    load_pair(pairs[0], "denoise_gray_25", seed=3)
    np.testing.assert_array_equal(first.degraded, load_pair(pairs[1], "denoise_gray_25", seed=3).degraded)
    assert not np.array_equal(first.degraded, load_pair(pairs[1], "denoise_gray_25", seed=4).degraded)
    noise = [load_pair(p, "denoise_gray_25").degraded - load_pair(p, "denoise_gray_25").target for p in pairs]
    assert not np.allclose(noise[0], noise[1], atol=1)


@pytest.mark.parametrize(
    ("set_name", "figures"), [("Classic5", (27.82, 30.12, 31.48, 32.43)), ("LIVE1", (26.75, 29.07, 30.44, 31.44))]
)
def test_jpeg_baseline_of_the_literature(shared: Path, set_name: str, figures: tuple[float, ...]) -> None:
    for quality, figure in zip((10, 20, 30, 40), figures, strict=True):
        task = get_task(f"jpeg_q{quality}")
        values = []
        for pair in benchmark_set(set_name, task, shared / "data"):
            sample = load_pair(pair, task)
            values.append(10 * np.log10(255**2 / np.mean((sample.degraded.astype(float) - sample.target) ** 2)))
        assert abs(np.mean(values) - figure) < 0.01, quality


def test_reference_weather_pairs(shared: Path) -> None:
    rain = benchmark_set("rain", "derain", shared / "data")
    haze = benchmark_set("haze", "dehaze", shared / "data")
    assert (len(rain), len(haze)) == (18, 4)
    assert len(find_pairs(shared / "data/rain", "derain")) == 25
    values = []
    for pair in haze:
        sample = load_pair(pair, "dehaze")
        values.append(10 * np.log10(255**2 / np.mean((sample.degraded.astype(float) - sample.target) ** 2)))
    assert abs(np.mean(values) - 13.32) < 0.01
