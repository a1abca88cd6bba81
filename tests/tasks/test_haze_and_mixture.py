"""Haze follows a given or an estimated depth; the mixture has its three parts, and test noises by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.data import PatchSource, benchmark_set, find_pairs, is_synthetic, load_pair
from nas.data.prepare import prepare_folder
from nas.errors import NasError
from nas.images import write_image
from nas.tasks import get_task
from nas.tasks.degradations import MIXED_KINDS, SYNTHETIC, estimate_depth, kind_of, mixture, synthetic_haze


def scene() -> np.ndarray:
    """Vivid dark ground below, pale bright sky above."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:30] = (225, 230, 240)
    image[30:] = (90, 40, 10)
    return image


def test_pale_bright_regions_are_far() -> None:
    depth = estimate_depth(scene())
    assert depth.shape == (60, 80) and depth.min() >= 0 and depth.max() <= 1
    assert depth[:20].mean() > depth[40:].mean() + 0.4
    assert estimate_depth(scene()[..., 0]).shape == (60, 80)  # grey images have no saturation
    assert estimate_depth(np.zeros((4, 5, 3), np.uint8)).shape == (4, 5)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float64])
def test_given_depth_decides_how_much_light_is_left(kind: type) -> None:
    image = np.full((8, 10, 3), 100, np.uint8)
    most = 1.0 if kind is np.float64 else np.iinfo(kind).max
    depth = np.zeros((8, 10), kind)
    depth[:, 5:] = most
    hazy = synthetic_haze(image, np.random.default_rng(0), depth)
    assert (hazy[:, :5] == 100).all()  # nothing at depth 0
    assert (hazy[:, 5:] > 100).all() and len(np.unique(hazy[:, 5:])) == 1


def test_depth_maps_beside_the_images_are_used_in_training_testing_and_preparing(tmp_path: Path) -> None:
    image = np.full((24, 32, 3), 100, np.uint8)
    depth = np.zeros((24, 32), np.uint16)
    depth[:, 16:] = 65535
    write_image(tmp_path / "in/HR/a.png", image)
    write_image(tmp_path / "in/depth/a.png", depth)
    for folder in (tmp_path / "in", tmp_path / "in" / "HR"):
        pairs = find_pairs(folder, "dehaze")
        assert [p.name for p in pairs] == ["a"]
    (pair,) = find_pairs(tmp_path / "in", "dehaze")
    sample = load_pair(pair, "dehaze")
    assert (sample.degraded[:, :16] == 100).all() and (sample.degraded[:, 16:] > 100).all() and sample.synthetic
    for cache in (None, tmp_path / "cache"):
        degraded, target = PatchSource([pair], "dehaze", patch=24, batch=2, cache=cache, augment=False).batch(0)
        near = degraded == target
        assert near.any() and not near.all()
    prepare_folder(tmp_path / "in", "dehaze", tmp_path / "out", sub_image=16)
    made = find_pairs(tmp_path / "out", "dehaze")
    assert len(made) > 1 and all(p.depth is not None for p in made)
    assert [p.depth for p in find_pairs(tmp_path / "in", "denoise_color_25")] == [None]  # depth is no clean image
    write_image(tmp_path / "in/depth/a.png", depth[:8])
    with pytest.raises(NasError, match=r"depth map .*32 x 8.* 32 x 24"):
        load_pair(pair, "dehaze")


def test_depth_maps_in_a_plain_folder_are_no_training_images(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "depth/a.png", image[..., 0])
    for task in ("dehaze", "denoise_color_25", "sr_x2"):
        pairs = find_pairs(tmp_path, task)
        assert [p.name for p in pairs] == ["a"]
        assert (pairs[0].depth is not None) == (task == "dehaze")


def test_the_mixture_has_its_three_parts_in_like_numbers() -> None:
    clean = np.full((16, 16, 3), 90, np.uint8)
    images = [mixture(clean, np.random.default_rng(s)) for s in range(60)]
    assert all(i.dtype == np.uint8 for i in images)
    darker = sum((i < 90).any() for i in images)  # only noise darkens
    assert 8 < darker < 32
    assert [kind_of(n) for n in SYNTHETIC] == ["noise", "rain", "haze", "noise", "noise", "noise"]
    assert {kind_of(n) for n in SYNTHETIC} == set(MIXED_KINDS)


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_a_named_noise_has_its_strength(sigma: int) -> None:
    noisy = SYNTHETIC[f"sigma {sigma}"](np.full((200, 200), 128, np.uint8), np.random.default_rng(0))
    assert noisy.dtype == np.uint8 and abs(noisy.std() - sigma) < 0.03 * sigma


def test_clean_benchmarks_test_noise_while_clean_training_images_take_the_whole_mixture(tmp_path: Path) -> None:
    write_image(tmp_path / "S/HR/a.png", scene())
    (tested,) = benchmark_set("S", "all_in_one", tmp_path)
    (trained,) = find_pairs(tmp_path / "S", "all_in_one")
    assert (tested.degradation, trained.degradation) == ("noise", "")
    task = get_task("all_in_one")
    assert not is_synthetic([tested], task) and is_synthetic([trained], task)
