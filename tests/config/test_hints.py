"""A setting of another tool is refused with the way to what it is for."""

from __future__ import annotations

import pytest

from nas.config.hints import way_out
from tests.cli.running import run

ASKED = {
    "train.accumulate": "torchrun",
    "train.accumulate_grad_batches": "torchrun",
    "train.fp16": "train.bf16",
    "train.AMP": "train.bf16",
    "train.patience": "--resume",
    "train.early_stopping": "train.steps",
    "train.keep_best": "train.ema",
    "train.save_best": "last step",
    "train.epochs": "train.steps",
    "train.lr": "train.optimizer.lr",
    "train.batch_size": "data.batch",
    "data.patch_size": "data.patch",
    "train.total_iter": "train.steps",
    "train.perceptual": "train.criterion",
}


@pytest.mark.parametrize(("setting", "words"), ASKED.items())
def test_the_way_out_is_told_beside_the_refusal(setting: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "retrain", "jsnet_released", "--task", "sr_x2", "--set", f"{setting}=1", "--dry-run")
    assert ended.code == 2 and f"unknown setting {setting!r}" in ended.err and words in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_loss_that_is_not_there_names_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "retrain", "jsnet_released", "--task", "sr_x2", "--set", "train.loss=ssim", "--dry-run")
    assert ended.code == 2 and "'l1', 'l2' or 'charbonnier'" in ended.err


def test_other_names_have_no_way_out() -> None:
    assert way_out("train.foo") == "" and way_out("") == ""
