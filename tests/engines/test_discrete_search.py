"""The trial learner in a real search loop, with estimators that cost nothing."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.search import search
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.estimators.base import Estimator, Report
from nas.estimators.pruning import rungs
from nas.objectives.costs import GenotypeCosts
from nas.registry import ESTIMATORS
from nas.space import Genotype
from nas.tasks import get_task
from nas.train import loop
from nas.train.events import read_events
from tests.registries import replaced


class Pretended(Estimator):
    """A PSNR that is a function of the genotype, approached from below as training goes on."""

    trains = True

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        level = 20.0 + self.level(genotype)
        for steps in rungs(self.settings.search) if report is not None else ():
            if report is not None and report(steps, level - 5.0 / steps):
                return {"loss": 1.0, "psnr": level - 5.0 / steps, "steps": steps}
        return {"loss": 1.0, "psnr": level, "steps": self.settings.search.trial_steps}

    def level(self, genotype: Genotype) -> float:
        return int(genotype.hash[:6], 16) / 16**6


class Flat(Pretended):
    def level(self, genotype: Genotype) -> float:
        return 0.0


class Diverging(Pretended):
    def level(self, genotype: Genotype) -> float:
        return math.nan if int(genotype.hash[:4], 16) % 2 else super().level(genotype)


@pytest.fixture(params=["evolution", "tpe", "random"])
def strategy(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def settings_for(strategy: str, *assignments: str, **flags: Any) -> SearchSettings:
    return build(
        SearchSettings,
        None,
        ["search.trials=12", "search.trial_steps=90", "search.population=4", "data.validation=1", *assignments],
        strategy=strategy,
        overrides={"network.cells": 1},
        data__batch=1,
        data__patch=32,
        threads=1,
        **flags,
    )


Pretend = Callable[[type[Estimator]], None]


@pytest.fixture
def pretend() -> Iterator[Pretend]:
    """Puts an estimator in place of the short training, for one test."""
    with ExitStack() as stack:
        yield lambda estimator: stack.enter_context(replaced(ESTIMATORS, "train", estimator))


def trial_events(run: Path) -> list[dict[str, Any]]:
    return [e for e in read_events(run) if e["kind"] == "trial"]


@pytest.mark.parametrize("objectives", ["[psnr]", "[psnr, macs]"])
@pytest.mark.parametrize("pruning", ["true", "false"])
def test_a_search_interrupted_between_trials_ends_like_an_uninterrupted_one(
    strategy: str, objectives: str, pruning: str, tmp_path: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(Pretended)
    settings = settings_for(strategy, f"search.objectives={objectives}", f"search.pruning={pruning}")
    whole = search(settings, out=tmp_path / "whole")
    genuine = loop.save_state

    def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
        path = genuine(folder, step, state)
        if step == 7:
            raise KeyboardInterrupt
        return path

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", save)
        with pytest.raises(KeyboardInterrupt):
            search(settings, out=tmp_path / "cut")
    resumed = search(resume=tmp_path / "cut")
    assert (resumed.genotype, resumed.scores) == (whole.genotype, whole.scores)
    assert trial_events(resumed.run) == trial_events(whole.run)
    assert len(trial_events(whole.run)) == 12 == len({e["genotype"] for e in trial_events(whole.run)})
    if objectives != "[psnr]":
        assert (resumed.run / "pareto.csv").read_text() == (whole.run / "pareto.csv").read_text()


def test_the_front_is_written_out_and_its_best_psnr_is_the_result(
    strategy: str, tmp_path: Path, pretend: Pretend
) -> None:
    pretend(Pretended)
    result = search(settings_for(strategy, "search.objectives=[psnr, macs]"), out=tmp_path / "run")
    events = trial_events(result.run)
    front = [
        e for e in events if not any(o["psnr"] >= e["psnr"] and o["macs"] <= e["macs"] and o is not e for o in events)
    ]
    rows = list(csv.DictReader((result.run / "pareto.csv").open()))
    assert {r["genotype"] for r in rows} == {e["genotype"] for e in front}
    assert {f.stem for f in (result.run / "pareto").iterdir()} == {r["genotype"] for r in rows}
    assert result.genotype.hash == max(events, key=lambda e: e["psnr"])["genotype"] == rows[0]["genotype"]
    last = [e for e in read_events(result.run) if e["kind"] == "pareto"][-1]
    assert last["points"] == [
        {"genotype": r["genotype"], "psnr": float(r["psnr"]), "macs": float(r["macs"])} for r in rows
    ]
    costs = GenotypeCosts(space_of(settings_for(strategy)), get_task("sr_x2"))
    for row in rows:
        genotype = Genotype.load(result.run / "pareto" / f"{row['genotype']}.json")
        assert costs.of(genotype) == {"params": float(row["params"]), "macs": float(row["macs"])}


def test_a_tie_is_broken_by_cost(tmp_path: Path, pretend: Pretend) -> None:
    pretend(Flat)
    result = search(settings_for("random"), out=tmp_path / "run")
    cheapest = min(trial_events(result.run), key=lambda e: e["macs"])
    assert result.genotype.hash == cheapest["genotype"] and not (result.run / "pareto.csv").exists()


def test_limits_hold_for_every_trial_and_the_result(strategy: str, tmp_path: Path, pretend: Pretend) -> None:
    pretend(Pretended)
    result = search(settings_for(strategy, limits__params=100_000.0, limits__macs=23e9), out=tmp_path / "run")
    events = trial_events(result.run)
    assert len(events) == 12
    assert all(e["params"] <= 100_000 and e["macs"] <= 23e9 for e in events)
    assert result.genotype.hash in {e["genotype"] for e in events}


def test_a_single_trial_keeps_the_limits_too(strategy: str, tmp_path: Path) -> None:
    settings = settings_for(strategy, "search.trials=1", limits__params=98_000.0)
    genotype = search(settings, out=tmp_path / "run").genotype
    assert GenotypeCosts(space_of(settings), get_task("sr_x2")).of(genotype)["params"] <= 98_000


def test_pruned_trials_count_as_trials_and_the_saved_steps_are_reported(
    strategy: str, tmp_path: Path, pretend: Pretend
) -> None:
    pretend(Pretended)
    result = search(settings_for(strategy, "search.pruning=true"), out=tmp_path / "run")
    events = trial_events(result.run)
    pruned = [e for e in events if e["state"] == "pruned"]
    assert len(events) == 12 and 0 < len(pruned) < 12
    assert all(e["steps"] in (10, 30) for e in pruned)
    assert all(e["steps"] == 90 for e in events if e["state"] == "complete")
    saved = sum(90 - e["steps"] for e in pruned)
    assert events[-1]["saved_steps"] == saved == result.scores["saved_steps"]
    best = max((e for e in events if e["state"] == "complete"), key=lambda e: e["psnr"])
    assert result.genotype.hash == best["genotype"] and result.scores["psnr"] == best["psnr"]
    levels = {e["genotype"]: Pretended.level(None, _named(e["genotype"])) for e in events}  # type: ignore[arg-type]
    # the pretended curves never cross, so halving must have kept the best of all
    assert result.genotype.hash == max(levels, key=lambda h: levels[h])


class _Named:
    def __init__(self, name: str) -> None:
        self.hash = name


def _named(name: str) -> Any:
    return _Named(name)


def test_a_trial_that_diverges_counts_and_the_search_continues(strategy: str, tmp_path: Path, pretend: Pretend) -> None:
    pretend(Diverging)
    result = search(settings_for(strategy), out=tmp_path / "run")
    events = trial_events(result.run)
    failed = [e for e in events if e["state"] == "failed"]
    assert len(events) == 12 and 0 < len(failed) < 12 and all("psnr" not in e for e in failed)
    assert result.genotype.hash not in {e["genotype"] for e in failed}
    warned = [e for e in read_events(result.run) if e["kind"] == "warning" and "diverged" in e["message"]]
    assert [e["step"] for e in warned] == [e["step"] for e in failed]
    json.loads((result.run / "summary.json").read_text())


def test_a_search_of_nothing_but_diverging_trials_says_so(tmp_path: Path, pretend: Pretend) -> None:
    class Diverging(Pretended):
        def level(self, genotype: Genotype) -> float:
            return math.nan

    pretend(Diverging)
    with pytest.raises(NasError, match=r"none of 12 trials came to a result; lower train\.optimizer\.lr"):
        search(settings_for("random"), out=tmp_path / "run")


def test_a_search_ends_when_the_space_is_used_up(strategy: str, tmp_path: Path, pretend: Pretend) -> None:
    pretend(Pretended)
    (tmp_path / "tiny.yaml").write_text(
        "{format: nas.space/1, name: tiny, skeleton: jsnet, network: {width: 16, cells: 1}, cells: {operation: "
        "{role: operation, nodes: 1, inputs: all, candidates: [none, skip_connect, srb, lrb], merge: sum}}}"
    )
    settings = settings_for(strategy, space=str(tmp_path / "tiny.yaml")).model_copy(update={"overrides": {}})
    result = search(settings, out=tmp_path / "run")
    assert len(trial_events(result.run)) == 3
    stop = [e for e in read_events(result.run) if e["kind"] == "stop"]
    assert len(stop) == 1 and stop[0]["reason"] == "all 3 allowed genotypes of the space were evaluated"


@pytest.mark.parametrize(
    ("assignments", "flags", "message"),
    [
        (["search.objectives=[psnr, latency]"], {}, "nas profile --latency-table"),
        (["search.objectives=[psnr, speed]"], {}, "unknown objective 'speed'"),
        (["search.pruning=true", "search.estimator=zero_cost"], {}, "search.pruning ends trainings early"),
        (["search.estimator=zero_cost", "search.proxy=synflo"], {}, "did you mean 'synflow'"),
        ([], {"limits__params": 10.0}, "no genotype of space 'jsm' keeps the limit of 10 params"),
        ([], {"limits__latency": 10.0}, "nas profile --latency-table"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_before_a_run_folder_is_made(
    assignments: list[str], flags: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(NasError, match=message) as caught:
        search(settings_for("evolution", *assignments, **flags), out=tmp_path / "run")
    assert isinstance(caught.value, UsageError) or "keeps the limit" in message
    assert not (tmp_path / "run").exists()


def test_the_trials_of_a_result_are_a_table_with_one_row_each(tmp_path: Path, pretend: Pretend) -> None:
    pretend(Pretended)
    result = search(settings_for("random"), out=tmp_path / "run")
    frame = result.trials_frame()
    assert list(frame["step"]) == list(range(1, 13)) and set(frame["state"]) == {"complete"}
    assert frame.loc[frame["psnr"].idxmax(), "genotype"] == result.genotype.hash
    assert frame["psnr"].max() == result.scores["psnr"] and frame["params"].min() > 0
