"""The Pareto archive: dominance is an order, and the archive is what that order leaves."""

from __future__ import annotations

import csv
import random
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nas
from nas.objectives.pareto import ParetoArchive, dominates, hypervolume

SPACE = nas.load_space("jsm", overrides={"network.cells": 1})
OBJECTIVES = ("psnr", "macs", "params")

# few different numbers, so that ties happen
values = st.fixed_dictionaries({name: st.integers(0, 4).map(float) for name in OBJECTIVES})
objectives = st.sampled_from([OBJECTIVES[:1], OBJECTIVES[:2], OBJECTIVES])


def filled(points: list[dict[str, float]], names: tuple[str, ...]) -> ParetoArchive:
    archive = ParetoArchive(names)
    for seed, point in enumerate(points):
        archive.insert(SPACE.sample(seed), point)
    return archive


@given(values, values, objectives)
def test_dominance_is_irreflexive_and_asymmetric(
    a: dict[str, float], b: dict[str, float], names: tuple[str, ...]
) -> None:
    assert not dominates(a, a, names)
    assert not (dominates(a, b, names) and dominates(b, a, names))


@given(values, values, values, objectives)
def test_dominance_is_transitive(
    a: dict[str, float], b: dict[str, float], c: dict[str, float], names: tuple[str, ...]
) -> None:
    if dominates(a, b, names) and dominates(b, c, names):
        assert dominates(a, c, names)


@given(values, values)
def test_more_psnr_is_better_and_more_cost_is_worse(a: dict[str, float], b: dict[str, float]) -> None:
    better = {"psnr": max(a["psnr"], b["psnr"]) + 1, **{n: min(a[n], b[n]) for n in OBJECTIVES[1:]}}
    assert dominates(better, a, OBJECTIVES) and dominates(better, b, OBJECTIVES)


@settings(max_examples=50, deadline=None)
@given(st.lists(values, max_size=12), objectives)
def test_the_archive_is_exactly_what_nothing_dominates(points: list[dict[str, float]], names: tuple[str, ...]) -> None:
    archive = filled(points, names)
    expected = [p for p in points if not any(dominates(q, p, names) for q in points)]
    assert [p.values for p in archive.points] == expected


@settings(max_examples=30, deadline=None)
@given(st.lists(values, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_insertion_does_not_change_the_front(points: list[dict[str, float]], rng: random.Random) -> None:
    mixed = list(points)
    rng.shuffle(mixed)
    front = sorted(tuple(p.values.items()) for p in filled(points, OBJECTIVES).points)
    assert front == sorted(tuple(p.values.items()) for p in filled(mixed, OBJECTIVES).points)


@settings(max_examples=40, deadline=None)
@given(st.lists(values, max_size=8), objectives)
def test_the_hypervolume_is_what_is_dominated_counted_unit_by_unit(
    points: list[dict[str, float]], names: tuple[str, ...]
) -> None:
    reference = [0.0 if name == "psnr" else 5.0 for name in names]
    units = sum(
        any(all(p[n] >= x + 1 if n == "psnr" else p[n] <= x for n, x in zip(names, unit, strict=True)) for p in points)
        for unit in product(range(5), repeat=len(names))
    )
    front = [p.values for p in filled(points, names).points]
    for some in (points, front):
        assert hypervolume([[p[n] for n in names] for p in some], reference, names) == units


def test_a_hypervolume_is_of_a_quality_and_a_cost_unless_told_otherwise() -> None:
    points = [(31.0, 4.0), (32.0, 6.0)]
    assert hypervolume(points, (30.0, 10.0)) == 1 * 6 + 1 * 4
    assert hypervolume(points, (30.0, 10.0), ("score", "latency")) == hypervolume(points, (30.0, 10.0))
    assert hypervolume([(29.0, 1.0), (33.0, 10.0)], (30.0, 10.0)) == 0.0, "no better than the reference in one of them"


def test_a_tie_goes_to_the_cheaper_genotype() -> None:
    archive = ParetoArchive(("psnr",))
    cost = {}
    for seed, (psnr, macs) in enumerate([(30.0, 7.0), (31.0, 9.0), (31.0, 5.0), (31.0, 6.0)]):
        genotype = SPACE.sample(seed)
        cost[genotype.hash] = macs
        archive.insert(genotype, {"psnr": psnr})
    best = archive.best(lambda g: (cost[g.hash],))
    assert best is not None and cost[best.genotype.hash] == 5.0
    front = ParetoArchive(("psnr", "macs"))
    for seed, (psnr, macs) in enumerate([(30.0, 1.0), (31.0, 9.0), (31.0, 5.0)]):
        front.insert(SPACE.sample(seed), {"psnr": psnr, "macs": macs})
    top = front.best()
    assert top is not None and top.values == {"psnr": 31.0, "macs": 5.0} and len(front.points) == 2


def test_an_empty_archive_has_no_best() -> None:
    assert ParetoArchive(("psnr",)).best() is None


def test_what_is_written_is_the_front_and_nothing_older(tmp_path: Path) -> None:
    archive = ParetoArchive(("psnr", "macs"))
    archive.insert(SPACE.sample(0), {"psnr": 30.0, "macs": 5.0, "params": 3.0})
    archive.write(tmp_path)
    archive.insert(SPACE.sample(1), {"psnr": 31.0, "macs": 4.0, "params": 2.0})
    archive.insert(SPACE.sample(2), {"psnr": 29.0, "macs": 1.0, "params": 1.0})
    rows = list(csv.DictReader(archive.write(tmp_path).open()))
    assert [r["genotype"] for r in rows] == [SPACE.sample(1).hash, SPACE.sample(2).hash]
    assert list(rows[0]) == ["genotype", "psnr", "macs", "params"] and float(rows[0]["psnr"]) == 31.0
    saved = sorted((tmp_path / "pareto").iterdir())
    assert {nas.Genotype.load(f).hash for f in saved} == {r["genotype"] for r in rows} == {f.stem for f in saved}


def test_the_state_gives_the_archive_back() -> None:
    archive = filled([{"psnr": 3.0, "macs": 2.0, "params": 1.0}, {"psnr": 2.0, "macs": 1.0, "params": 1.0}], OBJECTIVES)
    again = ParetoArchive(OBJECTIVES)
    again.load_state_dict(archive.state_dict())
    assert again.points == archive.points and again.summary() == archive.summary()
    assert not again.insert(SPACE.sample(0), {"psnr": 3.0, "macs": 2.0, "params": 1.0})


@pytest.mark.parametrize("missing", OBJECTIVES)
def test_a_point_needs_every_objective(missing: str) -> None:
    point = {name: 1.0 for name in OBJECTIVES if name != missing}
    archive = ParetoArchive(OBJECTIVES)
    archive.insert(SPACE.sample(0), dict.fromkeys(OBJECTIVES, 1.0))
    with pytest.raises(KeyError, match=missing):
        archive.insert(SPACE.sample(1), point)
