"""A search goes on for longer: by gradients, by trials, and by the trials that many processes share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.derive import derive
from nas.engines.search import plan_search, search
from nas.errors import UsageError
from nas.estimators.base import Estimator, Report
from nas.images import write_image
from nas.registry import ESTIMATORS
from nas.space import Genotype
from nas.train.events import read_events
from nas.train.run import Run
from nas.train.state import load_state
from tests.registries import replaced

GRADIENT = {
    "overrides": {"network.cells": 1, "network.width": 8},
    "data__batch": 1,
    "data__patch": 32,
    "space": "osm",
    "data__validation": 1,
    "train__checkpoint_every": 1,
    "train__log_every": 1,
    "train__validate_every": 100,
    "train__schedule__name": "constant",
    "threads": 1,
}


def by_gradient(folder: Path, **changes: Any) -> Any:
    photos = folder.parent / "photos"
    photos.mkdir(exist_ok=True)
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        if not (photos / f"{seed}.png").exists():
            write_image(photos / f"{seed}.png", pixels)
    return search(out=folder, **{**GRADIENT, "data__path": [str(photos)], **changes})


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of two steps, one of them warm-up; for copies only."""
    return by_gradient(tmp_path_factory.mktemp("searched") / "run", train__steps=2, search__warmup=0.5).run


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched, tmp_path / "run"))


def test_a_longer_search_keeps_its_warm_up_and_goes_on_training_the_architecture(run: Path) -> None:
    result = search(resume=run, train__steps=4)
    architecture = [e["step"] for e in read_events(run) if e["kind"] == "train" and "arch_loss" in e]
    assert architecture == [2, 3, 4]
    assert result.genotype.provenance["architecture_steps"] == 3
    assert Run.open(run).history()[0]["changes"] == {"train.steps": [2, 4]}


def test_a_search_made_longer_equals_one_that_was_as_long_from_the_start(tmp_path: Path) -> None:
    whole = by_gradient(tmp_path / "whole", train__steps=3, search__warmup=0.0)
    cut = by_gradient(tmp_path / "cut", train__steps=1, search__warmup=0.0)
    longer = search(resume=cut.run, train__steps=3)
    assert (longer.weights_hash, longer.genotype.hash) == (whole.weights_hash, whole.genotype.hash)


def test_a_changed_rate_of_the_architecture_is_applied(run: Path) -> None:
    search(resume=run, train__steps=3, assign=["search.optimizer.lr=0.25"])
    state = load_state(run / "state")
    assert state is not None
    assert state["learner"]["strategy"]["architecture"]["param_groups"][0]["lr"] == 0.25


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"strategy": "darts"}, "strategy"),
        ({"strategy": "random"}, "strategy"),
        ({"space": "jsm"}, "space"),
        ({"task": "sr_x3"}, "task"),
        ({"search__order": "second"}, "search.order"),
        ({"search__warmup": 0.9}, "search.warmup"),
        ({"search__trials": 5}, "search.trials"),
        ({"overrides": {"network.cells": 2}}, "overrides.network.cells"),
        ({"study__workers": 2}, "study.workers"),
        ({"limits__params": 1e6}, "limits.params"),
        ({"seed": 9}, "seed"),
        ({"preset": "paper"}, "preset"),
    ],
)
def test_what_is_searched_is_refused_by_name(changes: dict[str, Any], name: str, run: Path) -> None:
    before = (run / "config.yaml").read_bytes()
    with pytest.raises(UsageError, match=name):
        search(resume=run, **{"train__steps": 9, **changes})
    assert (run / "config.yaml").read_bytes() == before and (run / "summary.json").is_file()


def test_a_plan_of_a_longer_search_writes_nothing(run: Path) -> None:
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    plan = plan_search(resume=run, train__steps=9)
    assert "stands at step 2 and would go on to 9" in plan.notes[0]
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def space_file(folder: Path) -> Path:
    import search_spaces

    file = folder / "mine.yaml"
    shutil.copy(Path(search_spaces.__file__).parent / "osm.yaml", file)
    return file


@pytest.mark.parametrize("which", ["the document", "the copy in the run"])
def test_an_edited_space_is_named_and_needs_force(which: str, tmp_path: Path) -> None:
    file = space_file(tmp_path)
    cut = by_gradient(tmp_path / "run", space=str(file), train__steps=1, search__warmup=0.0)
    target = file if which == "the document" else cut.run / "space.json"
    document = yaml.safe_load(target.read_text())
    (cell,) = document["cells"].values()
    cell["candidates"].remove("srb")
    target.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="space has the hash"):
        search(resume=cut.run, train__steps=2)
    if which == "the document":  # the recorded space is what goes on
        assert search(resume=cut.run, train__steps=2, force=True).genotype.hash


def test_a_search_goes_on_and_is_derived_without_the_document_of_its_space(tmp_path: Path) -> None:
    file = space_file(tmp_path)
    cut = by_gradient(tmp_path / "run", space=str(file), train__steps=1, search__warmup=0.0)
    file.unlink()
    longer = search(resume=cut.run, train__steps=2)
    (cut.run / "summary.json").unlink()
    assert derive(cut.run).hash == longer.genotype.hash


class ByHash(Estimator):
    """The value of a genotype is a function of its hash, and costs nothing."""

    quality = "psnr"

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        return {"psnr": int(genotype.hash[:6], 16) / 1e5, "steps": 0}


@pytest.fixture
def pretend() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(replaced(ESTIMATORS, "train", ByHash))
        yield


def trials(folder: Path) -> list[str]:
    return [e["genotype"] for e in read_events(folder) if e["kind"] == "trial"]


def of_trials(folder: Path, count: int, strategy: str, **changes: Any) -> Path:
    settings = {"strategy": strategy, "search__trials": count, "overrides": {"network.cells": 1}, "data__validation": 1}
    found = build(
        SearchSettings, None, ["search.population=4"] if strategy == "evolution" else (), **settings, **changes
    )
    return search(found, out=folder).run


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize("strategy", ["random", "evolution"])
def test_more_trials_end_as_if_there_had_been_so_many(strategy: str, tmp_path: Path) -> None:
    whole = of_trials(tmp_path / "whole", 9, strategy)
    cut = of_trials(tmp_path / "cut", 5, strategy)
    result = search(resume=cut, search__trials=9)
    assert trials(cut) == trials(whole) and len(trials(cut)) == 9
    assert result.genotype.hash == Genotype.load(whole / "genotype.json").hash


@pytest.mark.usefixtures("pretend")
def test_tpe_goes_on_from_its_trials_though_its_random_start_depends_on_their_number(tmp_path: Path) -> None:
    cut = of_trials(tmp_path / "cut", 5, "tpe")
    before = trials(cut)
    search(resume=cut, search__trials=8)
    assert trials(cut)[:5] == before and len(set(trials(cut))) == 8


@pytest.mark.usefixtures("pretend")
def test_a_shared_study_gets_more_trials_and_moves_with_its_run(tmp_path: Path) -> None:
    cut = of_trials(tmp_path / "cut", 4, "random", study__storage=str(tmp_path / "cut" / "study.journal"))
    moved = Path(shutil.move(cut, tmp_path / "moved"))
    result = search(resume=moved, search__trials=7)
    assert len(trials(moved)) == 7 == len(set(trials(moved))) and result.run == moved
    assert json.loads((moved / "summary.json").read_text())["trials"]["complete"] == 7
    assert not (tmp_path / "cut").exists()


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"train__steps": 5}, "--trials"),
        ({"search__trials": 3}, "4"),
        ({"train__optimizer__lr": 1e-5}, "train.optimizer.lr"),
        ({"data__batch": 2}, "data.batch"),
        ({"search__trial_steps": 9}, "search.trial_steps"),
        ({"threads": 2}, "--trials"),
    ],
)
def test_a_finished_search_by_trials_says_what_would_prolong_it(
    changes: dict[str, Any], name: str, tmp_path: Path
) -> None:
    cut = of_trials(tmp_path / "cut", 4, "random")
    with pytest.raises(UsageError, match=name):
        search(resume=cut, **changes)


WARNED = {
    "only warm-up": ({"train__steps": 2, "search__warmup": 1.0}, "not trained"),
    "no step": ({"train__steps": 0}, "not trained"),
    "two steps": ({"train__steps": 2, "search__warmup": 0.0}, "took only 2 steps"),
    "a low rate": ({"train__steps": 2, "search__warmup": 0.5, "search__optimizer__lr": 1e-6}, "took only 1 steps"),
    "gdas": ({"train__steps": 1, "search__warmup": 0.0, "strategy": "gdas"}, "took only 1 steps"),
    "darts": ({"train__steps": 1, "search__warmup": 0.0, "strategy": "darts"}, "took only 1 steps"),
}


@pytest.mark.parametrize("case", WARNED)
def test_a_search_whose_architecture_was_hardly_trained_says_so_beside_the_genotype(case: str, tmp_path: Path) -> None:
    changes, words = WARNED[case]
    result = by_gradient(tmp_path / "run", **changes)
    kept = Genotype.load(tmp_path / "run" / "genotype.json")
    for genotype in (result.genotype, kept, derive(tmp_path / "run")):
        assert words in genotype.to_text() and "random" in genotype.to_text()
    if changes["train__steps"]:
        (tmp_path / "run" / "summary.json").unlink()
        assert words in derive(tmp_path / "run").to_text()  # of an unfinished one, too


def test_a_search_that_moved_its_architecture_is_not_doubted(tmp_path: Path) -> None:
    result = by_gradient(tmp_path / "run", train__steps=2, search__warmup=0.0, search__optimizer__lr=0.5)
    assert result.genotype.provenance["architecture_steps"] == 2
    assert "warning" not in result.genotype.to_text()


def test_an_entropy_that_is_still_that_of_the_start_is_said(tmp_path: Path) -> None:
    changes = {"search__optimizer__lr": 0.06, "search__optimizer__weight_decay": 0.0}
    result = by_gradient(tmp_path / "run", train__steps=2, search__warmup=0.0, **changes)
    assert "still weigh alike after 2 architecture steps" in result.genotype.to_text()


def test_strategies_that_compare_at_the_end_are_not_asked(tmp_path: Path) -> None:
    result = by_gradient(tmp_path / "run", train__steps=1, strategy="single_path", search__samples=1)
    assert "warning" not in result.genotype.to_text() and "architecture_steps" not in result.genotype.provenance
