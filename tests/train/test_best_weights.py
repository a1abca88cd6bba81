"""The weights of the best validation are kept and say what selected them; patience ends a run, and more goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nas
from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.evaluation.resolve import resolve
from nas.models.weights import load_weights, read_metadata, weights_hash
from nas.tasks import get_task
from nas.train.best import Best
from nas.train.events import read_events
from nas.train.pictures import SIDE, panel
from nas.train.state import load_state
from tests.train.test_loop_endings import Walk, settings, walk
from tests.train.test_resume import photos_in, train


class Rated(Walk):
    """Its validations bring the given numbers, one a step."""

    def __init__(self, *psnrs: float) -> None:
        super().__init__()
        self.psnrs = psnrs

    def validate(self, step: int) -> dict[str, float]:
        return {"psnr": self.psnrs[step - 1]}


def kinds(folder: Path) -> list[tuple[int, str]]:
    return [(e["step"], e["kind"]) for e in read_events(folder) if e["kind"] != "train"]


def test_patience_ends_a_run_and_more_of_it_goes_on(tmp_path: Path) -> None:
    chosen = settings(steps=6, validate_every=1, patience=2)
    psnrs = (20.0, 22.0, 21.0, 22.0, 25.0, 24.0)
    ending = walk(tmp_path, chosen, Rated(*psnrs))
    assert ending.steps == 4 and "psnr has not become better for 2 validations since step 2" in ending.reason
    assert kinds(tmp_path)[-2:] == [(4, "validation"), (4, "stop")]
    assert walk(tmp_path, chosen, Rated(*psnrs)).steps == 4  # it stays ended
    assert walk(tmp_path, chosen.model_copy(update={"patience": 3}), Rated(*psnrs)).steps == 6
    state = load_state(tmp_path / "state")
    assert state is not None and state["best"] == {"value": 25.0, "step": 5, "since": 1}


def test_a_run_without_patience_takes_all_its_steps(tmp_path: Path) -> None:
    assert walk(tmp_path, settings(steps=6, validate_every=1), Rated(*(9.0 - i for i in range(6)))).steps == 6


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [("psnr", (20.0, 22.0, 21.0), 2), ("mae", (3.0, 2.0, 2.5), 2), ("ssim", (0.9, 0.8), 1)],
)
def test_the_best_is_judged_as_the_metric_says(monitor: str, values: tuple[float, ...], best: int) -> None:
    found = Best(TrainSettings(monitor=monitor))
    for step, value in enumerate(values, 1):
        found.consider(step, {"psnr": 0.0, monitor: value})
    assert found.step == best
    again = Best(TrainSettings(monitor=monitor))
    again.load_state_dict(json.loads(json.dumps(found.state_dict())))
    assert again.state_dict() == found.state_dict()


def test_of_equal_validations_the_first_is_best_and_nan_never_is() -> None:
    found = Best(TrainSettings())
    assert [found.consider(i, {"psnr": v}) for i, v in enumerate((float("nan"), 20.0, 20.0))] == [False, True, False]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train__monitor": "mae"}, r"train\.monitor 'mae' is not measured"),
        ({"train__metrics": ["maee"]}, "unknown metric 'maee'; did you mean 'mae'"),
        ({"train__metrics": ["psnr"]}, "PSNR is always measured"),
        ({"train__patience": 2, "data__validation": 0}, r"set data\.validation above 0"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_is_written(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        train(tmp_path / "run", photos_in(tmp_path / "photos"), **changes)
    assert not (tmp_path / "run").exists()


def selection(file: Path) -> Any:
    return json.loads(read_metadata(file)["training"])["selection"]


def test_the_best_weights_lie_beside_the_last_and_are_refused_where_they_were_selected(tmp_path: Path) -> None:
    photos = photos_in(tmp_path / "Set5")
    common = {"train__steps": 4, "train__validate_every": 1, "train__metrics": ["mae"], "train__monitor": "mae"}
    result = train(tmp_path / "run", photos, train__optimizer__lr=1e-3, **common)
    assert result.best is not None and selection(result.weights) == []
    errors = {e["step"]: e["mae"] for e in read_events(result.run) if e["kind"] == "validation"}
    chosen = selection(result.best)
    assert chosen["step"] == min(errors, key=lambda step: errors[step]) and chosen["metric"] == "mae"
    held = [e.name for e in sorted(photos.iterdir()) if e.stem in chosen["images"]]
    assert len(held) == 1 and "Set5" in chosen["folders"]
    task = get_task("sr_x2")
    with pytest.raises(UsageError, match="was selected on Set5"):
        resolve(result.best, task, ["Set14", "Set5"])
    assert resolve(result.best, task, ["Set14"]).model is not None
    assert resolve(result.weights, task, ["Set5"]).model is not None
    # the same steps, cut and resumed, keep the same weights
    train(tmp_path / "cut", photos, **{**common, "train__steps": 2})
    again = nas.retrain(resume=tmp_path / "cut", train__steps=4)
    assert again.best is not None and again.weights_hash == result.weights_hash
    assert weights_hash(load_weights(again.best).model.state_dict()) == weights_hash(
        load_weights(result.best).model.state_dict()
    )


def test_where_it_is_not_wanted_only_the_last_weights_are_kept(tmp_path: Path) -> None:
    photos = photos_in(tmp_path / "photos")
    assert train(tmp_path / "off", photos, train__keep_best=False).best is None
    assert train(tmp_path / "none", photos, data__validation=0).best is None


def test_validation_pictures_are_shown_in_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import IMAGES, EventAccumulator

    result = train(tmp_path / "run", photos_in(tmp_path / "photos"), train__pictures=1, train__validate_every=1)
    shown = EventAccumulator(str(result.run / "tensorboard"), {IMAGES: 0}).Reload()
    (tag,) = shown.Tags()["images"]
    assert tag.startswith("validation/p0") and [e.step for e in shown.Images(tag)] == [1, 2]
    assert (shown.Images(tag)[0].height, shown.Images(tag)[0].width) == (40, 120)


@pytest.mark.parametrize("channels", [(), (3,), (1,)])
@pytest.mark.parametrize("side", [30, SIDE + 40])
def test_a_panel_has_three_images_of_one_size(side: int, channels: tuple[int, ...]) -> None:
    restored = np.full((side, side, *channels), 100.4, np.float32)
    made = panel(np.zeros((side // 2, side // 2, *channels), np.uint8), restored, np.full_like(restored, 255))
    kept = min(side, SIDE)
    assert made.shape == (kept, 3 * kept, 3) and made.dtype == np.uint8
    assert [int(made[0, i * kept, 0]) for i in range(3)] == [0, 100, 255]
