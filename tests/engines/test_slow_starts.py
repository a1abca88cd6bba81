"""What shortens slow starts: the image-space skip and the warm-up, options of searches and of trainings alike."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.engines.search import search
from nas.engines.setup import space_of
from nas.models.weights import load_weights
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.retrain import retrain
from nas.train.trainable import build_trainable


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(8):
        small = rng.integers(0, 255, (10, 10, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), cv2.resize(small, (48, 48), interpolation=cv2.INTER_CUBIC))
    return folder


def flags(images: Path) -> dict[str, object]:
    return {
        "task": "sr_x2",
        "data__path": [str(images)],
        "data__batch": 1,
        "data__patch": 32,
        "data__validation": 1,
        "threads": 1,
        "train__log_every": 1,
    }


@pytest.mark.parametrize("task", ["sr_x2", "denoise_gray_25"])
def test_the_space_setting_reaches_the_supernet_and_the_derived_network(task: str) -> None:
    found = {}
    for on in (False, True):
        overrides = {"network.cells": 1, "network.image_residual": on}
        space = space_of(build(SearchSettings, task=task, space="asm", overrides=overrides))
        network = space.network(space.sample(0), task)
        found[on] = (space.supernet(task).layout.image_residual, network.layout.image_residual)
        assert network.descriptor.config["image_residual"] is on  # so the weights file rebuilds it
    assert found == {False: (False, False), True: (True, True)}


def test_a_search_with_the_skip_gives_a_genotype_that_is_trained_with_it(images: Path, tmp_path: Path) -> None:
    settings = build(
        SearchSettings,
        None,
        ["search.warmup=0"],
        **flags(images),
        train__steps=1,
        space="asm",
        overrides={"network.cells": 1, "network.image_residual": True},
    )
    found = search(settings, out=tmp_path / "search")
    trained = retrain(build(RetrainSettings, model=str(found.run), **flags(images), train__steps=1), out=tmp_path / "t")
    model = load_weights(trained.weights).model
    assert model.layout.image_residual is True  # type: ignore[union-attr]


def test_the_skip_of_a_training_starts_far_above_the_plain_network(images: Path, tmp_path: Path) -> None:
    scores = {}
    for on in (False, True):
        settings = build(
            RetrainSettings,
            None,
            [f"network.image_residual={on}"],
            model="jsnet_released",
            **flags(images),
            network={"cells": 1},
            train__steps=2,
            train__validate_every=1,
        )
        result = retrain(settings, out=tmp_path / str(on))
        scores[on] = next(e["psnr"] for e in read_events(result.run) if e["kind"] == "validation")
    assert scores[True] > scores[False] + 3


def test_the_skip_and_the_warm_up_are_off_unless_asked_for() -> None:
    settings = build(RetrainSettings, model="jsnet_released")
    model = build_trainable(settings, get_task("sr_x2")).model
    assert model.layout.image_residual is False and settings.train.schedule.warmup == 0  # type: ignore[union-attr]
    assert SearchSettings().train.schedule.warmup == 0 == SearchSettings().retrain.schedule.warmup


@pytest.mark.parametrize("what", ["search", "retrain"])
def test_the_warm_up_raises_the_rate_step_by_step(what: str, images: Path, tmp_path: Path) -> None:
    common = {**flags(images), "train__steps": 3, "train__schedule__warmup": 3, "train__schedule__name": "constant"}
    if what == "search":
        settings = build(SearchSettings, space="asm", **common, overrides={"network.cells": 1})
        run = search(settings, out=tmp_path / "run").run
        base = settings.train.optimizer.lr
    else:
        trained = build(RetrainSettings, model="jsnet_released", network={"cells": 1}, **common)
        run = retrain(trained, out=tmp_path / "run").run
        base = trained.train.optimizer.lr
    rates = [e["lr"] for e in read_events(run) if e["kind"] == "train"]
    assert rates == pytest.approx([base * k / 3 for k in (1, 2, 3)])
