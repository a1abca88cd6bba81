"""Comparisons of sides that share their seeds, and the number of seeds that they need."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nas.errors import UsageError
from nas.statistics.by_seed import compare_by_seed, paired_power, paired_seeds_needed


def test_shared_seeds_are_paired_whatever_their_order_and_others_are_not() -> None:
    a, b = {1: 1.1, 2: 2.1, 3: 3.3}, {3: 3.0, 1: 1.0, 2: 2.0}
    found = compare_by_seed(a, b)
    expected = stats.ttest_rel([1.1, 2.1, 3.3], [1.0, 2.0, 3.0])
    assert (found.method, found.p) == ("paired", pytest.approx(expected.pvalue))
    assert found.difference == pytest.approx(0.5 / 3)
    other = compare_by_seed(a, {4: 1.0, 5: 2.0, 6: 3.0})
    assert other.method == "Welch" and other.p == pytest.approx(
        stats.ttest_ind(list(a.values()), [1.0, 2.0, 3.0], equal_var=False).pvalue
    )


def test_the_power_of_pairs_equals_a_simulation() -> None:
    rng = np.random.default_rng(3)
    difference = 0.1 + np.sqrt(2) * 0.05 * rng.standard_normal((4000, 6))
    seen = (stats.ttest_1samp(difference, 0.0, axis=1).pvalue < 0.05).mean()
    assert paired_power(6, np.sqrt(2) * 0.05, 0.1) == pytest.approx(float(seen), abs=0.03)


@pytest.mark.parametrize(("ratio", "pairs"), [(0.5, 34), (0.8, 15), (0.2, 199)])
def test_pairs_needed_are_those_of_the_published_tables(ratio: float, pairs: int) -> None:
    # two-sided paired t-test at 5 %, power 80 %: d_z = 0.5 -> 34, 0.8 -> 15, 0.2 -> 199 (Cohen 1988; G*Power 3)
    assert paired_seeds_needed(1 / np.sqrt(2), ratio) == pairs


@pytest.mark.parametrize("n", [2, 3, 8])
def test_the_power_grows_with_the_difference_to_one_and_is_the_level_without_any(n: int) -> None:
    found = [paired_power(n, 0.01, d) for d in (1e-9, 0.01, 0.05, 0.1, 0.5, 5.0)]
    assert (
        found == sorted(found)
        and found[0] == pytest.approx(0.05, abs=1e-3)
        and found[-1] == pytest.approx(1.0, abs=1e-3)
    )
    moderate = stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, np.sqrt(n)) + stats.nct.cdf(
        -stats.t.ppf(0.975, n - 1), n - 1, np.sqrt(n)
    )
    assert found[1] == pytest.approx(float(moderate), abs=1e-4)


def test_two_seeds_are_the_fewest_and_a_difference_of_nothing_is_refused() -> None:
    assert paired_seeds_needed(0.0, 0.1) == 2 and paired_seeds_needed(0.001, 5.0) == 2
    with pytest.raises(UsageError, match="above zero"):
        paired_seeds_needed(0.1, 0.0)
