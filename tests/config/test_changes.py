"""What a resumed run may change, what it may not, and when a finished run has something left to do."""

from __future__ import annotations

import pytest

from nas.config.changes import Changes, changes_between, extends, may_change, refuse_fixed
from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.errors import UsageError

#: settings of a gradient search, of a search by trials and of a training
RUNS: dict[str, Settings] = {
    "gradient": build(SearchSettings, strategy="pc_darts"),
    "trials": build(SearchSettings, strategy="evolution", search__trials=8),
    "one trial": build(SearchSettings, strategy="random"),
    "inherited": build(SearchSettings, strategy="random", search__trials=8, search__estimator="supernet"),
    "training": build(RetrainSettings),
}
EVERYWHERE = ("device", "threads", "data.path", "data.workers", "data.cache", "train.time", "plugins")
MAY = {
    "gradient": (
        *(
            "train.steps",
            "train.optimizer.lr",
            "train.optimizer.weight_decay",
            "train.schedule.gamma",
            "train.clip",
            "train.skip_nonfinite",
        ),
        *("data.batch", "search.optimizer.lr", "search.stop_on_collapse", "limits.latency_table"),
        *("train.checkpoint_every", "train.validate_every", "train.log_every", "train.bf16"),
    ),
    "trials": ("search.trials", "study.workers", "study.storage", "limits.latency_table"),
    "one trial": ("study.workers",),
    "inherited": ("search.trials", "search.supernet"),
    "training": ("train.steps", "train.optimizer.lr", "train.optimizer.betas", "train.schedule.name", "data.batch"),
}
MAY_NOT = {
    "gradient": (
        *("space", "task", "strategy", "seed", "preset", "search.order", "search.warmup", "overrides.network.cells"),
        *("train.loss", "train.ema", "train.optimizer.name", "data.patch", "data.validation", "data.split_seed"),
        *("search.trials", "study.workers", "limits.params", "retrain.steps", "retrain.optimizer.lr"),
    ),
    "trials": (
        *("train.steps", "train.optimizer.lr", "data.batch", "search.trial_steps", "search.estimator", "strategy"),
        *("search.population", "search.objectives", "search.pruning", "task"),
    ),
    "one trial": ("search.trials", "space"),
    "inherited": ("search.supernet_steps", "search.estimator"),
    "training": (
        *("model", "network.width", "network.cells", "space", "init_from", "task", "seed", "train.loss"),
        *("train.criterion.loss", "data.patch", "data.stages", "data.augment", "train.schedule.unit"),
    ),
}


def cases(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(run, key) for run, keys in table.items() for key in keys]


@pytest.mark.parametrize(("run", "key"), [*cases(MAY), *((run, key) for run in RUNS for key in EVERYWHERE)])
def test_how_long_how_fast_and_where_may_change(run: str, key: str) -> None:
    assert may_change(RUNS[run], key)


@pytest.mark.parametrize(("run", "key"), cases(MAY_NOT))
def test_what_is_trained_may_not_change_and_is_refused_by_name(run: str, key: str) -> None:
    assert not may_change(RUNS[run], key)
    with pytest.raises(UsageError, match=key.replace(".", r"\.")):
        refuse_fixed(RUNS[run], {key: ("before", "after"), "device": ("cpu", "cuda")}, "runs/mine")


def test_steps_of_a_search_by_trials_are_refused_with_the_flag_that_is_meant() -> None:
    with pytest.raises(UsageError, match="--trials"):
        refuse_fixed(RUNS["trials"], {"train.steps": (1000, 2000)}, "runs/mine")


def test_all_refused_settings_are_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"'task'.*'search\.order'"):
        refuse_fixed(RUNS["gradient"], {"task": ("sr_x2", "sr_x3"), "search.order": ("first", "second")}, "run")


def test_changes_are_named_by_their_dotted_settings() -> None:
    before = build(RetrainSettings, network={"width": 8})
    after = build(
        RetrainSettings,
        before.model_dump(mode="json"),
        ["train.optimizer.lr=1e-4", "network.cells=2"],
        data__path=["photos"],
    )
    assert changes_between(before, after) == {
        "train.optimizer.lr": (1e-3, 1e-4),
        "data.path": ([], ["photos"]),
        "network.cells": (None, 2),
    }
    assert changes_between(before, before) == {}


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"train.steps": (6, 500)}, True),
        ({"train.steps": (6, 4)}, False),
        ({"search.trials": (4, 8)}, True),
        ({"train.time": (60.0, 90.0)}, True),
        ({"train.time": (60.0, None)}, True),
        ({"train.time": (None, 60.0)}, False),
        ({"train.optimizer.lr": (1e-3, 1e-4)}, False),
        ({"device": ("cpu", "cuda")}, False),
        ({"search.stop_on_collapse": (True, False)}, True),
        ({"data.path": (["a"], ["b"])}, False),
        ({}, False),
    ],
)
def test_a_finished_run_goes_on_only_if_it_gets_more_to_do(changes: Changes, more: bool) -> None:
    assert extends(changes) is more
