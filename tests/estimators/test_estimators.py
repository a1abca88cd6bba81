"""What a genotype is said to be worth: reproducible, and of the genotype rather than of the moment."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nas
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.search import nested_search, search
from nas.engines.setup import SHARES, space_of
from nas.errors import NasError, UsageError
from nas.estimators.base import Estimator
from nas.estimators.proxies import PROXIES
from nas.images import imresize, write_image
from nas.registry import ESTIMATORS
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.losses import task_criterion
from nas.train.training_data import open_training_data


@pytest.fixture(autouse=True)
def small_images(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Eight smooth little images, of which one is for validation."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for index in range(8):
        write_image(folder / f"{index}.png", imresize(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8), 4))
    monkeypatch.setenv("SMALL_IMAGES", str(folder))


def settings_for(*assignments: str, **flags: Any) -> SearchSettings:
    return build(
        SearchSettings,
        None,
        ["search.trials=3", "search.trial_steps=9", "search.supernet_steps=3", "data.validation=1", *assignments],
        overrides={"network.cells": 1},
        data__path=[os.environ["SMALL_IMAGES"]],
        data__batch=2,
        data__patch=32,
        threads=1,
        strategy="random",
        **flags,
    )


def estimator_for(settings: SearchSettings) -> Estimator:
    task = get_task(settings.task)
    data = open_training_data(settings, task, SHARES)
    made: Estimator = ESTIMATORS.get(settings.search.estimator)(settings, space_of(settings), task, data)
    return made


GENOTYPE = nas.load_space("jsm", overrides={"network.cells": 1}).sample(5)
OTHER = nas.load_space("jsm", overrides={"network.cells": 1}).sample(6)


@pytest.mark.parametrize("kind", ["train", "zero_cost", "supernet"])
def test_a_value_depends_on_seed_and_genotype_alone(kind: str, tmp_path: Path) -> None:
    settings = settings_for(f"search.estimator={kind}")
    first, second = estimator_for(settings), estimator_for(settings)
    first.prepare(tmp_path / "a", nested_search)
    second.prepare(tmp_path / "b", nested_search)
    other = first(OTHER, 0)
    value = first(GENOTYPE, 1)
    torch.rand(5)
    assert second(GENOTYPE, 1) == value == first(GENOTYPE, 1)  # whatever was estimated before
    quality = "score" if kind == "zero_cost" else "psnr"
    assert math.isfinite(value[quality]) and value[quality] != other[quality]
    assert value["steps"] == (9 if kind == "train" else 0)
    if kind != "supernet":
        changed = estimator_for(settings.model_copy(update={"seed": 2}))
        assert changed(GENOTYPE, 1)[quality] != value[quality]


def test_a_training_ends_at_the_rung_where_it_is_pruned() -> None:
    estimate = estimator_for(settings_for("search.pruning=true"))
    seen: list[tuple[int, float]] = []

    def report(steps: int, psnr: float) -> bool:
        seen.append((steps, psnr))
        return steps == 3

    values = estimate(GENOTYPE, 0, report)
    assert [s for s, _ in seen] == [1, 3] and values["steps"] == 3 and values["psnr"] == seen[-1][1]
    # looking does not change the training
    full = estimate(GENOTYPE, 0, lambda steps, psnr: False)
    assert full == estimate(GENOTYPE, 0) and full["steps"] == 9


def test_a_training_that_diverges_ends_at_once_without_a_value() -> None:
    values = estimator_for(settings_for("train.optimizer.lr=1e30"))(GENOTYPE, 0)
    assert math.isnan(values["psnr"]) and values["steps"] < 9


def test_without_validation_images_there_is_nothing_to_compare() -> None:
    with pytest.raises(NasError, match=r"set data\.validation above 0"):
        estimator_for(settings_for("data.validation=0"))(GENOTYPE, 0)


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_deterministic_and_tells_genotypes_apart(name: str) -> None:
    estimate = estimator_for(settings_for("search.estimator=zero_cost", f"search.proxy={name}"))
    space = nas.load_space("jsm", overrides={"network.cells": 1})
    scores = [estimate(space.sample(seed), seed)["score"] for seed in range(4)]
    assert len(set(scores)) == 4 and all(math.isfinite(s) for s in scores)
    assert scores == [estimate(space.sample(seed), 0)["score"] for seed in range(4)]  # the trial's number is nothing


class Linear(torch.nn.Sequential):
    """Two 1x1 convolutions of known weights."""

    def __init__(self) -> None:
        super().__init__(torch.nn.Conv2d(1, 2, 1, bias=False), torch.nn.Conv2d(2, 1, 1, bias=False))
        with torch.no_grad():
            self[0].weight.copy_(torch.tensor([[[[-2.0]]], [[[3.0]]]]))
            self[1].weight.copy_(torch.tensor([[[[5.0]], [[-7.0]]]]))


def test_synflow_is_the_sum_over_paths_of_absolute_products() -> None:
    pixels = torch.zeros(1, 1, 4, 5)
    score = PROXIES["synflow"](Linear(), pixels, pixels, task_criterion("l1"))
    paths = 2 * 5 + 3 * 7  # each of the two layers carries the whole flow
    assert score == pytest.approx(math.log(2 * paths * 20))


def test_the_gradient_norm_is_that_of_the_loss() -> None:
    degraded, target = torch.full((1, 1, 3, 3), 2.0), torch.zeros(1, 1, 3, 3)
    model = Linear()
    score = PROXIES["gradient_norm"](model, degraded, target, task_criterion("l2"))
    output = (-2 * 5 + 3 * -7) * 2.0  # -62, and d(loss)/d(output) is twice that, over all pixels together
    first = 2 * output * torch.tensor([5.0, -7.0]) * 2.0
    second = 2 * output * torch.tensor([-2.0, 3.0]) * 2.0
    assert score == pytest.approx(math.log(float(first.norm() + second.norm())), rel=1e-5)


def test_naswot_prefers_the_network_that_tells_pixels_apart() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 1, 16, 16) - 0.5
    blind = torch.nn.Conv2d(1, 8, 1)
    seeing = torch.nn.Conv2d(1, 8, 5, padding=2)
    with torch.no_grad():
        blind.weight.zero_()
    criterion = task_criterion("l1")
    assert PROXIES["naswot"](seeing, image, image, criterion) > PROXIES["naswot"](blind, image, image, criterion) + 1


def test_a_search_by_proxy_calls_its_score_a_score(tmp_path: Path) -> None:
    settings = settings_for("search.estimator=zero_cost", "search.proxy=naswot", "search.objectives=[psnr, params]")
    result = search(settings, out=tmp_path / "run")
    trials = [e for e in read_events(result.run) if e["kind"] == "trial"]
    assert len(trials) == 3 and all(e["proxy"] == "naswot" and "psnr" not in e for e in trials)
    assert set(result.scores) == {"score"} and result.scores["score"] == max(e["score"] for e in trials)
    assert (result.run / "pareto.csv").read_text().startswith("genotype,score,params,macs\n")


def test_a_supernet_is_trained_inside_the_run_once_and_serves_another_run(tmp_path: Path) -> None:
    settings = settings_for("search.estimator=supernet")
    own = search(settings, out=tmp_path / "own")
    inner = tmp_path / "own" / "supernet"
    assert (inner / "weights.safetensors").is_file() and (inner / "summary.json").is_file()
    given = settings_for("search.estimator=supernet", f"search.supernet={inner}")
    other = search(given, out=tmp_path / "given")
    assert (other.genotype, other.scores) == (own.genotype, own.scores)
    assert not (tmp_path / "given" / "supernet").exists()
    # the supernet beside a search changes nothing of it but the values: the same genotypes are asked for
    trained = search(settings_for(), out=tmp_path / "trained")
    asked = [[e["genotype"] for e in read_events(run) if e["kind"] == "trial"] for run in (own.run, trained.run)]
    assert asked[0] == asked[1]
    wrong = settings_for("search.estimator=supernet", f"search.supernet={inner}").model_copy(
        update={"overrides": {"network.cells": 2}}
    )
    with pytest.raises(UsageError, match="train one with"):
        search(wrong, out=tmp_path / "wrong")
    with pytest.raises(UsageError, match="single_path"):
        search(settings_for("search.estimator=supernet", f"search.supernet={own.run}"), out=tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_an_interrupted_supernet_training_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.train import loop

    settings = settings_for("search.estimator=supernet", train__checkpoint_every=1)
    whole = search(settings, out=tmp_path / "whole")
    genuine = loop.save_state

    def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
        path = genuine(folder, step, state)
        if step == 2:
            raise KeyboardInterrupt
        return path

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", save)
        with pytest.raises(KeyboardInterrupt):
            search(settings, out=tmp_path / "cut")
    assert not (tmp_path / "cut" / "supernet" / "summary.json").exists()
    resumed = search(resume=tmp_path / "cut")
    assert (resumed.genotype, resumed.scores) == (whole.genotype, whole.scores)
