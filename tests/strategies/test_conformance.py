"""What every strategy must hold, also a third party's: parametrised over the registry, on two spaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.engines import search as search_module
from nas.engines.derive import derive
from nas.engines.search import search
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.estimators.supernets import load_supernet
from nas.models.weights import weights_hash
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.space import Genotype, load_space
from nas.strategies.conformance import CHECKS, Check, interrupted_search, tiny_search
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.state import load_state

#: strategies with an engine of their own resume by it, not bit for bit; what they do hold stands in their own tests
IN_PROCESS = [s for s in STRATEGIES.names() if not STRATEGIES.get(s).external]
DIFFERENTIABLE = [s for s in IN_PROCESS if STRATEGIES.get(s).differentiable]


@pytest.fixture(params=["jsm", "tiny"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> SearchSettings:
    return small(request.param, tmp_path)


def small(space: str, tmp_path: Path, strategy: str = "pc_darts", **flags: Any) -> SearchSettings:
    """A search of four steps, or of two trials of one step each, on ``space`` (registered, or "tiny")."""
    return tiny_search(strategy, tmp_path, None if space == "tiny" else space, **flags)


@pytest.fixture(autouse=True)
def small_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation on one small crop: its value is not the point here, and the photographs are large."""
    from nas.train.training_data import TrainingData

    def crop(self: TrainingData, model: Any) -> dict[str, float]:
        from nas.evaluation.inference import restore

        degraded, target = next(self.batches("weights")(10**6))
        difference = restore(model, degraded) - target
        return {"psnr": float(10 * torch.log10(255**2 / (difference**2).mean()))}

    monkeypatch.setattr(TrainingData, "validate", crop)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_every_strategy_conforms(strategy: str, check: Check, tmp_path: Path) -> None:
    check(strategy, tmp_path)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_search_in_the_joint_space_is_resumed_to_the_same_genotype(strategy: str, tmp_path: Path) -> None:
    settings = small("jsm", tmp_path, strategy)
    whole = search(settings, out=tmp_path / "whole")
    interrupted_search(settings, tmp_path / "cut", 1)
    resumed = search(resume=tmp_path / "cut")
    assert (resumed.genotype, resumed.weights_hash, resumed.scores) == (
        whole.genotype,
        whole.weights_hash,
        whole.scores,
    )
    assert read_events(resumed.run) == read_events(whole.run)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_limit_that_no_genotype_keeps_is_refused_before_the_search(strategy: str, tmp_path: Path) -> None:
    settings = small("tiny", tmp_path, strategy)
    space = space_of(settings)
    costs = GenotypeCosts(space, get_task("sr_x2"))
    least = min(costs.of(space.decode([k]))["params"] for k in range(len(space.decisions[0].choices)))
    with pytest.raises(NasError, match="no genotype of space") as caught:
        search(settings.model_copy(update={"limits": LimitSettings(params=least - 1)}), out=tmp_path / "run")
    assert f"{least:.6g}" in str(caught.value).replace(",", "")
    assert not (tmp_path / "run").exists()
    tight = settings.model_copy(update={"limits": LimitSettings(params=least), "strategy": "pc_darts"})
    if strategy == "pc_darts":  # exactly at the smallest cost there is one
        assert costs.of(search(tight, out=tmp_path / "tight").genotype)["params"] == least


@pytest.mark.parametrize("space", ["osm", "asm"])
@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_space_of_one_kind_of_cell_can_be_searched(strategy: str, space: str, tmp_path: Path) -> None:
    settings = small(space, tmp_path, strategy)
    genotype = search(settings, out=tmp_path / "run").genotype
    assert set(genotype.cells) == {"operation" if space == "osm" else "attention"}


def test_a_new_limit_derives_another_genotype_from_a_finished_search(tmp_path: Path) -> None:
    settings = small("tiny", tmp_path)
    result, space = search(settings, out=tmp_path / "run"), space_of(settings)
    costs = GenotypeCosts(space, get_task("sr_x2"))
    everything = [space.decode([k]) for k in range(len(space.decisions[0].choices))]
    smallest = min(everything, key=lambda g: costs.of(g)["params"])
    limits = LimitSettings(params=costs.of(smallest)["params"])
    assert derive(result.run, limits=limits) == smallest
    assert derive(result.run) == result.genotype == Genotype.load(result.run / "genotype.json")
    with pytest.raises(NasError, match="smallest possible params"):
        derive(result.run, limits=LimitSettings(params=10))


def test_a_new_limit_is_refused_for_a_discrete_search(tmp_path: Path) -> None:
    result = search(small("tiny", tmp_path, "random"), out=tmp_path / "run")
    with pytest.raises(UsageError, match="search again"):
        derive(result.run, limits=LimitSettings(params=1e6))


def test_a_search_that_collapses_ends_if_the_settings_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nas.engines import supernet_learner

    monkeypatch.setattr(supernet_learner, "skip_share", lambda genotype: 0.9)
    monkeypatch.setattr(supernet_learner, "is_decided", lambda supernet, taken, rate: taken > 0)
    settings = small("tiny", tmp_path, search__stop_on_collapse=True)
    events = read_events(search(settings, out=tmp_path / "run").run)
    assert [e["step"] for e in events if e["kind"] == "train"] == [1, 2]  # one step of warm-up, one of search
    assert "skip connections" in next(e for e in events if e["kind"] == "stop")["reason"]


def test_the_supernet_of_a_single_path_run_is_loaded_for_its_own_space_and_task_only(tmp_path: Path) -> None:
    settings = small("tiny", tmp_path, "single_path")
    result, space = search(settings, out=tmp_path / "run"), space_of(settings)
    supernet = load_supernet(result.run, space, get_task("sr_x2"))
    assert supernet.genotype() == result.genotype and not supernet.training
    assert weights_hash(supernet.state_dict()) == result.weights_hash
    with supernet.only(space.sample(2)), torch.no_grad():
        assert supernet(torch.rand(1, 3, 16, 16)).shape == (1, 3, 32, 32)
    with pytest.raises(UsageError, match="of space 'tiny' and task 'sr_x2'"):
        load_supernet(result.run, space, get_task("sr_x3"))
    with pytest.raises(UsageError, match="of space 'tiny'"):
        load_supernet(result.run, load_space("osm"), get_task("sr_x2"))
    other = search(small("tiny", tmp_path, "random"), out=tmp_path / "random")
    with pytest.raises(UsageError, match="single_path"):
        load_supernet(other.run, space, get_task("sr_x2"))


def test_an_unfinished_comparison_of_paths_has_no_genotype_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_search(small("tiny", tmp_path, "single_path"), tmp_path / "cut", 2)
    with pytest.raises(NasError, match="nothing to derive from yet"):
        derive(tmp_path / "cut")


@pytest.mark.parametrize("strategy", [s for s in DIFFERENTIABLE if not STRATEGIES.get(s).chooses_at_end])
def test_a_genotype_can_be_derived_from_an_unfinished_search(
    strategy: str, settings: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"strategy": strategy})
    interrupted_search(settings, tmp_path / "cut", 2)
    genotype = derive(tmp_path / "cut", tmp_path / "g.json")
    events = [e for e in read_events(tmp_path / "cut") if e["kind"] == "architecture"]
    assert events[-1]["genotype"] == genotype.hash


def test_weight_and_architecture_and_validation_images_are_disjoint(settings: SearchSettings, tmp_path: Path) -> None:
    parts = json.loads((search(settings, out=tmp_path / "run").run / "data.json").read_text())
    names = [n for part in parts.values() for n in part]
    assert set(parts) == {"weights", "architecture", "validation"} and len(names) == len(set(names))


def test_events_hold_what_the_report_draws(settings: SearchSettings, tmp_path: Path) -> None:
    events = read_events(search(settings, out=tmp_path / "run").run)
    last = [e for e in events if e["kind"] == "architecture"][-1]
    space = space_of(settings)
    for cell, definition in space.cells.items():
        assert len(last["entropy"][cell]) == len(last["probabilities"][cell]) == len(definition.edges)
        assert all(abs(sum(row) - 1) < 1e-4 for row in last["probabilities"][cell])
    assert sum(last["counts"].values()) == len(space.decisions) and 0 <= last["skip_share"] <= 1
    validation = [e for e in events if e["kind"] == "validation"][-1]
    assert validation["gap"] == pytest.approx(validation["psnr"] - validation["derived_psnr"])


def test_darts_searches_at_full_width_without_edge_weights() -> None:
    settings = build(SearchSettings, strategy="darts", overrides={"network.cells": 1})
    options = STRATEGIES.get("darts")(settings.search, settings.train).supernet_options()
    supernet = space_of(settings).supernet("sr_x2", **options)
    assert all("betas" not in name for name in supernet.arch_parameter_names())
    partial = space_of(settings).supernet("sr_x2")
    assert sum(p.numel() for p in supernet.parameters()) > sum(p.numel() for p in partial.parameters())


def test_a_collapsing_search_warns_once_while_it_lasts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: SearchSettings
) -> None:
    from nas.engines import supernet_learner

    monkeypatch.setattr(supernet_learner, "skip_share", lambda genotype: 0.9)
    monkeypatch.setattr(supernet_learner, "is_decided", lambda supernet, taken, rate: taken > 0)
    result = search(settings, out=tmp_path / "run")
    warnings = [e for e in read_events(result.run) if e["kind"] == "warning"]
    assert len(warnings) == 1 and "collapsing" in warnings[0]["message"]


def test_a_search_at_chance_does_not_call_itself_collapsing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: SearchSettings
) -> None:
    from nas.engines import supernet_learner

    monkeypatch.setattr(supernet_learner, "skip_share", lambda genotype: 0.9)
    result = search(settings, out=tmp_path / "run")
    assert not [e for e in read_events(result.run) if e["kind"] == "warning"]


def test_a_step_that_is_not_finite_stops_with_the_last_state_kept(
    settings: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.strategies.bilevel import BilevelStrategy

    genuine = BilevelStrategy.step

    def step(self: Any, *batches: Any) -> dict[str, float]:
        values = genuine(self, *batches)
        return {**values, "loss": float("nan")} if self._steps == 3 else values

    monkeypatch.setattr(BilevelStrategy, "step", step)
    with pytest.raises(NasError, match=r"loss is nan at step 3.*lr"):
        search_module.search(settings, out=tmp_path / "run")
    state = load_state(tmp_path / "run" / "state")
    assert state is not None and state["step"] == 2
