"""Constraints: what is allowed, how much is exceeded, and how a search finds what is still allowed."""

from __future__ import annotations

import random
from itertools import product

import pytest

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.constraints import Constraints, ExhaustedError
from nas.objectives.costs import GenotypeCosts
from nas.tasks import get_task
from tests.space.space_examples import tiny_space

SPACE = tiny_space()
COSTS = GenotypeCosts(SPACE, get_task("sr_x2"))
VECTORS = list(product(*(range(len(d.choices)) for d in SPACE.decisions)))
PARAMS = sorted(COSTS.of(SPACE.decode(v))["params"] for v in VECTORS)
LIMITS = LimitSettings(params=PARAMS[len(PARAMS) // 3], macs=max(COSTS.of(SPACE.decode(v))["macs"] for v in VECTORS))


def test_constraints_say_of_every_genotype_what_its_costs_say() -> None:
    constraints = Constraints(SPACE, COSTS, LIMITS)
    for vector in VECTORS:
        genotype = SPACE.decode(vector)
        assert constraints.violations(vector) == COSTS.violations(genotype, LIMITS)
        assert constraints.allows(vector) == COSTS.within(genotype, LIMITS)


def test_the_count_is_that_of_the_allowed_genotypes() -> None:
    allowed = [v for v in VECTORS if COSTS.within(SPACE.decode(v), LIMITS)]
    constraints = Constraints(SPACE, COSTS, LIMITS)
    assert 0 < len(allowed) < len(VECTORS)
    assert constraints.count() == len(allowed) and constraints.remaining(()) == allowed
    assert constraints.remaining(allowed[1:]) == allowed[:1]
    assert Constraints(SPACE).count() == SPACE.size() and not Constraints(SPACE).limited and constraints.limited


@pytest.mark.parametrize("seed", range(3))
def test_a_repaired_genotype_is_allowed_and_an_allowed_one_is_left_alone(seed: int) -> None:
    constraints, below = Constraints(SPACE, COSTS, LimitSettings(params=PARAMS[4])), random.Random(seed).randrange
    for vector in VECTORS:
        found = constraints.repair(vector, below)
        assert found is not None and constraints.allows(found)
        assert found == vector or not constraints.allows(vector)


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_another_genotype_is_always_a_new_allowed_one_until_none_is_left(limits: LimitSettings | None) -> None:
    constraints, below = Constraints(SPACE, COSTS, limits), random.Random(1).randrange
    seen: list[tuple[int, ...]] = []
    for _ in range(constraints.count() or 0):
        found = constraints.another(VECTORS[-1], seen, below)
        assert found not in seen and constraints.allows(found)
        seen.append(found)
    with pytest.raises(ExhaustedError, match="no further genotype"):
        constraints.another(VECTORS[-1], seen, below)


def test_a_limit_below_the_cheapest_genotype_is_refused_at_once() -> None:
    Constraints(SPACE, COSTS, LimitSettings(params=PARAMS[0]))
    with pytest.raises(NasError, match="raise the limit"):
        Constraints(SPACE, COSTS, LimitSettings(params=PARAMS[0] - 1))
