"""What every strategy must fulfil, as checks that authors can run on strategies of their own.

In the tests of a distribution that has a strategy::

    import pytest
    from nas.strategies.conformance import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_strategy_conforms(check, tmp_path):
        check("my_strategy", tmp_path)

Each check takes a registered name and an empty folder. It runs tiny searches on the sample photographs through the
public interface (seconds on a CPU), and raises an AssertionError that says what is violated.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import nas
from nas.config.owners import owners
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.config.sections import Section
from nas.errors import UsageError
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.space import Space, load_space
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.state import load_state, save_state

#: a space of one operation edge, so that a search takes seconds
SPACE = """
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
#: a space in which every kind of decision is open: ordered, flag, block with a parameter, kept edges
OPEN_SPACE = """
format: nas.space/2
name: open
skeleton: jsnet
share: cell
cells:
  operation:
    role: operation
    nodes: 3
    inputs: [[0], [1], [0, 1, 2]]
    candidates: [none, skip_connect, {block: gated_ffn, kernel: {choice: [3, 5]}}]
    edges: {"0->1": [lrb], "1->2": [srb]}
    keep: 2
network: {width: {choice: [8, 12]}, cells: {choice: [1, 2]}, image_residual: {choice: [false, true]}}
"""
#: what fixes the decisions of this space that a mixture cannot hold
NO_WORDS = {"network.image_residual": False}
#: genotypes that a strategy without gradients proposes in it
PROPOSED = 24
#: steps of a search by gradients, and trials of a search by whole genotypes
STEPS, TRIALS = 4, 2

Check = Callable[[str, Path], None]


class KilledError(Exception):
    """Stands for a process that is killed right after it has saved a state."""


def tiny_search(strategy: str, folder: Path, space: str | None = None, **flags: Any) -> SearchSettings:
    """A search of four steps, or of two trials of one step each.

    Args:
        strategy: Registered name.
        folder: Where the space document is written.
        space: Registered space or path; None for a space of one edge.
        flags: Further settings by name, as ``nas.search`` takes them.

    Returns:
        The whole configuration.
    """
    if space is None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tiny.yaml").write_text(SPACE, encoding="utf-8")
        space = str(folder / "tiny.yaml")
    own: dict[str, Any] = {"warmup": 0.25, "samples": 2}  # small too, if the strategy has such settings
    known = STRATEGIES.get(strategy).Settings.model_fields
    given = {
        "threads": 1,
        "data__batch": 1,
        "data__patch": 32,
        "data__validation": 1,
        "train__steps": STEPS,
        "train__log_every": 1,
        "train__checkpoint_every": 1,
        "train__validate_every": STEPS,
        "search__trials": TRIALS,
        "search__trial_steps": 1,
        **{f"search__{key}": value for key, value in own.items() if key in known},
        **flags,
    }
    return build(SearchSettings, space=space, strategy=strategy, **{"overrides": {"network.cells": 1}, **given})


def interrupted_search(settings: SearchSettings, out: Path, after: int) -> None:
    """A search that is killed right after it has written its state number ``after``."""

    def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
        path = save_state(folder, step, state)
        if step == after:
            raise KilledError
        return path

    with patch("nas.train.loop.save_state", save):
        try:
            nas.search(settings, out=out)
        except KilledError:
            return
    raise AssertionError(f"the search ended before it saved state {after}")


def resumed_equals_uninterrupted(strategy: str, folder: Path) -> None:
    """A search that is killed and resumed has the genotype, weights, scores and events of an uninterrupted one."""
    settings = tiny_search(strategy, folder)
    whole = nas.search(settings, out=folder / "whole")
    interrupted_search(settings, folder / "cut", 1)
    torch.rand(7)  # what else the process does must not matter
    resumed = nas.search(resume=folder / "cut")
    assert resumed.genotype == whole.genotype, "a resumed search found another genotype"
    assert resumed.weights_hash == whole.weights_hash, "a resumed search ended with other weights"
    assert resumed.scores == whole.scores, "a resumed search has other scores"
    assert read_events(resumed.run) == read_events(whole.run), "a resumed search logged other events"


def budget_is_obeyed(strategy: str, folder: Path) -> None:
    """A search has as many steps or trials as were asked for, and its genotype belongs to the space."""
    settings = tiny_search(strategy, folder)
    result = nas.search(settings, out=folder / "run")
    budget = STEPS if STRATEGIES.get(strategy).differentiable else TRIALS
    done = [e["step"] for e in read_events(result.run) if e["kind"] == "train"]
    assert done == list(range(1, budget + 1)), f"steps {done} instead of {budget}"
    _space(settings).validate(result.genotype)
    provenance = json.loads((result.run / "genotype.json").read_text(encoding="utf-8"))["provenance"]
    assert provenance["strategy"] == strategy, "the genotype does not say which strategy found it"


def state_is_plain(strategy: str, folder: Path) -> None:
    """The saved state holds only tensors and plain values; anything else could not be loaded."""
    result = nas.search(tiny_search(strategy, folder), out=folder / "run")
    state = load_state(result.run / "state")
    assert state is not None and state["step"] > 0, "there is no state that loads"


def time_budget_is_obeyed(strategy: str, folder: Path) -> None:
    """A search whose time is up ends after the current step, with a genotype."""
    result = nas.search(tiny_search(strategy, folder, train__time=1e-6), out=folder / "run")
    events = read_events(result.run)
    assert [e["step"] for e in events if e["kind"] == "train"] == [1], "it went on after its time was up"
    assert [e for e in events if e["kind"] == "stop"], "the events do not say why it ended"
    assert (result.run / "genotype.json").is_file(), "it left no genotype"


def limits_are_kept(strategy: str, folder: Path) -> None:
    """Limits at the median cost of random genotypes hold for the result and for every trial."""
    settings = tiny_search(strategy, folder, space="jsm")
    space = _space(settings)
    costs = GenotypeCosts(space, get_task(settings.task))
    found = [costs.of(space.sample(seed)) for seed in range(21)]
    limits = LimitSettings(**{name: statistics.median(c[name] for c in found) for name in ("params", "macs")})
    result = nas.search(settings.model_copy(update={"limits": limits}), out=folder / "run")
    assert costs.within(result.genotype, limits), "the genotype breaks a limit"
    for event in read_events(result.run):
        if event["kind"] == "trial":
            assert event["params"] <= (limits.params or 0) and event["macs"] <= (limits.macs or 0), "a trial breaks one"


def every_decision_is_searched(strategy: str, folder: Path) -> None:
    """A strategy of whole genotypes proposes different ones, within limits, in a space with all kinds of decisions.

    A strategy with a supernet searches it, or names the ``--set`` of what it cannot relax and searches the rest. Killed
    and resumed it ends the same. Its genotype has the sizes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open.yaml").write_text(OPEN_SPACE, encoding="utf-8")
    kind = STRATEGIES.get(strategy)
    settings = tiny_search(strategy, folder, space=str(folder / "open.yaml"))
    space = _space(settings)
    if kind.differentiable:
        _sizes_are_searched(settings.model_copy(update={"overrides": {}}), folder)  # with its depth open
        return
    if kind.external:
        return
    costs = GenotypeCosts(space, get_task(settings.task))
    limit = statistics.median(costs.of(space.sample(seed))["params"] for seed in range(9))
    made = kind(settings.search, space, 0)
    made.restrict(Constraints(space, costs, LimitSettings(params=limit)))
    found = []
    for _ in range(PROPOSED):
        found.append(made.ask())
        made.tell(found[-1], {"psnr": 30.0 - costs.of(found[-1])["params"] / 1e6})
    # a walk may come back to where it was
    assert len({genotype.hash for genotype in found}) > PROPOSED // 2, "the same genotypes are proposed again and again"
    assert all(costs.of(genotype)["params"] <= limit for genotype in found), "a genotype breaks the limit"
    moved = {i for i, n in enumerate(zip(*map(space.encode, found), strict=True)) if len(set(n)) > 1}
    still = [d.name for i, d in enumerate(space.decisions) if len(d.choices) > 1 and i not in moved]
    assert len(still) <= 1, f"decisions {still} are never changed"


def _sizes_are_searched(settings: SearchSettings, folder: Path) -> None:
    try:
        whole = nas.search(settings, out=folder / "run")
    except UsageError as error:
        assert "--set" in str(error), "the refusal does not say how to fix the decision"
        settings = settings.model_copy(update={"overrides": {**settings.overrides, **NO_WORDS}})
        whole = nas.search(settings, out=folder / "fixed")
    space = _space(settings)
    assert space.decode(space.encode(whole.genotype)) == whole.genotype, "the genotype is none of the space"
    assert whole.genotype.network["width"] in (8, 12), "the genotype does not hold the width"
    assert nas.derive(whole.run) == whole.genotype, "the run derives to another genotype than it found"
    interrupted_search(settings, folder / "cut", 2)
    torch.rand(7)  # what else the process does must not matter
    resumed = nas.search(resume=folder / "cut")
    assert resumed.genotype == whole.genotype, "a resumed search found other sizes"
    assert resumed.weights_hash == whole.weights_hash, "a resumed search ended with other weights"
    assert read_events(resumed.run) == read_events(whole.run), "a resumed search logged other events"


def settings_are_owned(strategy: str, folder: Path) -> None:
    """Its settings are a documented model and part of the configuration, and a misspelt key is refused."""
    model = STRATEGIES.get(strategy).Settings
    assert issubclass(model, Section), "Settings must be a subclass of nas.config.sections.Section"
    model()  # every setting has a default
    for name, field in model.model_fields.items():
        assert field.description, f"setting {name!r} has no description"
    settings = tiny_search(strategy, folder)
    assert model in owners(settings).values()
    written = settings.model_dump(mode="json")["search"]
    assert set(model.model_fields) <= set(written), "its settings are not in the configuration"
    try:
        tiny_search(strategy, folder, search__no_such_setting=1)
    except UsageError as error:
        assert "no_such_setting" in str(error)
    else:
        raise AssertionError("an unknown setting was accepted")


def _space(settings: SearchSettings) -> Space:
    return load_space(settings.space, preset=settings.preset, overrides=settings.overrides)


#: everything that a strategy must fulfil
CHECKS: tuple[Check, ...] = (
    settings_are_owned,
    budget_is_obeyed,
    state_is_plain,
    resumed_equals_uninterrupted,
    time_budget_is_obeyed,
    limits_are_kept,
    every_decision_is_searched,
)
