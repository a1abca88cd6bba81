"""Losses are registered, alone or in sums: each has a finite gradient, is least for equal images, named where wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.errors import UsageError
from nas.evaluation import metrics
from nas.registry import LOSSES
from nas.tasks import get_task
from nas.train.losses import LossSum, pixel_loss, task_criterion
from nas.train.trainable import build_trainable


def images(seed: int = 0, side: int = 24) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 255


@pytest.mark.parametrize("name", LOSSES.names())
def test_each_loss_has_a_finite_gradient_and_is_least_for_equal_images(name: str) -> None:
    output, target = images(1).requires_grad_(), images(2)
    loss = pixel_loss(name, output, target)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.dim() == 0 and output.grad is not None and bool(torch.isfinite(output.grad).all())
    equal = float(pixel_loss(name, target, target))
    assert equal == pytest.approx(0.255 if name == "charbonnier" else 0.0, abs=1e-5) and equal < float(loss.detach())


@pytest.mark.parametrize("name", LOSSES.names())
def test_each_loss_is_a_mean_over_the_images(name: str) -> None:
    output, target = images(1), images(2)
    each = [float(pixel_loss(name, output[i : i + 1], target[i : i + 1])) for i in range(2)]
    assert float(pixel_loss(name, output, target)) == pytest.approx(sum(each) / 2, rel=1e-5)


def test_the_similarity_in_the_loss_is_the_metric() -> None:
    target = images(3)[:1]
    output = (target + 20 * torch.randn(target.shape, generator=torch.Generator().manual_seed(4))).clamp(0, 255)
    pair = [np.asarray(x[0].permute(1, 2, 0), np.float64) for x in (output, target)]
    assert 1 - float(pixel_loss("ssim", output, target)) == pytest.approx(metrics.ssim(*pair, data_range=255), abs=1e-4)


def test_patches_smaller_than_its_window_are_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 11 pixels; raise data\.patch"):
        pixel_loss("ssim", images(side=8), images(side=8))


def test_a_sum_weighs_its_terms_and_names_them() -> None:
    output, target = images(1), images(2)
    loss, parts = LossSum({"l1": 1, "fourier": 0.05}).terms(output, target)
    alone = {name: float(pixel_loss(name, output, target)) for name in ("l1", "fourier")}
    assert parts == alone and float(loss) == pytest.approx(alone["l1"] + 0.05 * alone["fourier"])
    assert task_criterion({"l1": 1, "ssim": 50}).identity == "1 l1 + 50 ssim on 0..255"


def test_what_is_no_loss_is_named() -> None:
    with pytest.raises(UsageError, match=r"unknown loss 'l3'; known: .*l1"):
        LossSum({"l1": 1, "l3": 1})
    with pytest.raises(UsageError, match="names no loss"):
        LossSum({})
    LOSSES.add("whole", lambda output, target: output - target)
    try:
        with pytest.raises(UsageError, match=r"'whole' returned a tensor of shape \(2, 3, 24, 24\)"):
            pixel_loss("whole", images(), images())
    finally:
        LOSSES.remove("whole")


@pytest.mark.parametrize(
    ("model", "loss", "criterion", "identity"),
    [
        ("smfanet", "l1", {"fourier": 0.05}, "l1 + 0.05 l1 of the Fourier transform on 0..255"),
        ("smfanet", {"l1": 1, "fourier": 0.05}, {}, "1 l1 + 0.05 fourier on 0..255"),
        ("mspan", "charbonnier", {}, "charbonnier on 0..255"),
        ("mspan", "ssim", {}, "ssim on 0..255"),
    ],
)
def test_a_chosen_loss_replaces_that_of_a_baseline(model: str, loss: object, criterion: object, identity: str) -> None:
    settings = build(RetrainSettings, model=model, train__loss=loss, train__criterion=criterion)
    task = get_task("sr_x2")
    assert build_trainable(settings, task).criterion(settings).identity == identity


def test_options_of_a_loss_that_is_replaced_are_refused() -> None:
    settings = build(RetrainSettings, model="smfanet", train__loss="ssim", train__criterion={"fourier": 0.05})
    with pytest.raises(UsageError, match=r"train\.loss replaces the loss of smfanet"):
        build_trainable(settings, get_task("sr_x2")).criterion(settings)
