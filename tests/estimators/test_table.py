"""The estimator ``table``: values of stored trainings, the same for the same seed, and refusals that say what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.errors import NasError, UsageError
from nas.estimators.table_values import StoredTable
from nas.train.events import read_events
from tests.bench.strategies.synthetic import separable, write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), seed_effects=(0.25, -0.25))


@pytest.fixture
def search(table: Path, tmp_path: Path) -> Callable[..., Any]:
    def _search(**flags: Any) -> Any:
        given = {
            "space": str(table / "small.yaml"),
            "strategy": "random",
            "search__estimator": "table",
            "search__table": str(table),
            "search__trials": 5,
            "threads": 1,
        }
        return nas.search(out=tmp_path / "run", **{**given, **flags})

    return _search


def test_trials_have_the_values_and_costs_of_the_table(search: Callable[..., Any], table: Path) -> None:
    found = search()
    stored = StoredTable.load(table)
    space = nas.load_space(str(table / "small.yaml"))
    values = {space.decode(v).hash: separable(space.decode(v), v) for v in _vectors(space)}
    trials = [e for e in read_events(found.run) if e["kind"] == "trial"]
    assert len(trials) == 5
    for event in trials:
        assert event["psnr"] == pytest.approx(values[event["genotype"]])  # without the effects of the seeds
        spent = {run.cpu_seconds[-1] for run in stored.of(event["genotype"])}
        assert round(event["simulated_seconds"], 1) in {round(s, 1) for s in spent}
    assert found.genotype.hash == max(trials, key=lambda e: e["psnr"])["genotype"]


def _vectors(space: nas.Space) -> list[tuple[int, ...]]:
    from itertools import product

    return list(product(*(range(len(d.choices)) for d in space.decisions)))


def test_seed_effects_are_found_on_the_genotypes_that_all_seeds_trained(table: Path) -> None:
    effects = StoredTable.load(table).seed_effects
    assert effects[0][-1] == pytest.approx(0.25) and effects[1][-1] == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"search__table": None}, r"name the folder of the table in search\.table"),
        ({"space": "jsm"}, "the table in .* is of space"),
        ({"task": "sr_x3"}, "and task 'sr_x2'"),
        ({"search__table": "nowhere"}, "nas bench table make"),
        ({"search__pruning": True}, "trains nothing"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(
    search: Callable[..., Any], flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        search(**flags)


def test_an_untrained_genotype_and_a_strange_one_are_told_apart(tmp_path: Path) -> None:
    table = StoredTable.load(write_table(tmp_path, trained=1))
    (trained,) = table.runs
    untrained = next(digest for digest in table.costs if digest != trained)
    with pytest.raises(NasError, match="no training in the table yet"):
        table.of(untrained)
    with pytest.raises(NasError, match="is not of space"):
        table.of("0" * 16)
