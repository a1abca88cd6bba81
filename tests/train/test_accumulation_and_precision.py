"""A step in several parts is that of the whole batch, and a training in float16 resumes to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import nas
from nas.config.training import OptimizerSettings, TrainSettings
from nas.errors import UsageError
from nas.models.tensor_files import read_safetensors
from nas.train.accumulation import parts_of
from nas.train.events import read_events
from nas.train.finite import NonFiniteError
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.precision import LEAST_SCALE
from nas.train.retrain import RetrainResult
from nas.train.state import load_state
from tests.train.test_finite import INF, Pixel
from tests.train.test_resume import photos_in, train


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos_in(tmp_path_factory.mktemp("photos"))


def furthest(one: RetrainResult, other: RetrainResult) -> float:
    a, b = read_safetensors(one.weights), read_safetensors(other.weights)
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_batches_are_one_large_batch(parts: int, photos: Path, tmp_path: Path) -> None:
    smooth = {"train__optimizer__eps": 1.0}  # a gradient of almost zero is not blown up to a step of full size
    large = train(tmp_path / "large", photos, data__batch=8, **smooth)
    small = train(tmp_path / "small", photos, data__batch=8 // parts, train__accumulate=parts, **smooth)
    single = train(tmp_path / "single", photos, data__batch=8 // parts, **smooth)
    assert furthest(large, small) < 1e-6 < 1e-5 < furthest(single, small)
    losses = [[e["loss"] for e in read_events(r.run) if e["kind"] == "train"] for r in (large, small)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_are_the_batch_in_order(parts: int) -> None:
    batch = torch.arange(6.0), torch.arange(6.0) + 10
    cut = list(parts_of(batch, parts))
    assert len(cut) == parts
    for side in (0, 1):
        assert torch.equal(torch.cat([part[side] for part in cut]), batch[side])


def state(run: Path) -> dict[str, Any]:
    found = load_state(run / "state")
    assert found is not None
    return found


def test_float16_resumes_to_the_last_bit_with_its_scale(photos: Path, tmp_path: Path) -> None:
    half = {"train__fp16": True, "train__accumulate": 2, "train__ema": 0.9}
    whole = train(tmp_path / "whole", photos, train__steps=8, **half)
    train(tmp_path / "cut", photos, train__steps=5, **half)
    assert "scaler" in state(tmp_path / "cut")["learner"]
    again = nas.retrain(resume=tmp_path / "cut", train__steps=8)
    assert again.weights_hash == whole.weights_hash
    assert state(whole.run)["learner"]["scaler"] == state(again.run)["learner"]["scaler"]
    scales = [e["loss_scale"] for e in read_events(whole.run) if e["kind"] == "train"]
    assert scales[0] < 2.0**17 and all(s > 0 for s in scales)


def test_a_training_may_go_on_in_another_precision(photos: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", photos)
    for changes in ({"train__fp16": True}, {"train__fp16": False, "train__bf16": True}):
        steps = state(tmp_path / "run")["step"] + 1
        assert nas.retrain(resume=tmp_path / "run", train__steps=steps, **changes).weights.is_file()


def test_two_precisions_at_once_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train\.bf16 and train\.fp16 exclude each other"):
        train(tmp_path / "run", photos, train__bf16=True, train__fp16=True)
    assert not (tmp_path / "run").exists()


def batches(start: int) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)


class Overflowing(nn.Module):
    """A loss whose gradient is infinite as long as the scale is above ``until``."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until

    def learner(self) -> NetworkLearner:
        chosen = TrainSettings(fp16=True, ema=0.5, optimizer=OptimizerSettings(lr=1e-3))
        made = NetworkLearner(Pixel(), task_criterion("l2"), batches, chosen, "cpu", lambda model: {})

        def grow(gradient: Tensor) -> Tensor:
            above = made._steps.values()["loss_scale"] > self.until
            return torch.full_like(gradient, INF) if above else gradient

        made.model.weight.register_hook(grow)  # type: ignore[union-attr,operator]
        made.begin(0)
        return made


def test_a_step_that_overflows_is_left_out_and_halves_the_scale() -> None:
    made = Overflowing(2.0**14).learner()
    before = {k: v.clone() for k, v in made.state_dict()["average"].items()}
    for step, scale in enumerate((2.0**15, 2.0**14)):
        assert made.step(step)["loss_scale"] == scale
        assert torch.equal(made.model.weight.detach(), torch.ones(2))  # type: ignore[union-attr,operator]
        assert all(torch.equal(v, before[k]) for k, v in made.state_dict()["average"].items())
    assert made.step(2)["loss_scale"] == 2.0**14
    assert not torch.equal(made.model.weight.detach(), torch.ones(2))  # type: ignore[union-attr,operator]


def test_a_gradient_that_overflows_at_any_scale_is_no_matter_of_the_scale() -> None:
    made = Overflowing(0.0).learner()
    with pytest.raises(NonFiniteError, match="the gradient of the weights is not finite"):
        for step in range(40):
            made.step(step)
    assert made._steps.values()["loss_scale"] < LEAST_SCALE
