"""The references without a network, and what all baselines offer: create, convert, load strictly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import baselines
from nas.errors import NasError, UsageError
from nas.registry import BASELINES


@pytest.mark.parametrize("name", ["bicubic", "identity"])
def test_references_have_no_weights_and_say_so(name: str) -> None:
    model = baselines.create(name)
    assert not list(model.parameters()) and not BASELINES.get(name).trainable
    assert model.descriptor.name == name


@pytest.mark.parametrize(("task", "scale", "channels"), [("sr_x2", 2, 3), ("sr_x3", 3, 3), ("sr_x4", 4, 3)])
def test_bicubic_enlarges_to_the_task_size(task: str, scale: int, channels: int) -> None:
    model = baselines.create("bicubic", **BASELINES.get("bicubic").config_for_task(task))
    x = torch.full((2, channels, 4, 5), 77.0)
    assert torch.equal(model(x), torch.full((2, channels, 4 * scale, 5 * scale), 77.0))


def test_identity_returns_its_input_and_refuses_to_enlarge() -> None:
    x = torch.rand(1, 1, 4, 4)
    config = BASELINES.get("identity").config_for_task("denoise_gray_30")
    assert baselines.create("identity", **config)(x) is x
    with pytest.raises(UsageError, match="bicubic"):
        BASELINES.get("identity").config_for_task("sr_x2")


def test_unknown_baseline_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'jsnet'"):
        baselines.create("jsnett")


def test_strict_loading_lists_every_kind_of_mismatch_and_changes_nothing() -> None:
    model = nn.Conv2d(2, 2, 1)
    kept = model.weight.detach().clone()
    state = {"weight": torch.zeros(2, 3, 1, 1), "extra": torch.zeros(1)}
    with pytest.raises(NasError) as caught:
        baselines.load_strict(model, state)
    for words in ("missing bias", "surplus extra", "weight is (2, 3, 1, 1) instead of (2, 2, 1, 1)"):
        assert words in str(caught.value)
    assert torch.equal(model.weight, kept)


@pytest.mark.shared
@pytest.mark.parametrize(("scale", "decibel"), [(2, 33.673), (3, 30.403), (4, 28.429)])
def test_bicubic_reaches_the_set5_figures(shared: Path, scale: int, decibel: float) -> None:
    folder = shared / "data" / "benchmarks" / "Set5"
    model, scores = baselines.create("bicubic", scale=scale), []
    for hr_file in sorted((folder / "HR").glob("*.png")):
        hr = cv2.imread(str(hr_file))[..., ::-1].astype(np.float64)
        lr = cv2.imread(str(folder / "LR_bicubic" / f"X{scale}" / f"{hr_file.stem}x{scale}.png"))[..., ::-1]
        x = torch.from_numpy(lr.transpose(2, 0, 1).astype(np.float32))[None]
        sr = model(x)[0].numpy().transpose(1, 2, 0).astype(np.float64)
        luma = (sr - hr[: sr.shape[0], : sr.shape[1]]) @ np.array([65.481, 128.553, 24.966]) / 255
        scores.append(10 * np.log10(255**2 / np.square(luma[scale:-scale, scale:-scale]).mean()))
    assert np.mean(scores) == pytest.approx(decibel, abs=1e-3)
