"""What a contest says: regret, cost to the top, probability of beating the reference, with intervals."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from scipy import stats

from nas.bench.strategies.contest import POINTS, Array, Outcome
from nas.errors import UsageError
from nas.files import write_text
from nas.statistics.intervals import LEVEL, summary
from nas.statistics.superiority import paired_superiority


@dataclass(frozen=True)
class Verdict:
    """One strategy in one scenario.

    Attributes:
        scenario: Name of the scenario.
        strategy: Name of the player.
        reference: Name of the player that it is compared with.
        genotypes: Genotypes of the table that were played.
        runs: Searches.
        trials: Mean number of trials.
        regret: Mean regret in dB when the simulated time is spent.
        regret_low: Lower end of its interval.
        regret_high: Upper end of its interval.
        wins: Probability that the regret is smaller than that of the reference's search with the same seed at the same
            simulated time, ties counted half; one half for the reference itself.
        wins_low: Lower end of its interval.
        wins_high: Upper end of its interval.
        top_share: Share of the searches that would return one of the best hundredth.
        top_seconds: Median simulated CPU seconds until then; infinite if fewer than half of the searches get there.
        top_low: Lower end of its interval.
        top_high: Upper end of its interval.
        cost_ratio: Median of the reference divided into ``top_seconds``: 0.5 is half of its cost.
        volume: Mean share of the hypervolume of PSNR and multiply-adds.
        volume_low: Lower end of its interval.
        volume_high: Upper end of its interval.
    """

    scenario: str
    strategy: str
    reference: str
    genotypes: int
    runs: int
    trials: float
    regret: float
    regret_low: float
    regret_high: float
    wins: float
    wins_low: float
    wins_high: float
    top_share: float
    top_seconds: float
    top_low: float
    top_high: float
    cost_ratio: float
    volume: float
    volume_low: float
    volume_high: float


def verdicts_of(outcomes: Sequence[Outcome], reference: str, genotypes: int = 0) -> list[Verdict]:
    """The verdict on each strategy in each scenario.

    Args:
        outcomes: Of one contest.
        reference: Name of the player that the others are compared with.
        genotypes: How many genotypes of the table were played; entered in each verdict.

    Returns:
        One for each outcome, in the same order.

    Raises:
        UsageError: The reference did not play.
    """
    references = {o.scenario.name: o for o in outcomes if o.player.name == reference}
    if any(o.scenario.name not in references for o in outcomes):
        raise UsageError(f"{reference!r} did not play, so nothing can be compared with it; add it to --strategies")
    return [_verdict(outcome, references[outcome.scenario.name], genotypes) for outcome in outcomes]


def _verdict(outcome: Outcome, reference: Outcome, genotypes: int) -> Verdict:
    final = outcome.by_time[:, -1]
    regret, regret_low, regret_high = _mean(final)
    volume, volume_low, volume_high = _mean(outcome.volume)
    wins = (0.5, 0.5, 0.5)
    if outcome is not reference:
        count = min(len(final), len(reference.by_time))  # both have the same first seeds
        found = paired_superiority((-final[:count]).tolist(), (-reference.by_time[:count, -1]).tolist())
        wins = (found.probability, found.low, found.high)
    top, low, high = _median(outcome.to_top)
    other = _median(reference.to_top)[0]
    return Verdict(
        outcome.scenario.name,
        outcome.player.name,
        reference.player.name,
        genotypes,
        len(final),
        float(outcome.trials.mean()),
        regret,
        regret_low,
        regret_high,
        *wins,
        float(np.isfinite(outcome.to_top).mean()),
        top,
        low,
        high,
        top / other if math.isfinite(other) and other > 0 else math.nan,
        volume,
        volume_low,
        volume_high,
    )


def _mean(values: Array) -> tuple[float, float, float]:
    """Mean and Student's interval."""
    found = summary(values.tolist())
    return (
        found.mean,
        found.mean if found.low is None else found.low,
        found.mean if found.high is None else found.high,
    )


def _median(values: Array) -> tuple[float, float, float]:
    """Median and its distribution-free interval, from order statistics (binomial); values may be infinite."""
    ordered, n = np.sort(values), len(values)
    rank = int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5))
    middle = float(ordered[(n - 1) // 2] if n % 2 else ordered[n // 2 - 1 : n // 2 + 1].mean())
    return middle, float(ordered[max(rank - 1, 0)]), float(ordered[min(n - rank, n - 1)])


@dataclass(frozen=True)
class CurvePoint:
    """Mean regret at one moment.

    Attributes:
        scenario: Name of the scenario.
        strategy: Name of the player.
        axis: ``trials``, or ``seconds`` of simulated CPU time.
        x: The moment.
        mean: Mean regret in dB.
        low: Lower end of the interval of the mean.
        high: Upper end of that interval.
        quarter: First quartile of the searches.
        three_quarters: Third quartile of the searches.
    """

    scenario: str
    strategy: str
    axis: str
    x: float
    mean: float
    low: float
    high: float
    quarter: float
    three_quarters: float


def curves_of(outcomes: Sequence[Outcome]) -> Iterator[CurvePoint]:
    """The mean regret of each strategy over trials and over simulated time.

    Args:
        outcomes: Of one contest.
    """
    for outcome in outcomes:
        times = np.linspace(0.0, outcome.budget, POINTS + 1)[1:]
        trials = np.arange(1, outcome.by_trial.shape[1] + 1)
        for axis, xs, values in (("trials", trials, outcome.by_trial), ("seconds", times, outcome.by_time)):
            quarters = np.quantile(values, [0.25, 0.75], axis=0)
            for i, x in enumerate(xs):
                mean, low, high = _mean(values[:, i])
                yield CurvePoint(
                    outcome.scenario.name,
                    outcome.player.name,
                    axis,
                    float(x),
                    mean,
                    low,
                    high,
                    float(quarters[0, i]),
                    float(quarters[1, i]),
                )


def write_rows(path: Path, rows: Sequence[Verdict] | Sequence[CurvePoint], kind: type[Verdict | CurvePoint]) -> Path:
    """Write verdicts or points as CSV with six significant digits; returns the path."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in asdict(row).items()})
    return write_text(path, text.getvalue())


def sentence(verdict: Verdict, reference: str) -> str:
    """What a verdict says, in words."""
    share = f"{verdict.wins:.0%} ({verdict.wins_low:.0%} to {verdict.wins_high:.0%}, n = {verdict.runs})"
    if verdict.wins_low > 0.5:
        return f"{verdict.strategy} beats {reference} at equal cost in {share} of the seeds"
    if verdict.wins_high < 0.5:
        return f"{verdict.strategy} loses to {reference} at equal cost: it is ahead in {share} of the seeds"
    return f"{verdict.strategy} cannot be told from {reference} at equal cost: ahead in {share} of the seeds"
