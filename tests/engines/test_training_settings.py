"""Settings of the training in searches: losses, metrics, a teacher, accumulation and float16, or a refusal by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

import nas
from nas.config.search import SearchOptions
from nas.config.training import TrainSettings
from nas.engines.search import plan_search
from nas.errors import UsageError
from nas.evaluation.further_metrics import Metric
from nas.models.tensor_files import read_safetensors
from nas.registry import LOSSES, METRICS, STRATEGIES
from nas.strategies.base import DifferentiableStrategy
from nas.strategies.conformance import interrupted_search, tiny_search
from nas.train.events import read_events
from tests.train.test_resume import TINY

GRADIENT = [name for name in STRATEGIES.names() if STRATEGIES.get(name).differentiable]
SMOOTH = {"train__optimizer__eps": 1.0, "search__optimizer__eps": 1.0}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A trained network of the task."""
    return str(nas.retrain(out=tmp_path_factory.mktemp("teacher") / "run", train__steps=1, **TINY).run)


@pytest.fixture
def measures() -> Iterator[None]:
    """A loss and a metric of one's own."""

    def squares(output: Tensor, target: Tensor) -> Tensor:
        return ((output - target) / 255).square().mean()

    LOSSES.add("squares", squares)
    METRICS.add("constant", Metric(lambda restored, reference, task: 3.5))
    yield
    LOSSES.remove("squares")
    METRICS.remove("constant")


def furthest(one: Path, other: Path) -> float:
    a, b = (read_safetensors(run / "weights.safetensors") for run in (one, other))
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("strategy", GRADIENT)
def test_accumulated_batches_are_one_large_batch(strategy: str, tmp_path: Path) -> None:
    runs = {}
    for name, batch, parts in (("large", 4, 1), ("small", 2, 2)):
        settings = tiny_search(strategy, tmp_path, train__accumulate=parts, **SMOOTH)
        settings = settings.model_copy(update={"data": settings.data.model_copy(update={"batch": batch})})
        runs[name] = nas.search(settings, out=tmp_path / name).run
    assert furthest(runs["large"], runs["small"]) < 1e-6
    losses = [[e["loss"] for e in read_events(run) if e["kind"] == "train"] for run in runs.values()]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("strategy", ["pc_darts", "single_path"])
def test_float16_resumes_to_the_last_bit(strategy: str, tmp_path: Path) -> None:
    settings = tiny_search(strategy, tmp_path, train__fp16=True)
    whole = nas.search(settings, out=tmp_path / "whole")
    interrupted_search(settings, tmp_path / "cut", 2)
    resumed = nas.search(resume=tmp_path / "cut")
    assert resumed.weights_hash == whole.weights_hash and read_events(resumed.run) == read_events(whole.run)
    assert all("loss_scale" in e for e in read_events(whole.run) if e["kind"] == "train")


def test_a_search_has_losses_and_metrics_of_ones_own_and_a_teacher(
    measures: None, teacher: str, tmp_path: Path
) -> None:
    own: dict[str, Any] = {"train__loss": {"squares": 100, "l1": 1}, "train__metrics": ["constant", "ssim"]}
    taught = nas.search(
        tiny_search("pc_darts", tmp_path, train__teacher=teacher, train__patience=1, **own), out=tmp_path / "taught"
    )
    alone = nas.search(tiny_search("pc_darts", tmp_path, **own), out=tmp_path / "alone")
    assert taught.weights_hash != alone.weights_hash
    (scores,) = (e for e in read_events(taught.run) if e["kind"] == "validation")
    assert scores["constant"] == 3.5 and 0 < scores["ssim"] < 1 and scores["psnr"] > 0


def test_trials_have_them_too(measures: None, teacher: str, tmp_path: Path) -> None:
    values = []
    for changes in ({}, {"train__loss": "squares"}, {"train__teacher": teacher, "train__accumulate": 2}):
        result = nas.search(tiny_search("random", tmp_path, **changes), out=tmp_path / f"run{len(values)}")
        values.append([e["psnr"] for e in read_events(result.run) if e["kind"] == "trial"])
    assert len({tuple(v) for v in values}) == 3


def test_patience_counts_no_trials(tmp_path: Path) -> None:
    settings = tiny_search("random", tmp_path, train__patience=1)
    settings = settings.model_copy(update={"search": settings.search.model_copy(update={"trials": 3})})
    trials = [e for e in read_events(nas.search(settings, out=tmp_path / "run").run) if e["kind"] == "trial"]
    assert len(trials) == 3


@pytest.mark.parametrize("changes", [{"train__fp16": True}, {"train__accumulate": 2}])
def test_the_second_order_refuses_what_it_cannot_do(changes: dict[str, Any], tmp_path: Path) -> None:
    name = next(iter(changes)).replace("__", ".")
    with pytest.raises(UsageError, match=rf"{name} goes with the first order alone.*search\.order=first"):
        plan_search(tiny_search("darts", tmp_path, search__order="second", **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train__loss": "l7"}, "unknown loss 'l7'"),
        ({"train__metrics": ["l7"]}, "unknown metric 'l7'"),
        ({"train__teacher": "nowhere"}, "teacher 'nowhere' does not exist"),
        ({"train__bf16": True, "train__fp16": True}, "exclude each other"),
    ],
)
def test_a_dry_run_refuses_what_would_fail(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        plan_search(tiny_search("pc_darts", tmp_path, **changes))


def test_a_strategy_that_does_not_scale_its_loss_refuses_float16() -> None:
    class Plain(DifferentiableStrategy):
        def prepare(self, supernet: Any, loss: Any) -> None: ...

        def step(self, supernet: Any, train_batch: Any, search_batch: Any) -> dict[str, float]:
            return {}

        def state_dict(self) -> dict[str, Any]:
            return {}

        def load_state_dict(self, state: dict[str, Any]) -> None: ...

    Plain(SearchOptions(), TrainSettings(bf16=True))
    with pytest.raises(UsageError, match=r"take train\.bf16 instead"):
        Plain(SearchOptions(), TrainSettings(fp16=True))
