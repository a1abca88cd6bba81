"""A setting of another tool is refused with the way to what it is for."""

from __future__ import annotations

import pytest

from nas.config.hints import way_out
from tests.cli.running import run

ASKED = {
    "train.gradient_accumulation": "train.accumulate",
    "train.accumulate_grad_batches": "train.accumulate",
    "train.half": "train.fp16",
    "train.AMP": "train.bf16",
    "train.early_stopping": "train.patience",
    "train.save_best": "train.keep_best",
    "train.distillation": "train.teacher",
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


def test_a_loss_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "retrain", "jsnet_released", "--task", "sr_x2", "--set", "train.loss=sssim", "--dry-run")
    assert ended.code == 2 and "unknown loss 'sssim'; did you mean 'ssim'?" in ended.err


def test_other_names_have_no_way_out() -> None:
    assert way_out("train.foo") == "" and way_out("") == ""
