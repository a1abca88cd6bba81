"""Searches that halt trainings: what goes on equals what was never halted, and an interrupted one goes on exactly."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.config.runs import SearchSettings
from nas.engines.setup import SHARES, space_of
from nas.errors import UsageError
from nas.estimators.halted import KEPT, HaltedTrainings
from nas.estimators.short_training import TrainEstimator
from nas.registry import STRATEGIES
from nas.strategies.conformance import SPACE, interrupted_search, tiny_search
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.training_data import open_training_data
from tests.bench.strategies.synthetic import write_table

MULTI = [s for s in STRATEGIES.names() if getattr(STRATEGIES.get(s), "multi_fidelity", False)]


def settings_for(folder: Path, strategy: str = "hyperband", **flags: Any) -> SearchSettings:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "three_edges.yaml").write_text(SPACE.replace("nodes: 1", "nodes: 2"), encoding="utf-8")
    given = {
        "space": str(folder / "three_edges.yaml"),
        "search__trials": 7,
        "search__trial_steps": 4,
        "search__reduction": 2,
        **flags,
    }
    return tiny_search(strategy, folder, **given)


def estimator_for(settings: SearchSettings, folder: Path | None) -> TrainEstimator:
    task = get_task(settings.task)
    made = TrainEstimator(settings, space_of(settings), task, open_training_data(settings, task, SHARES))
    made.prepare(folder, lambda s, f: f)
    return made


@pytest.mark.parametrize("kept", ["memory", "folder", "lost"])
def test_a_training_that_was_halted_ends_as_one_that_was_not(kept: str, tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    folder = None if kept == "memory" else tmp_path / "run"
    estimator = estimator_for(settings, folder)
    genotypes = [estimator.space.sample(seed) for seed in (1, 2)]
    whole = [estimator(g, trial) for trial, g in enumerate(genotypes)]
    for begun, steps in ((0, 1), (1, 2), (2, 4)):
        if kept == "lost":
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
        if kept == "folder":  # another process goes on
            estimator = estimator_for(settings, folder)
        found = [estimator.advance(g, trial, begun, steps) for trial, g in enumerate(genotypes)]
        assert [f["steps"] for f in found] == [steps - begun] * 2
    assert [(f["psnr"], f["loss"]) for f in found] == [(w["psnr"], w["loss"]) for w in whole]


def test_only_the_newest_states_are_kept(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        halted = HaltedTrainings(folder)
        for i in range(KEPT + 2):
            halted.keep(f"g{i:03}", {"step": 1})
        newest = halted.take(f"g{KEPT + 1:03}")
        assert halted.take("g000") is None and newest is not None and newest["step"] == 1


@pytest.mark.parametrize("strategy", MULTI)
@pytest.mark.parametrize("after", [3, 6])
def test_an_interrupted_search_equals_an_uninterrupted_one(strategy: str, after: int, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, strategy)
    whole = nas.search(settings, out=tmp_path / "whole")
    trained = [e["trained"] for e in read_events(whole.run) if e["kind"] == "trial"]
    assert trained[:4] == [1] * 4 and trained[4:] == [2, 2, 4]  # a bracket from the first level
    interrupted_search(settings, tmp_path / "cut", after)
    if after == 6:
        shutil.rmtree(tmp_path / "cut/halted")  # it only saves time
    resumed = nas.search(resume=tmp_path / "cut")
    assert resumed.genotype == whole.genotype and resumed.scores == whole.scores
    assert read_events(resumed.run) == read_events(whole.run)


def test_a_search_whose_time_is_up_early_has_the_genotype_that_went_furthest(tmp_path: Path) -> None:
    found = nas.search(settings_for(tmp_path, train__time=1e-6), out=tmp_path / "run")
    (trial,) = (e for e in read_events(found.run) if e["kind"] == "trial")
    assert trial["state"] == "halted" and found.genotype.hash == trial["genotype"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"search__estimator": "zero_cost"}, "cannot; set search.estimator=.*train"),
        ({"search__pruning": True}, "halts trainings itself"),
    ],
)
def test_what_cannot_halt_is_refused(flags: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        nas.search(settings_for(tmp_path, **flags), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_on_a_table_the_stored_marks_are_the_levels_and_each_stretch_costs_its_own_time(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table", seed_effects=(0.0,), repeated=0)
    found = nas.search(
        space=str(table / "small.yaml"),
        strategy="hyperband",
        search__estimator="table",
        search__table=str(table),
        search__trials=17,
        threads=1,
        out=tmp_path / "run",
    )
    trials = [e for e in read_events(found.run) if e["kind"] == "trial"]
    assert [e["trained"] for e in trials] == [100] * 10 + [250] * 4 + [500] * 2 + [1000]
    last = trials[-1]
    mine = [e for e in trials if e["genotype"] == last["genotype"]]
    assert [e["trained"] for e in mine] == [100, 250, 500, 1000]
    whole = sum(e["simulated_seconds"] for e in mine)
    assert whole == pytest.approx(10.0 + last["macs"] / 1e9, abs=0.05)
    assert found.genotype.hash == last["genotype"]
