"""Statistics against values computed by hand, published ones, and other routines of scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nas.errors import UsageError
from nas.statistics import sentences as wording
from nas.statistics.intervals import agreement, kendall, paired, summary, welch


def test_the_interval_of_a_mean_is_students() -> None:
    found = summary([1.0, 2.0, 3.0])  # mean 2, SD 1, t(2) = 4.3027, half = 4.3027 / sqrt(3) = 2.4841
    assert (found.n, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.low == pytest.approx(2 - 2.48414, abs=1e-4) and found.high == pytest.approx(2 + 2.48414, abs=1e-4)


def test_one_value_has_no_spread_and_no_interval() -> None:
    found = summary([3.5])
    assert (found.n, found.mean, found.sd, found.low, found.high) == (1, 3.5, None, None, None)
    assert "no interval" in wording.decibels(found)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_missing_and_infinite_values_are_refused(values: list[float]) -> None:
    with pytest.raises(UsageError, match="finite"):
        summary(values)


def test_welch_by_hand() -> None:
    a, b = [1.0, 2.0, 3.0], [4.0, 6.0, 8.0]  # variances 1 and 4: SE^2 = 5/3, df = (5/3)^2 / (1/18 + 16/18) = 2.9412
    found = welch(a, b)
    freedom = (5 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(5 / 3)
    assert freedom == pytest.approx(2.9412, abs=1e-4)
    assert found.difference == -4.0
    assert found.low == pytest.approx(-4 - half) and found.high == pytest.approx(-4 + half)
    assert found.p == pytest.approx(2 * stats.t.sf(4 / math.sqrt(5 / 3), freedom))
    assert not found.decided


def test_paired_values_are_compared_pair_by_pair() -> None:
    a, b = [10.0, 20.0, 30.5], [9.0, 19.2, 29.0]
    found = paired(a, b)
    assert found.difference == pytest.approx(1.1) and found.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert welch(a, b).decided is False and found.decided is True
    with pytest.raises(UsageError, match="not 1 and 2"):
        paired([1.0], [1.0, 2.0])


def test_the_paired_interval_and_p_are_those_of_students_sleep_data() -> None:
    # Student (Biometrika 6, 1908), table of hours of sleep gained: t = -4.0621, 9 degrees of freedom
    a = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    b = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = paired(a, b)
    assert (found.n_a, found.n_b, found.method) == (10, 10, "paired")
    assert found.difference == pytest.approx(-1.58, abs=1e-12) and found.p == pytest.approx(0.002832890, abs=1e-9)
    assert found.low == pytest.approx(-2.4598858, abs=1e-7) and found.high == pytest.approx(-0.7001142, abs=1e-7)


@pytest.mark.parametrize("n", [2, 3, 5, 40])
def test_the_paired_interval_is_that_of_the_mean_of_the_differences(n: int) -> None:
    x, y = np.random.default_rng(n).standard_normal((2, n))
    found, mean = paired(x.tolist(), y.tolist(), 0.9), summary((x - y).tolist(), 0.9)
    assert mean.sd is not None
    assert (found.difference, found.low, found.high) == pytest.approx((mean.mean, mean.low, mean.high), abs=1e-12)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(mean.mean) / (mean.sd / math.sqrt(n)), n - 1), abs=1e-12)


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0]), ([1.0, 2.0], [2.0, 3.0])])
def test_equal_differences_have_no_paired_interval(a: list[float], b: list[float]) -> None:
    found = paired(a, b)
    assert found.difference == -1.0 and found.low is None and found.high is None and found.p is None


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_a_difference_without_spread_has_no_interval(a: list[float], b: list[float]) -> None:
    found = welch(a, b)
    assert found.low is None and found.p is None and not found.decided
    assert "nothing follows" in wording.verdict("search", "random", found)


def test_the_verdict_says_the_interval_n_and_what_follows() -> None:
    undecided = wording.verdict("search", "random", welch([1.0, 2.0, 3.0], [1.1, 2.1, 2.9]))
    assert "interval contains zero" in undecided and "cannot be told from random" in undecided and "n = 3" in undecided
    better = wording.verdict("search", "random", welch([5.0, 5.1, 5.2], [1.0, 1.1, 1.2]))
    assert "search is better than random" in better and "95 % interval" in better
    assert "worse" in wording.verdict("search", "random", welch([1.0, 1.1, 1.2], [5.0, 5.1, 5.2]))


def test_kendall_by_hand() -> None:
    # of the 10 pairs of 5 values, 8 are concordant and 2 discordant: tau = 0.6; exact two-sided p = 28/120
    found = kendall([1, 2, 3, 4, 5], [2, 1, 3, 5, 4])
    assert (found.n, found.tau) == (5, pytest.approx(0.6)) and found.p == pytest.approx(28 / 120)
    half = 1.959964 * math.sqrt(0.437)
    assert found.low == pytest.approx(math.tanh(math.atanh(0.6) - half), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(math.atanh(0.6) + half), abs=1e-6)


def test_kendall_where_there_is_nothing_to_rank() -> None:
    assert kendall([1, 1, 1], [1, 2, 3]).tau is None
    assert kendall([1], [1]).tau is None
    perfect = kendall([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    assert perfect.tau == pytest.approx(1) and perfect.low is None
    assert kendall([1, 2, 3, 4], [1, 2, 4, 3]).low is None  # n too small for an interval


def test_the_interval_of_tau_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, rho, hits = np.random.default_rng(0), 0.5, 0
    true = 2 / math.pi * math.asin(rho)  # tau of a bivariate normal
    for _ in range(400):
        x = rng.standard_normal(20)
        y = rho * x + math.sqrt(1 - rho**2) * rng.standard_normal(20)
        found = kendall(x.tolist(), y.tolist())
        assert found.low is not None and found.high is not None
        hits += found.low <= true <= found.high
    assert 0.91 <= hits / 400 <= 0.99


def test_agreement_of_equal_random_and_opposite_genotypes() -> None:
    choices = [2, 4, 4, 8]
    equal = agreement([[0, 1, 2, 3]] * 3, choices)
    assert equal.share == 1.0 and equal.pairs == 3 and equal.chance == pytest.approx((0.5 + 0.25 + 0.25 + 0.125) / 4)
    assert "more alike than chance" in wording.likeness(equal)
    half = agreement([[0, 0, 0, 0], [0, 0, 1, 1]], choices)
    assert half.share == 0.5 and half.pairs == 1
    alone = agreement([[0, 0, 0, 0]], choices)
    assert alone.share is None and "cannot be compared" in wording.likeness(alone)
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(100):
        drawn = [[int(rng.integers(k)) for k in choices * 3] for _ in range(3)]
        found = agreement(drawn, choices * 3, draws=500)
        assert found.share is not None and found.chance_low is not None and found.chance_high is not None
        inside += found.chance_low <= found.share <= found.chance_high
    assert inside >= 88
