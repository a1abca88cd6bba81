"""The figures of a noise measurement, from its table of validation curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.statistics import intervals as s
from nas.statistics import sentences as wording
from nas.statistics.by_seed import paired_seeds_needed
from nas.statistics.two_way import TwoWayComponents, two_way_components

Array = npt.NDArray[np.float64]

#: shares of a run's steps at which it is validated, besides its end
EARLY = (0.25, 0.5)
#: differences (dB) for which the number of seeds needed is stated
DIFFERENCES = (0.05, 0.1, 0.2, 0.3, 0.5)
#: a run this many dB below the median of all runs after a quarter of its steps is a slow starter
SLOW = 0.5
#: how the variance is taken apart: all genotypes have the same seeds, whose runs move together
MODEL = "two-way (genotype + seed)"


@dataclass(frozen=True)
class NoiseTable:
    """The validation curves of a noise measurement.

    Attributes:
        curves: PSNR in dB, shape (genotypes, seeds, len(EARLY) + 1), the last column at the end of the run.
        parameters: Parameters of each genotype's network.
        multiply_adds: Multiply-adds of each at the task's cost output size.
        seeds: Seeds of the trainings.
        steps: Steps of one training.
        bicubic_psnr: PSNR in dB of bicubic enlargement on the same images; None where the task keeps the size.
    """

    curves: Array
    parameters: Sequence[int]
    multiply_adds: Sequence[int]
    seeds: Sequence[int]
    steps: int
    bicubic_psnr: float | None


def noise_statistics(table: NoiseTable) -> dict[str, Any]:
    """All figures of a noise measurement.

    Args:
        table: Its validation curves.

    Returns:
        Plain values for ``statistics.json``, with the conclusions in words.
    """
    final = table.curves[:, :, -1]
    stages = []
    for column, share in enumerate((*EARLY, 1.0)):
        variance = two_way_components(table.curves[:, :, column].tolist())
        steps = round(share * table.steps)
        stages.append(
            {"share": share, "steps": steps, "components": asdict(variance), "needed": _needed(variance, steps)}
        )
    found: dict[str, Any] = {
        "model": MODEL,
        "steps": table.steps,
        "seeds": list(table.seeds),
        "psnr": final.tolist(),
        "curves": table.curves.tolist(),
        "parameters": list(table.parameters),
        "multiply_adds": list(table.multiply_adds),
        "stages": stages,
        "between_seeds": between_seeds(final),
        "early": [_early(table.curves, column, share) for column, share in enumerate(EARLY)],
        "slow": _slow(table),
        "cost": {
            name: asdict(s.kendall(values, final.mean(axis=1).tolist()))
            for name, values in (("parameters", table.parameters), ("multiply-adds", table.multiply_adds))
        },
    }
    found["conclusions"] = _conclusions(found)
    return found


def between_seeds(final: Array) -> dict[str, Any]:
    """Kendall's tau between the rankings of the genotypes by every two seeds.

    Args:
        final: PSNR in dB at the end of each run, shape (genotypes, seeds).

    Returns:
        Each pair of seeds and the mean over pairs. The pairs share seeds, so the mean has no simple interval; ``low``
        and ``high`` are its range with any one genotype left out.
    """
    columns = final.T.tolist()
    pairs = [(a, b, s.kendall(columns[a], columns[b])) for a, b in combinations(range(len(columns)), 2)]
    taus = [c.tau for _, _, c in pairs if c.tau is not None]
    left_out = []
    for genotype in range(final.shape[0]):
        rest = np.delete(final, genotype, axis=0)
        some = [s.kendall(rest[:, a].tolist(), rest[:, b].tolist()).tau for a, b, _ in pairs]
        left_out += [float(np.mean([t for t in some if t is not None]))] if any(t is not None for t in some) else []
    return {
        "pairs": [{"seeds": [a, b], **asdict(c)} for a, b, c in pairs],
        "mean": float(np.mean(taus)) if taus else None,
        "low": min(left_out, default=None),
        "high": max(left_out, default=None),
        "n": int(final.shape[0]),
    }


def _early(curves: Array, column: int, share: float) -> dict[str, Any]:
    """How well early PSNR, beside others of its seed, ranks the end of its run and its genotype's other seeds."""
    early, final = (c - c.mean(axis=0) for c in (curves[:, :, column], curves[:, :, -1]))  # seeds move together
    others = (final.sum(axis=1, keepdims=True) - final) / (final.shape[1] - 1)
    return {
        "share": share,
        "own_run": asdict(s.kendall(early.ravel().tolist(), final.ravel().tolist())),
        "genotype": asdict(s.kendall(early.ravel().tolist(), others.ravel().tolist())),
    }


def _slow(table: NoiseTable) -> dict[str, Any]:
    first, final = table.curves[:, :, 0], table.curves[:, :, -1]
    slow = first < np.median(first) - SLOW
    return {
        "threshold": SLOW,
        "runs": int(first.size),
        "slow": int(slow.sum()),
        "loss": float(np.median(final[~slow]) - np.median(final[slow])) if slow.any() and not slow.all() else None,
        "floor": table.bicubic_psnr,
        "below_floor_early": int((first < table.bicubic_psnr).sum()) if table.bicubic_psnr is not None else None,
        "below_floor": int((final < table.bicubic_psnr).sum()) if table.bicubic_psnr is not None else None,
    }


def _needed(found: TwoWayComponents, steps: int) -> list[dict[str, Any]]:
    """Shared seeds and total steps to detect each difference; ``cautious`` takes the upper end of the noise."""
    return [
        {
            "difference": d,
            "seeds": (n := paired_seeds_needed(found.residual_sd, d)),
            "cautious": paired_seeds_needed(found.residual_high, d),
            "steps": 2 * n * steps,
        }
        for d in DIFFERENCES
    ]


def _conclusions(found: dict[str, Any]) -> list[str]:
    """Plain sentences, each with its interval and n."""
    return [*_on_variance(found), *_on_rankings(found), *_on_slow_starts(found["slow"]), *_on_seeds_needed(found)]


def _on_variance(found: dict[str, Any]) -> list[str]:
    end = TwoWayComponents(**found["stages"][-1]["components"])
    size = f"n = {end.genotypes} genotypes x {end.seeds} seeds"
    level = wording.percent(end.level)
    p = "" if end.p is None else f" (F test p = {end.p:.2g}, {size})"
    apart = (
        f"The genotypes differ{p}."
        if end.reliability_low > 0
        else f"The interval contains zero: with these seeds and steps the genotypes cannot be told apart{p}."
    )
    return [
        f"Seed noise within a seed: SD {end.residual_sd:.3f} dB ({level} interval {end.residual_low:.3f} to "
        f"{end.residual_high:.3f}, {size}; {found['model']}).",
        f"All runs of a seed move together by SD {end.seed_sd:.3f} dB, which cancels in comparisons within a seed "
        f"({size}).",
        f"Spread between genotypes without the noise: SD {end.genotype_sd:.3f} dB, {end.reliability:.0%} of the "
        f"variance of one run within a seed ({level} interval {end.reliability_low:.0%} to "
        f"{end.reliability_high:.0%}, {size}).",
        apart,
    ]


def _on_rankings(found: dict[str, Any]) -> list[str]:
    said = []
    between = found["between_seeds"]
    if between["mean"] is not None:
        said.append(
            f"Two seeds rank the genotypes with Kendall's tau {between['mean']:+.2f} on average (n = {between['n']} "
            f"genotypes, {len(between['pairs'])} pairs of seeds; {_range(between)}with any one genotype left out)."
        )
    for early in found["early"]:
        own, other = s.Correlation(**early["own_run"]), s.Correlation(**early["genotype"])
        said.append(
            f"Within a seed, PSNR after {early['share']:.0%} of the steps ranks the end of its own run with "
            f"{wording.correlation(own)}; the genotype (its other seeds) with {wording.correlation(other)}."
        )
    for name, entry in found["cost"].items():
        said.append(f"Mean PSNR against {name}: {wording.correlation(s.Correlation(**entry))}.")
    return said


def _on_slow_starts(slow: dict[str, Any]) -> list[str]:
    loss = "" if slow["loss"] is None else f"; they end {slow['loss']:.2f} dB lower"
    said = [
        f"Slow starters ({slow['threshold']} dB below the median after a quarter): {slow['slow']} of {slow['runs']} "
        f"runs{loss}. retrain.network.image_residual=true and retrain.schedule.warmup shorten slow starts."
    ]
    if slow["floor"] is not None:
        said.append(
            f"Below bicubic enlargement ({slow['floor']:.2f} dB): {slow['below_floor_early']} runs after a quarter, "
            f"{slow['below_floor']} at the end (n = {slow['runs']})."
        )
    return said


def _on_seeds_needed(found: dict[str, Any]) -> list[str]:
    needs = found["stages"][-1]["needed"]
    seeds = [f"{e['difference']:g} dB: {e['seeds']} (cautious {e['cautious']})" for e in needs]
    cheapest = []
    for index, difference in enumerate(DIFFERENCES):
        choices = [(stage["needed"][index]["steps"], stage) for stage in found["stages"]]
        stage = min(choices, key=itemgetter(0))[1]
        cheapest.append(f"{difference:g} dB: {stage['needed'][index]['seeds']} seeds x {stage['steps']} steps")
    return [
        f"Seeds to detect a difference between two genotypes, both trained with each, with 80 % power at "
        f"{found['steps']} steps (two-sided paired t-test at 5 %): {'; '.join(seeds)}. "
        "Cautious: with the upper end of the interval of the noise.",
        f"Fewest total steps that suffice: {'; '.join(cheapest)}. (Noise at a quarter and at half was measured within "
        "longer runs, whose learning rate is still high there, and an early difference need not be the final one.)",
    ]


def _range(between: dict[str, Any]) -> str:
    return "" if between["low"] is None else f"{between['low']:+.2f} to {between['high']:+.2f} "
