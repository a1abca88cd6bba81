"""A validation that is worse than no network is named, once after the warm-up and at the end, with what can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.registry import TASKS
from nas.tasks import get_task
from nas.train.doubts import Doubts, reference_model
from nas.train.events import read_events
from nas.train.loop import train
from nas.train.training_data import open_training_data

NONE: dict[str, Any] = {}


def doubts(warmup: int = 0, network: dict[str, Any] = NONE, **flags: Any) -> Doubts:
    settings = build(RetrainSettings, train__validate_every=50, **flags)
    data = open_training_data(settings, get_task(settings.task), {"weights": 1.0})
    return Doubts(data, settings.train, warmup, network)


@pytest.mark.parametrize("task", TASKS.names())
def test_every_task_has_a_reference_of_its_scale(task: str) -> None:
    found = reference_model(get_task(task))
    assert found is not None and found[1].descriptor.scale == get_task(task).scale  # type: ignore[union-attr]


def test_the_first_validation_after_the_warm_up_and_the_last_are_judged() -> None:
    judge = doubts(warmup=100)
    low = {"psnr": 20.0}
    assert [step for step in range(50, 501, 50) if judge(step, low, False)] == [150]
    assert judge(500, low, True) is not None and judge(100, low, True) is None
    assert judge(150, {"psnr": 60.0}, False) is None and judge(150, {}, False) is None


def test_the_causes_that_can_be_seen_are_named() -> None:
    found = doubts(network={"image_residual": False}, train__optimizer__lr=1e-5)(50, {"psnr": 20.0}, False)
    assert found is not None and found["reference"] == pytest.approx(35.25, abs=0.01)
    message = found["message"]
    assert message.startswith("validation gives 20.00 dB, below bicubic (35.25 dB): ")
    for clause in ("--set network.image_residual=true", "50 steps are few", "1e-05 is low"):
        assert clause in message
    none = doubts(network={"image_skip": "nearest"})(5000, {"psnr": 20.0}, True)
    assert none is not None and "nothing in the settings looks unusual" in none["message"]


def test_stored_inputs_that_are_not_what_the_task_makes_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("HR", "LR_bicubic/X2"):
        (tmp_path / part).mkdir(parents=True)
    for i in range(6):
        cv2.imwrite(str(tmp_path / "HR" / f"{i}.png"), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
        cv2.imwrite(str(tmp_path / "LR_bicubic/X2" / f"{i}x2.png"), np.full((32, 32, 3), 9, np.uint8))
    found = doubts(data__path=[str(tmp_path)], data__validation=2)(5000, {"psnr": -9.0}, True)
    assert found is not None and "stored inputs are not what task 'sr_x2' makes" in found["message"]


def test_the_doubt_is_an_event_and_is_not_written_twice(tmp_path: Path) -> None:
    from nas.train.run import Run

    class Poor:
        stopped = ""

        def begin(self, step: int) -> None: ...

        def step(self, step: int) -> dict[str, float]:
            return {"loss": 1.0}

        def report(self, step: int) -> Any:
            return iter(())

        def validate(self, step: int) -> dict[str, float]:
            return {"psnr": 20.0}

        def state_dict(self) -> dict[str, Any]:
            return {}

        def load_state_dict(self, state: dict[str, Any]) -> None: ...

    settings = build(RetrainSettings, train__steps=4, train__validate_every=2)
    run = Run.create(tmp_path / "run", "retrain", settings)
    for _ in range(2):  # the second time nothing is left to do
        train(Poor(), run, settings.train, "poor", doubts=lambda step, scores, last: {"message": "poor"})
    assert [e["step"] for e in read_events(run.folder) if e["kind"] == "doubt"] == [2, 4]
