"""Named protocols change how a task is judged, say so in its words, and give the figures of their papers' code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import baselines
from nas.data import load_pair
from nas.data.sample_set import sample_pairs
from nas.errors import UsageError
from nas.evaluation.harness import evaluate
from nas.evaluation.scoring import SSIM, centre_crop, degraded_and_target, score, score_output
from nas.registry import TASKS
from nas.tasks import get_task, protocols_for, with_protocol
from nas.tasks.protocols import NAMED
from nas.tasks.task import NOISE_FORMS


@pytest.mark.parametrize("task", TASKS.names())
def test_every_named_protocol_of_a_task_can_be_chosen_and_is_named_in_its_words(task: str) -> None:
    own = get_task(task).protocol
    for name in protocols_for(task):
        chosen = with_protocol(task, name)
        assert str(chosen.protocol).startswith(f"{name}: ")
        assert chosen.name == task and chosen.protocol.border == own.border
        assert chosen.protocol.ssim in SSIM and own.ssim in SSIM
        assert (chosen.protocol.luma == "gray") == (chosen.channels == 1)


def test_the_protocols_of_the_papers_are_there() -> None:
    assert set(protocols_for("derain")) == {"y", "rgb", "dsrir", "dsrir_columnwise", "jdnet_rgb_float"}
    assert set(protocols_for("jpeg_q10")) == {"arcnn"}
    assert protocols_for("denoise_gray_25") == {}
    assert all(e.title for e in NAMED)
    columnwise, proper = (with_protocol("derain", n).protocol for n in ("dsrir_columnwise", "dsrir"))
    assert (columnwise.ssim, proper.ssim) == ("columnwise 7", "uniform 7")
    assert "SSIM columnwise 7" in str(columnwise) and "cut to multiples of 8" in str(columnwise)


@pytest.mark.parametrize(
    ("task", "name", "words"),
    [
        ("derain", "dsrri", "did you mean 'dsrir'"),
        ("jpeg_q10", "dsrir", "known: arcnn"),
        ("denoise_gray_10", "y", "only its own"),
    ],
)
def test_a_protocol_that_does_not_serve_the_task_is_refused(task: str, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        with_protocol(task, name)


def test_the_plane_is_shrunk_in_floating_point_for_one_channel_networks() -> None:
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 256, (24, 24)).astype(np.uint8)
    task = with_protocol("sr_x2", "y_plane")
    degraded = task.degrade(plane)
    assert (task.channels, task.stored, degraded.dtype) == (1, "", np.float32)
    assert np.abs(degraded - get_task("sr_x2").degrade(plane)).max() < 1.5  # that one is rounded after each pass
    assert (degraded != np.round(degraded)).any()
    (bicubic,) = evaluate("bicubic", "sr_x2", protocol="y_plane", with_costs=False)
    assert bicubic.protocol.startswith("y_plane: gray, border 2") and bicubic.psnr is not None and bicubic.psnr > 20
    with pytest.raises(UsageError, match="another protocol than 'y_plane'"):
        evaluate(baselines.create("jsnet", layers=1), "sr_x2", protocol="y_plane")


def test_dsrir_tests_on_clipped_and_truncated_noise() -> None:
    clean = np.full((64, 64, 3), 3, np.uint8)
    ours = get_task("denoise_color_25")
    theirs = with_protocol(ours, "dsrir")
    assert (ours.noise, theirs.noise) == ("not clipped", "clipped, truncated")
    exact, cut = (t.degrade(clean, np.random.default_rng(0)) for t in (ours, theirs))
    assert cut.dtype == np.uint8 and exact.dtype == np.float32
    np.testing.assert_array_equal(cut, np.clip(exact, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("form", NOISE_FORMS)
def test_the_form_of_noise_is_an_option_of_every_noisy_task(form: str) -> None:
    clean = np.full((40, 40), 250, np.uint8)
    for name in ("denoise_gray_50", "denoise_color_blind"):
        degraded = get_task(name).with_noise(form).degrade(clean, np.random.default_rng(3))
        assert (degraded.dtype == np.float32) == (form == "not clipped")
        assert (degraded.max() > 255) == (form == "not clipped")
    with pytest.raises(UsageError, match="no noise"):
        get_task("sr_x2").with_noise(form)


def test_the_clipped_twin_of_a_task_is_the_same_noise_in_eight_bits() -> None:
    clean = np.random.default_rng(0).integers(0, 256, (24, 24)).astype(np.uint8)
    names = ("denoise_gray_30", "denoise_gray_30_clipped")
    exact, clipped = (get_task(n).degrade(clean, np.random.default_rng(1)) for n in names)
    np.testing.assert_array_equal(clipped, np.clip(np.floor(exact + 0.5), 0, 255))


@pytest.mark.parametrize("name", [n for n in TASKS.names() if n.endswith("_clipped")])
def test_both_twins_are_tested_on_the_same_draw(name: str) -> None:
    plain = name.removesuffix("_clipped")
    pair = sample_pairs("test", get_task(plain))[0]
    exact, clipped = (load_pair(pair, n, seed=4).degraded.astype(np.float64) for n in (plain, name))
    np.testing.assert_array_equal(clipped, np.clip(np.floor(exact + 0.5), 0, 255))


def test_the_crop_is_about_the_centre_as_dsrir_cuts() -> None:
    image = np.arange(37 * 51).reshape(37, 51)
    np.testing.assert_array_equal(centre_crop(image, 8), image[2:34, 1:49])
    pair = (np.zeros((37, 51, 3), np.uint8), np.ones((37, 51, 3), np.uint8))
    assert [x.shape for x in degraded_and_target(pair, with_protocol("derain", "dsrir"))] == [(32, 48, 3)] * 2
    assert [x.shape for x in degraded_and_target(pair, get_task("derain"))] == [(37, 51, 3)] * 2


def test_jdnet_scores_the_unclipped_output_and_caps_equal_images() -> None:
    task = with_protocol("derain", "jdnet_rgb_float")
    target = np.full((24, 24, 3), 255, np.uint8)
    beyond = torch.full((1, 3, 24, 24), 300.0)
    found, image = score_output(beyond, target, task)
    assert found.psnr == 100.0  # equal after clipping
    assert found.ssim is not None and found.ssim < 0.999  # but not before
    assert image.dtype == np.float32 and image.max() == 255
    assert score(target, target, task).psnr == 100.0


@pytest.mark.shared
def test_the_metrics_of_jdnet_are_reproduced(shared: Path) -> None:
    from safetensors.torch import load_file

    folder = shared / "fixtures" / "jdnet"
    entries = json.loads((folder / "manifest.json").read_text())["entries"]
    entry = next(e for e in entries if e["file"].startswith("metrics"))
    tensors = load_file(folder / entry["file"])
    task = with_protocol("derain", "jdnet_rgb_float")
    for expected in entry["values"]:
        output, target = (tensors[f"{k}{expected['index']}"] for k in ("pred", "gt"))
        # the target has fractions of a grey level, so it is compared as floats
        found, _ = score_output(output * 255, target[0].permute(1, 2, 0).numpy() * 255, task)
        assert found.psnr == pytest.approx(expected["psnr_joint_clipped"], abs=2e-4)
        assert found.ssim == pytest.approx(expected["ssim_unclipped"], abs=1e-5)
