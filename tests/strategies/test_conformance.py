"""What every strategy must hold, also a third party's: parametrised over the registry, on two spaces."""

from __future__ import annotations

import json
import statistics
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
from nas.estimators.inherited_weights import load_supernet
from nas.models.weights import weights_hash
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.space import Genotype, load_space
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.state import load_state

TINY = """
format: nas.space/1
name: tiny
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 1
    inputs: all
    candidates: [none, skip_connect, srb, sep_conv_3x3]
    merge: sum
    relaxation: {partial_channels: 4, edge_weights: true}
network: {width: 16, cells: 1}
"""
STEPS = 4
#: strategies with an engine of their own resume by it, not bit for bit; what they do hold stands in their own tests
IN_PROCESS = [s for s in STRATEGIES.names() if not getattr(STRATEGIES.get(s), "external", False)]
DIFFERENTIABLE = [s for s in IN_PROCESS if STRATEGIES.get(s).differentiable]


@pytest.fixture(params=["jsm", "tiny"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> SearchSettings:
    return small(request.param, tmp_path)


def small(space: str, tmp_path: Path, strategy: str = "pc_darts", **flags: Any) -> SearchSettings:
    """A search of four steps, or of two trials of one step each, on ``space`` (registered, or "tiny")."""
    if space == "tiny":
        (tmp_path / "tiny.yaml").write_text(TINY)
        space = str(tmp_path / "tiny.yaml")
    return build(
        SearchSettings,
        None,
        ["search.trials=2", "search.trial_steps=1", "search.samples=2", "data.validation=1", "search.warmup=0.25"],
        space=space,
        strategy=strategy,
        overrides={"network.cells": 1},
        train__steps=STEPS,
        data__batch=1,
        data__patch=32,
        threads=1,
        train__log_every=1,
        train__checkpoint_every=1,
        train__validate_every=STEPS,
        **flags,
    )


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


def timeless(run: Path) -> list[dict[str, Any]]:
    """The events without what a clock said."""
    return [{k: v for k, v in event.items() if k != "seconds"} for event in read_events(run)]


class KilledError(Exception):
    pass


def interrupted(settings: SearchSettings, out: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that dies right after its state number ``after`` was written."""
    from nas.train import loop

    genuine = loop.save_state

    def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
        path = genuine(folder, step, state)
        if step == after:
            raise KilledError
        return path

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_state", save)
        with pytest.raises(KilledError):
            search(settings, out=out)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_resumed_equals_uninterrupted_and_the_same_seed_gives_the_same_genotype(
    strategy: str, settings: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"strategy": strategy})
    whole = search(settings, out=tmp_path / "whole")
    interrupted(settings, tmp_path / "cut", 1, monkeypatch)
    torch.rand(7)  # whatever else the process did must not matter
    resumed = search(resume=tmp_path / "cut")
    assert resumed.genotype == whole.genotype
    assert resumed.weights_hash == whole.weights_hash
    assert resumed.scores == whole.scores
    assert timeless(resumed.run) == timeless(whole.run)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_the_budget_is_obeyed_and_the_state_is_plain(strategy: str, settings: SearchSettings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"strategy": strategy})
    result = search(settings, out=tmp_path / "run")
    budget = STEPS if STRATEGIES.get(strategy).differentiable else settings.search.trials
    trained = [e["step"] for e in read_events(result.run) if e["kind"] == "train"]
    assert trained == list(range(1, budget + 1))
    state = load_state(result.run / "state")  # loads with weights_only: nothing in it is code
    assert state is not None and state["step"] == budget
    space_of(settings).validate(result.genotype)
    assert json.loads((result.run / "genotype.json").read_text())["provenance"]["strategy"] == strategy


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_the_time_budget_ends_a_search_early_with_a_genotype(strategy: str, tmp_path: Path) -> None:
    result = search(small("tiny", tmp_path, strategy, train__time=1e-6), out=tmp_path / "run")
    events = read_events(result.run)
    assert [e["step"] for e in events if e["kind"] == "train"] == [1]
    assert ["time" in e["reason"] for e in events if e["kind"] == "stop"] == [True]
    assert (result.run / "genotype.json").is_file()


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_limit_that_half_of_the_space_breaks_is_kept(strategy: str, tmp_path: Path) -> None:
    settings = small("jsm", tmp_path, strategy)
    space = space_of(settings)
    costs = GenotypeCosts(space, get_task("sr_x2"))
    found = [costs.of(space.sample(seed)) for seed in range(21)]
    # both limits at once, each at the median of random genotypes
    limits = LimitSettings(
        params=statistics.median(c["params"] for c in found), macs=statistics.median(c["macs"] for c in found)
    )
    result = search(settings.model_copy(update={"limits": limits}), out=tmp_path / "run")
    assert costs.within(result.genotype, limits)
    model = space.network(result.genotype, "sr_x2")
    assert sum(p.numel() for p in model.parameters()) <= limits.params
    trials = [e for e in read_events(result.run) if e["kind"] == "trial"]
    assert all(e["params"] <= limits.params and e["macs"] <= limits.macs for e in trials)


@pytest.mark.parametrize("strategy", IN_PROCESS)
def test_a_limit_that_no_genotype_keeps_is_said_before_anything_is_done(strategy: str, tmp_path: Path) -> None:
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


def test_a_finished_search_is_derived_from_again_under_a_new_limit(tmp_path: Path) -> None:
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


def test_a_discrete_search_has_nothing_to_derive_under_a_new_limit_from(tmp_path: Path) -> None:
    result = search(small("tiny", tmp_path, "random"), out=tmp_path / "run")
    with pytest.raises(UsageError, match="search again"):
        derive(result.run, limits=LimitSettings(params=1e6))


def test_a_search_that_collapses_ends_if_it_is_told_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nas.engines import gradient as supernet_learner

    monkeypatch.setattr(supernet_learner, "skip_share", lambda genotype: 0.9)
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
    interrupted(small("tiny", tmp_path, "single_path"), tmp_path / "cut", 2, monkeypatch)
    with pytest.raises(NasError, match="nothing to derive from yet"):
        derive(tmp_path / "cut")


@pytest.mark.parametrize("strategy", [s for s in DIFFERENTIABLE if not STRATEGIES.get(s).chooses_at_end])
def test_an_unfinished_search_can_be_derived_from(
    strategy: str, settings: SearchSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings.model_copy(update={"strategy": strategy})
    interrupted(settings, tmp_path / "cut", 2, monkeypatch)
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
    from nas.engines import gradient as supernet_learner

    monkeypatch.setattr(supernet_learner, "skip_share", lambda genotype: 0.9)
    result = search(settings, out=tmp_path / "run")
    warnings = [e for e in read_events(result.run) if e["kind"] == "warning"]
    assert len(warnings) == 1 and "collapsing" in warnings[0]["message"]


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
