"""Every task degrades rightly, repeatably and without touching its input."""

from __future__ import annotations

import numpy as np
import pytest

from nas.errors import UsageError
from nas.registry import TASKS
from nas.tasks import Protocol, Task, get_task
from nas.tasks.degradations import SYNTHETIC, blind_noise, blur_and_pick, camera_noise, gaussian_noise, motion_blur

NAMES = TASKS.names()


def clean_image(task: Task, seed: int = 0) -> np.ndarray:
    shape = (48, 72) if task.channels == 1 else (48, 72, 3)
    return np.random.default_rng(seed).integers(40, 200, shape).astype(np.uint8)


def test_the_promised_names_exist() -> None:
    promised = [
        "sr_x2",
        "sr_x3",
        "sr_x4",
        "sr_x3_bd",
        "sr_x3_dn",
        "denoise_color_blind",
        "derain",
        "dehaze",
        "all_in_one",
        "sr_x8",
        "denoise_real",
        "deblur",
    ]
    promised += [f"sr_gray_x{s}" for s in (2, 3, 4)]
    promised += [f"denoise_gray_{s}" for s in (10, 15, 25, 30, 50, 70)]
    promised += [f"denoise_color_{s}" for s in (15, 25, 30, 50, 70)]
    promised += [f"jpeg_q{q}" for q in (10, 20, 30, 40)]
    promised += [f"{n}_clipped" for n in promised if n.startswith("denoise") and n != "denoise_real"]
    assert sorted(promised) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_degraded_shape_type_and_range(name: str) -> None:
    task = get_task(name)
    clean = clean_image(task)
    kept = clean.copy()
    degraded = task.degrade(clean, np.random.default_rng(1))
    assert degraded.shape == (48 // task.scale, 72 // task.scale, *clean.shape[2:])
    assert degraded.dtype in (np.uint8, np.float32)
    assert np.isfinite(degraded).all() and abs(float(degraded.mean()) - 128) < 120
    np.testing.assert_array_equal(clean, kept)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_degradation_and_only_fixed_ones_ignore_it(name: str) -> None:
    task = get_task(name)
    clean = clean_image(task)
    once, again, other = (task.degradation(clean, np.random.default_rng(s)) for s in (5, 5, 6))
    np.testing.assert_array_equal(once, again)
    assert np.array_equal(once, other) == task.fixed


@pytest.mark.parametrize("name", NAMES)
def test_every_task_says_how_it_is_judged(name: str) -> None:
    task = get_task(name)
    assert task.name == name and task.title and task.sets and task.family
    assert task.protocol.border == (task.scale if task.scale > 1 else 0)
    assert (task.protocol.luma == "gray") == (task.channels == 1)
    height, width = task.cost_output
    assert height < width or height == width
    assert "SSIM gaussian 11" in str(task.protocol)


def test_protocol_in_words() -> None:
    assert str(get_task("sr_x2").protocol) == "Y, border 2, output rounded, SSIM gaussian 11"
    assert str(get_task("jpeg_q10").protocol) == "gray, border 0, output rounded, SSIM gaussian 11, PSNR-B"
    assert str(Protocol("rgb", with_ssim=False, rounded=False)) == "RGB, border 0, output not rounded"


def test_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'derain'"):
        get_task("derian")
    task = get_task("sr_x2")
    assert get_task(task) is task


def test_wrong_input_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="multiples of 2, not 47 x 72"):
        get_task("sr_x2").degrade(np.zeros((47, 72, 3), np.uint8))
    with pytest.raises(UsageError, match="uint8"):
        get_task("sr_x2").degrade(np.zeros((48, 72, 3), np.float32))
    with pytest.raises(UsageError, match="seeded numpy Generator"):
        get_task("denoise_gray_25").degrade(np.zeros((48, 72), np.uint8))


@pytest.mark.parametrize("sigma", [10, 25, 70])
def test_noise_has_the_stated_strength_and_is_not_clipped(sigma: int) -> None:
    clean = np.full((400, 400), 5, np.uint8)
    noisy = get_task("denoise_gray_70" if sigma == 70 else f"denoise_gray_{sigma}").degrade(
        clean, np.random.default_rng(0)
    )
    error = noisy - clean
    assert noisy.dtype == np.float32 and noisy.min() < 0
    assert abs(error.std() - sigma) < 0.01 * sigma and abs(error.mean()) < 0.01 * sigma


def test_clipped_noise_is_eight_bit() -> None:
    noisy = gaussian_noise(np.full((50, 50, 3), 250, np.uint8), np.random.default_rng(0), 30.0, clip=True)
    assert noisy.dtype == np.uint8 and noisy.max() == 255 and noisy.min() > 80


def test_blind_noise_covers_its_range() -> None:
    clean = np.full((64, 64), 128, np.uint8)
    strengths = [np.std(blind_noise(clean, np.random.default_rng(s)) - 128.0) for s in range(200)]
    assert min(strengths) < 3 and 50 < max(strengths) < 58 and 22 < np.mean(strengths) < 33


def test_blur_and_pick_against_its_definition() -> None:
    image = np.random.default_rng(3).integers(0, 256, (12, 15)).astype(np.uint8)
    axis = np.arange(-3, 4)
    kernel = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * 1.6**2))
    kernel /= kernel.sum()
    padded = np.pad(image.astype(float), 3, mode="edge")
    low = blur_and_pick(image)
    assert low.shape == (4, 5)
    for y in range(4):
        for x in range(5):  # the centre of each cell: rows and columns 1, 4, 7, ...
            value = (kernel * padded[3 * y + 1 : 3 * y + 8, 3 * x + 1 : 3 * x + 8]).sum()
            assert low[y, x] == np.floor(value + 0.5)


def test_noise_of_the_dn_task_lies_on_the_bicubic_image() -> None:
    clean = clean_image(get_task("sr_x3"))
    low = get_task("sr_x3").degrade(clean)
    noisy = get_task("sr_x3_dn").degrade(clean, np.random.default_rng(0))
    assert noisy.dtype == np.uint8
    assert 25 < (noisy.astype(float) - low).std() < 32


@pytest.mark.parametrize("kind", sorted(SYNTHETIC))
def test_synthetic_weather_works_on_grey_and_on_small_patches(kind: str) -> None:
    for shape in ((8, 8), (8, 12, 3), (33, 17, 3)):
        made = SYNTHETIC[kind](np.full(shape, 100, np.uint8), np.random.default_rng(2))
        assert made.shape == shape and made.dtype == np.uint8


def test_rain_and_haze_brighten() -> None:
    dark = np.full((64, 64, 3), 60, np.uint8)
    for name in ("derain", "dehaze"):
        assert get_task(name).degrade(dark, np.random.default_rng(1)).mean() > 65
        assert get_task(name).synthetic
    assert not get_task("sr_x2").synthetic


def test_a_third_party_task_needs_only_a_dataclass() -> None:
    invert = Task("invert", "negative", "other", channels=1, fixed_part=lambda image: 255 - image)
    assert invert.fixed
    assert get_task(invert).degrade(np.zeros((4, 4), np.uint8)).max() == 255


@pytest.mark.parametrize("name", ["denoise_real", "deblur"])
def test_photographs_are_wanted_as_pairs_and_judged_on_rgb(name: str) -> None:
    task = get_task(name)
    assert task.paired and task.synthetic and (task.scale, task.channels) == (1, 3)
    assert str(task.protocol) == "RGB, border 0, output rounded, SSIM gaussian 11"


def test_camera_noise_grows_with_the_light_and_keeps_the_mean() -> None:
    dark, bright = np.full((200, 200, 3), 30, np.uint8), np.full((200, 200, 3), 200, np.uint8)
    spread = {}
    for name, image in (("dark", dark), ("bright", bright)):
        noisy = [camera_noise(image, np.random.default_rng(s)).astype(float) for s in range(8)]
        spread[name] = np.array([((n / 255) ** 2.2).std() for n in noisy])
        assert all(n.dtype == np.uint8 for n in [camera_noise(image, np.random.default_rng(0))])
    assert (spread["bright"] > spread["dark"]).all() and spread["bright"].max() > 2 * spread["bright"].min()
    assert abs(camera_noise(bright, np.random.default_rng(1)).mean() - 200) < 3


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_motion_blur_is_a_mean_along_a_line_that_keeps_the_light(shape: tuple[int, ...]) -> None:
    flat = np.full(shape, 77, np.uint8)
    point = np.zeros(shape, np.uint8)
    point[20, 25] = 255
    for seed in range(6):
        rng = np.random.default_rng(seed)
        np.testing.assert_array_equal(motion_blur(flat, rng), flat)
        blurred = motion_blur(point, np.random.default_rng(seed))
        light = (blurred.reshape(40, 50, -1)[..., 0] / 255.0) ** 2.2
        assert light.sum() == pytest.approx(1.0, abs=0.05)
        rows, columns = np.nonzero(light)
        assert (
            4 <= max(np.ptp(rows), np.ptp(columns)) <= 23 and abs(rows.mean() - 20) < 1 and abs(columns.mean() - 25) < 1
        )


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_grey_super_resolution_shrinks_the_grey_plane_as_colour_does(scale: int) -> None:
    plane = np.random.default_rng(0).integers(0, 256, (24, 36)).astype(np.uint8)
    grey, colour = get_task(f"sr_gray_x{scale}"), get_task(f"sr_x{scale}")
    np.testing.assert_array_equal(grey.degrade(plane), colour.degrade(np.repeat(plane[..., None], 3, 2))[..., 0])
    assert str(grey.protocol).startswith(f"gray, border {scale}") and grey.stored == colour.stored
