"""The two-way model: components of known tables, exact intervals, what it sees and a one-way analysis does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nas.errors import UsageError
from nas.statistics.two_way import two_way_components


def test_a_table_that_is_a_sum_has_no_residual() -> None:
    found = two_way_components([[g + s for s in (0.0, 1.0, 2.0)] for g in (0.0, 10.0)])
    assert found.residual_sd == pytest.approx(0.0, abs=1e-12)
    assert found.genotype_sd == pytest.approx(np.sqrt(50.0)) and found.seed_sd == pytest.approx(1.0)


def test_a_small_table_by_hand() -> None:
    # deviations from additivity are +-1 in every cell: sum of squares 4, one degree of freedom
    found = two_way_components([[2.0, 0.0], [0.0, 2.0]])
    assert found.residual_sd == pytest.approx(2.0) and found.f == pytest.approx(0.0)
    assert (found.genotype_sd, found.seed_sd) == (0.0, 0.0)
    assert found.difference_sd == pytest.approx(np.sqrt(8.0))


def test_the_interval_of_the_residual_covers_the_truth_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(400):
        noise = 0.03 * rng.standard_normal((8, 3))
        table = noise + 0.05 * rng.standard_normal((8, 1)) + 0.2 * rng.standard_normal((1, 3))
        found = two_way_components(table.tolist())
        hits += found.residual_low <= 0.03 <= found.residual_high
    assert 0.92 <= hits / 400 <= 0.98


def test_genotypes_that_a_common_movement_hides_from_a_one_way_analysis_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    common = np.array([[-0.2, 0.0, 0.2]])
    table = common + 0.05 * rng.standard_normal((12, 1)) + 0.01 * rng.standard_normal((12, 3))
    one, two = stats.f_oneway(*table), two_way_components(table.tolist())
    assert two.p is not None
    assert one.pvalue > 0.2 and two.p < 1e-6
    assert two.residual_sd < 0.02 < 0.1 < np.sqrt(table.var(axis=1, ddof=1).mean())


def test_the_share_of_the_genotypes_lies_in_its_interval_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(0), 0
    for _ in range(300):
        table = 0.2 * rng.standard_normal((8, 1)) + 0.2 * rng.standard_normal((8, 4)) + rng.standard_normal((1, 4))
        found = two_way_components(table.tolist())
        hits += found.reliability_low <= 0.5 <= found.reliability_high
    assert 0.92 <= hits / 300 <= 0.98


def test_noise_alone_has_no_genotype_component() -> None:
    found = two_way_components([[1.0, 2.0, 1.0], [2.0, 1.0, 2.0], [1.5, 1.5, 1.5]])
    assert (found.genotype_sd, found.reliability, found.reliability_low) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("table", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 2.0], [1.0, float("nan")]]])
def test_too_small_or_incomplete_tables_are_refused(table: list[list[float]]) -> None:
    with pytest.raises(UsageError, match="two-way"):
        two_way_components(table)
