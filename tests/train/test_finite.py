"""A number that is not finite ends a run before anything is saved, and the good state stays to go on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.config.runs import RetrainSettings
from nas.config.training import OptimizerSettings, TrainSettings
from nas.errors import NasError
from nas.train.events import read_events
from nas.train.finite import NonFiniteError, all_finite, first_not_finite, infinite_constants
from nas.train.loop import Ending, train
from nas.train.network_learner import NetworkLearner
from nas.train.optimizers import make_optimizer
from nas.train.run import Run
from nas.train.state import load_state

NAN, INF = math.nan, math.inf


class Pixel(nn.Module):
    """One weight, one constant mask with an infinity in it, and batch normalisation's kind of statistics."""

    def __init__(self) -> None:
        from nas.models.descriptor import ModelDescriptor

        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("mask", torch.tensor([0.0, -INF]))
        self.register_buffer("mean", torch.zeros(1))
        self.descriptor = ModelDescriptor("pixel", 1, 1, 255.0)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.sum()


Spoil = Callable[[NetworkLearner, int], None]


class Batches:
    """Endless batches of one pixel, of images with names."""

    def __call__(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)

    def images(self, step: int) -> list[str]:
        return [f"photo{step}", f"photo{step}", "other"]


def learner(spoil: Spoil, settings: TrainSettings) -> NetworkLearner:
    """A learner to which something happens before the update of a step, counted from 1."""
    steps = [0]

    def criterion(outputs: Tensor, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        steps[0] = step + 1
        value = outputs.sum() * 1e-3
        made.spoil(made, step + 1)
        return value * made.factor + made.offset, {}

    class Spoiled(NetworkLearner):
        factor, offset = 1.0, 0.0

        def spoil(self, own: NetworkLearner, step: int) -> None:
            spoil(own, step)

        def step(self, step: int) -> dict[str, float]:
            values = super().step(step)
            self.after(step + 1)
            return values

        def after(self, step: int) -> None:
            late = getattr(spoil, "late", None)
            if late is not None:
                late(self, step)

    model = Pixel()
    made = Spoiled(model, criterion, Batches(), settings, "cpu", lambda model: {})  # type: ignore[arg-type]
    return made


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings(**{"steps": 12, "log_every": 4, "validate_every": 100, "checkpoint_every": 4, **changes})


def go(folder: Path, chosen: TrainSettings, spoil: Spoil) -> Ending:
    run = Run.open(folder) if (folder / "config.yaml").exists() else Run.create(folder, "retrain", RetrainSettings())
    torch.manual_seed(1)
    return train(learner(spoil, chosen), run, chosen, "pixel")


def at(step: int, act: Callable[[Any], None], late: bool = False) -> Spoil:
    """Let something happen at a step, before its update or after it."""

    def spoil(own: NetworkLearner, now: int) -> None:
        if now == step and not late:
            act(own)

    if late:
        spoil.late = lambda own, now: act(own) if now == step else None  # type: ignore[attr-defined]
    return spoil


def set_factor(value: float) -> Callable[[Any], None]:
    return lambda own: setattr(own, "factor", value)


def fill(tensor_of: Callable[[Any], Tensor], value: float) -> Callable[[Any], None]:
    def act(own: Any) -> None:
        with torch.no_grad():
            tensor_of(own).view(-1)[0] = value

    return act


def steep(own: Any) -> None:
    """A finite value with a slope without bounds."""
    own.model.weight.register_hook(lambda grad: grad * INF)


def moment(own: Any) -> Tensor:
    return own._optimizer.state[own.model.weight]["exp_avg_sq"]  # type: ignore[no-any-return]


#: name -> (what happens, words of the sentence)
SPOILED: dict[str, tuple[Spoil, str]] = {
    "loss is NaN": (at(6, set_factor(NAN)), "the loss is nan at step 6"),
    "loss is infinite": (at(6, set_factor(INF)), "the loss is inf at step 6"),
    "loss alone": (at(6, lambda own: setattr(own, "offset", NAN)), "the loss is nan at step 6"),
    "gradient alone": (at(6, steep), "the gradient of the weights is not finite at step 6"),
    "gradient at a step that saves": (at(8, steep), "the gradient of the weights is not finite at step 8"),
    "gradient at the last step": (at(12, steep), "the gradient of the weights is not finite at step 12"),
    "weight NaN before saving": (
        at(8, fill(lambda o: o.model.weight, NAN), True),
        "model.weight is not finite at step 8",
    ),
    "weight infinite": (at(8, fill(lambda o: o.model.weight, -INF), True), "model.weight is not finite at step 8"),
    "weight at the last step": (
        at(12, fill(lambda o: o.model.weight, NAN), True),
        "model.weight is not finite at step 12",
    ),
    "statistics": (at(8, fill(lambda o: o.model.mean, INF), True), "model.mean is not finite at step 8"),
    "optimiser NaN": (at(8, fill(moment, NAN), True), "optimizer.state.0.exp_avg_sq is not finite at step 8"),
    "optimiser infinite": (at(12, fill(moment, INF), True), "optimizer.state.0.exp_avg_sq is not finite at step 12"),
    "average": (at(8, fill(lambda o: o._average["weight"], NAN), True), "average.weight is not finite at step 8"),
    "mask turned NaN": (at(8, fill(lambda o: o.model.mask, NAN), True), "model.mask is not finite at step 8"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_nothing_that_is_not_finite_is_saved_and_the_run_goes_on_from_the_good_state(name: str, tmp_path: Path) -> None:
    spoil, words = SPOILED[name]
    chosen = settings(ema=0.9) if name == "average" else settings()
    with pytest.raises(NasError) as ended:
        go(tmp_path, chosen, spoil)
    told = str(ended.value)
    kept = 8 if words.endswith("12") else 4
    step = int(words.rsplit(" ", 1)[1])
    assert f"{words} of {tmp_path} (images photo{step - 1}, other); the state of step {kept} is kept" in told
    assert f"nas retrain --resume {tmp_path}" in told and "train.optimizer.lr=0.0001" in told
    state = load_state(tmp_path / "state")
    assert state is not None and state["step"] == kept
    assert first_not_finite(state, frozenset({"learner.model.mask", "learner.average.mask"})) is None
    gentle = chosen.model_copy(update={"optimizer": OptimizerSettings(lr=1e-5)})
    assert go(tmp_path, gentle, lambda own, step: None).steps == 12


@pytest.mark.parametrize("good", [1, 3])
def test_before_the_first_state_the_sentence_says_to_start_again(good: int, tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"no state was saved yet; lower train\.optimizer\.lr .* start again"):
        go(tmp_path, settings(), at(good, set_factor(NAN)))


@pytest.mark.parametrize("decay", [1e30, 1e38])
def test_a_decay_beyond_all_bounds_spoils_the_optimiser_and_is_noticed(decay: float, tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"optimizer\.state\.0\.exp_avg.* is not finite at step 4"):
        go(tmp_path, settings(optimizer=OptimizerSettings(weight_decay=decay)), lambda own, step: None)
    assert load_state(tmp_path / "state") is None


def bad_steps(*steps: int) -> Spoil:
    return lambda own, step: setattr(own, "factor", NAN if step in steps else 1.0)


def test_as_many_steps_as_allowed_are_left_out_and_counted(tmp_path: Path) -> None:
    chosen = settings(skip_nonfinite=2)
    assert go(tmp_path, chosen, bad_steps(3, 7)).steps == 12
    warnings = [e for e in read_events(tmp_path) if e["kind"] == "warning"]
    assert [e["step"] for e in warnings] == [3, 7]
    assert "(images photo2, other): the step is left out, 1 of 2 (train.skip_nonfinite)" in warnings[0]["message"]
    state = load_state(tmp_path / "state")
    assert state is not None and state["skipped"] == 2
    assert int(state["learner"]["optimizer"]["state"][0]["step"]) == 10  # those steps moved nothing


def test_one_more_than_allowed_ends_the_run_also_across_a_resume(tmp_path: Path) -> None:
    chosen = settings(skip_nonfinite=1)
    with pytest.raises(NasError, match=r"step 7 of .*, 1 steps left out before; the state of step 4 is kept"):
        go(tmp_path, chosen, bad_steps(3, 7))
    with pytest.raises(NasError, match="at step 9 of"):
        go(tmp_path, chosen, bad_steps(9))
    assert go(tmp_path, settings(skip_nonfinite=2), bad_steps(9)).steps == 12


def test_a_run_without_such_steps_is_the_same_whatever_it_would_allow(tmp_path: Path) -> None:
    states = []
    for name, chosen in (("a", settings()), ("b", settings(skip_nonfinite=5))):
        go(tmp_path / name, chosen, lambda own, step: None)
        states.append(load_state(tmp_path / name / "state"))
    assert all("skipped" not in state for state in states if state is not None)
    assert torch.equal(*(state["learner"]["model"]["weight"] for state in states if state is not None))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64])
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_one_value_among_many_tensors_is_found(dtype: torch.dtype, value: float) -> None:
    tensors = [torch.ones(3, 4, dtype=dtype) for _ in range(20)] + [torch.zeros(0), torch.ones(2, dtype=torch.int64)]
    assert all_finite(tensors)
    tensors[11][1, 2] = value
    assert not all_finite(tensors)


def test_values_near_the_largest_are_finite() -> None:
    largest = torch.finfo(torch.float32).max
    assert all_finite([torch.full((1000,), largest), torch.full((1000,), -largest)])


def test_the_first_that_is_not_finite_is_named_by_its_place() -> None:
    state = {"a": [torch.ones(1), {"b": torch.tensor([NAN])}], "c": torch.tensor([INF]), "d": NAN, "e": "nan"}
    assert first_not_finite(state) == "a.1.b"
    assert infinite_constants(state) == {"c"}
    assert first_not_finite({"c": state["c"]}, frozenset({"c"})) is None


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_an_optimiser_does_not_move_along_a_gradient_that_is_not_finite(name: Any) -> None:
    weight = nn.Parameter(torch.ones(3))
    optimizer = make_optimizer([weight], OptimizerSettings(name=name), "the architecture variables")
    weight.grad = torch.tensor([0.0, NAN, 0.0])
    with pytest.raises(NonFiniteError, match="the gradient of the architecture variables is not finite"):
        optimizer.step()
    assert torch.equal(weight.detach(), torch.ones(3)) and not optimizer.state
    weight.grad = torch.zeros(3)
    optimizer.step()


def test_a_guarded_optimiser_takes_the_steps_of_a_plain_one_to_the_last_bit() -> None:
    both = []
    for guarded in (True, False):
        torch.manual_seed(2)
        weight = nn.Parameter(torch.randn(50))
        chosen = OptimizerSettings(lr=0.1, weight_decay=0.01)
        optimizer = (
            make_optimizer([weight], chosen)
            if guarded
            else torch.optim.Adam([weight], 0.1, betas=chosen.betas, eps=chosen.eps, weight_decay=0.01)
        )
        for _ in range(5):
            weight.grad = torch.randn(50)
            optimizer.step()
        both.append(weight.detach())
    assert torch.equal(*both)
