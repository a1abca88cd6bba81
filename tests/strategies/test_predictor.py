"""The predictor finds known optima with few trials; its Gaussian process is right where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from nas.config.search import LimitSettings, SearchOptions
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.strategies.base import DiscreteStrategy
from nas.strategies.gaussian_process import Kernel, Posterior, choose_kernel, fitted_at, shared
from nas.tasks import get_task
from tests.strategies.test_discrete_strategies import TINY

Vector = tuple[int, ...]
EFFECTS = np.random.default_rng(4).normal(0, 1, (3, 4))


def made(seed: int = 1, **settings: object) -> DiscreteStrategy:
    options = SearchOptions.model_validate({"startup": 6, **settings})
    strategy: DiscreteStrategy = STRATEGIES.get("predictor")(options, TINY, seed)
    return strategy


def additive(vector: Vector) -> float:
    return float(sum(EFFECTS[d, i] for d, i in enumerate(vector)))


def first_hit(strategy: DiscreteStrategy, trials: int = 27) -> int:
    space = TINY
    best = max(
        (space.encode(space.decode(v)) for v in np.ndindex(*(len(d.choices) for d in space.decisions))), key=additive
    )
    for trial in range(trials):
        genotype = strategy.ask()
        if space.encode(genotype) == best:
            return trial + 1
        strategy.tell(genotype, {"psnr": additive(space.encode(genotype))})
    return trials + 1


def test_independent_effects_are_learned_from_a_few_genotypes() -> None:
    hits = [first_hit(made(seed)) for seed in range(6)]
    assert max(hits) <= 14 and np.mean(hits) < 10  # random search needs 14 of 27 on average


def test_a_posterior_without_noise_goes_through_its_points_and_is_unsure_elsewhere() -> None:
    points = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 2]])
    posterior = Posterior(Kernel(3, 0.5, 1.0, 1e-9), shared(points, points), np.array([1.0, 2.0, 4.0]))
    mean, sd = posterior.predict(shared(points, points))
    assert mean == pytest.approx([1.0, 2.0, 4.0], abs=1e-5) and sd == pytest.approx([0.0] * 3, abs=1e-3)
    _, beyond = posterior.predict(shared(points, np.array([[2, 2, 0]])))
    assert beyond[0] > 0.1


def test_the_posterior_is_that_of_the_formulas() -> None:
    rng = np.random.default_rng(0)
    points, others, values = rng.integers(0, 3, (6, 4)), rng.integers(0, 3, (5, 4)), rng.normal(size=6)
    kernel = Kernel(4, 0.9, 3.0, 0.1)
    k = kernel.by_count[shared(points, points)] + 0.1 * np.eye(6)
    across = kernel.by_count[shared(points, others)]
    scaled = (values - values.mean()) / values.std()
    scale = scaled @ np.linalg.solve(k, scaled) / 6
    mean, sd = Posterior(kernel, shared(points, points), values).predict(shared(points, others))
    assert mean == pytest.approx(values.mean() + values.std() * (across.T @ np.linalg.solve(k, scaled)))
    variance = scale * (1.0 - np.einsum("ij,ij->j", across, np.linalg.solve(k, across)))
    assert sd == pytest.approx(values.std() * np.sqrt(variance))


def test_noise_is_seen_in_the_likelihood() -> None:
    rng = np.random.default_rng(1)
    points = np.array(list(np.ndindex(3, 3, 3)))
    counts = shared(points, points)
    signal = np.array([additive(tuple(p)) for p in points])
    quiet, loud = (choose_kernel(counts, signal + sd * rng.normal(size=27), 3).noise for sd in (0.01, 5.0))
    assert quiet == 0.02 and loud == 0.5


def test_the_kernel_is_chosen_anew_only_when_a_fifth_has_been_added() -> None:
    sizes = [fitted_at(n) for n in range(1, 100)]
    assert all(fitted <= n for n, fitted in enumerate(sizes, 1)) and len(set(sizes)) < 25
    assert all(1.2 * fitted + 3 > n for n, fitted in enumerate(sizes, 1) if n > 4)


def test_limits_are_kept_and_costs_are_weighed() -> None:
    costs = GenotypeCosts(TINY, get_task("sr_x2"))
    every = sorted(costs.of(TINY.decode(v))["params"] for v in np.ndindex(*(len(d.choices) for d in TINY.decisions)))
    limit = every[len(every) // 2]
    spent = []
    for power in (0.0, 4.0):
        strategy = made(cost_power=power)
        strategy.costs = costs
        strategy.restrict(Constraints(TINY, costs, LimitSettings(params=limit)))
        asked = []
        for _ in range(9):
            genotype = strategy.ask()
            asked.append(costs.of(genotype))
            strategy.tell(genotype, {"psnr": additive(TINY.encode(genotype))})
        assert all(cost["params"] <= limit for cost in asked)
        spent.append(sum(cost["macs"] for cost in asked[6:]))
    assert spent[1] < spent[0]


def test_a_restored_state_proposes_the_same() -> None:
    def play(strategy: DiscreteStrategy, trials: int) -> list[Vector]:
        asked = []
        for _ in range(trials):
            genotype = strategy.ask()
            asked.append(TINY.encode(genotype))
            strategy.tell(genotype, {"psnr": additive(asked[-1]), "macs": float(sum(asked[-1]))})
        return asked

    objectives = ["psnr", "macs"]
    whole = play(made(objectives=objectives), 12)
    first, second = made(objectives=objectives), made(seed=9, objectives=objectives)
    play(first, 8)
    second.load_state_dict(first.state_dict())
    assert play(second, 4) == whole[8:]
