"""The probability that one group is larger than another, against cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nas.errors import UsageError
from nas.statistics.superiority import superiority


def test_it_is_the_share_of_pairs_with_ties_counted_half() -> None:
    a, b = [1.0, 2.0, 2.0, float("inf")], [2.0, 0.0, 2.0]
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    assert superiority(a, b).probability == pytest.approx(np.mean(pairs))
    assert superiority(b, a).probability == pytest.approx(1 - np.mean(pairs))


def test_it_agrees_with_the_statistic_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.3, 1, 40), rng.normal(0, 2, 30)
    u = stats.mannwhitneyu(a, b).statistic
    assert superiority(a.tolist(), b.tolist()).probability == pytest.approx(u / (40 * 30))


def test_its_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    truth = float(stats.norm.cdf(0.5 / np.sqrt(2)))
    hits = 0
    for _ in range(400):
        found = superiority(rng.normal(0.5, 1, 60).tolist(), rng.normal(0, 1, 60).tolist())
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_groups_that_do_not_overlap_still_have_an_interval() -> None:
    found = superiority([2.0] * 20, [1.0] * 20)
    assert found.probability == found.high == 1.0
    assert found.low == pytest.approx(1 - (1 - 0.025 ** (1 / 20)))


@pytest.mark.parametrize("values", [[1.0], [1.0, float("nan")]])
def test_too_few_values_or_none_are_refused(values: list[float]) -> None:
    with pytest.raises(UsageError, match="two values"):
        superiority(values, [1.0, 2.0])
