"""The figures of a noise measurement, from its table of validation curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.statistics import intervals as s
from nas.statistics import sentences as wording
from nas.statistics.variance import Components, components

Array = npt.NDArray[np.float64]

#: shares of a run after which it is looked at, besides its end
EARLY = (0.25, 0.5)
#: differences (dB) for which the seeds needed are stated
DIFFERENCES = (0.05, 0.1, 0.2, 0.3, 0.5)
#: a run so many dB below the median of all runs after a quarter of its steps is a slow starter
SLOW = 0.5


@dataclass(frozen=True)
class NoiseTable:
    """curves: PSNR (dB), shape (genotypes, seeds, len(EARLY) + 1), the last column the end; ``floor``: PSNR of
    plain bicubic enlargement on the same images, None where the task keeps the size."""

    curves: Array
    parameters: Sequence[int]
    multiply_adds: Sequence[int]
    seeds: Sequence[int]
    steps: int
    floor: float | None


def noise_statistics(table: NoiseTable) -> dict[str, Any]:
    """Everything as plain values, with the conclusions in words."""
    final = table.curves[:, :, -1]
    stages = []
    for column, share in enumerate((*EARLY, 1.0)):
        parts = components(table.curves[:, :, column].tolist())
        steps = round(share * table.steps)
        stages.append({"share": share, "steps": steps, "components": asdict(parts), "needed": _needed(parts, steps)})
    found: dict[str, Any] = {
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
    """Kendall's tau between the rankings of the genotypes by every two seeds, and the mean of the pairs.

    The pairs share seeds, so the mean has no simple interval: its range by leaving one genotype out is given.
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
    """How early PSNR ranks the end of its own run, and the mean end of the same genotype's other seeds."""
    early, final = curves[:, :, column], curves[:, :, -1]
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
        "floor": table.floor,
        "below_floor_early": int((first < table.floor).sum()) if table.floor is not None else None,
        "below_floor": int((final < table.floor).sum()) if table.floor is not None else None,
    }


def _needed(found: Components, steps: int) -> list[dict[str, Any]]:
    """Seeds a side and steps in all to see each difference between two genotypes; ``cautious``: by the upper end."""
    return [
        {
            "difference": d,
            "seeds": (n := s.seeds_needed(found.seed_sd, d)),
            "cautious": s.seeds_needed(found.seed_high, d),
            "steps": 2 * n * steps,
        }
        for d in DIFFERENCES
    ]


def _conclusions(found: dict[str, Any]) -> list[str]:
    end = Components(**found["stages"][-1]["components"])
    size = f"n = {end.genotypes} genotypes x {end.seeds} seeds"
    level = wording.percent(end.level)
    said = [
        f"Seed noise: SD {end.seed_sd:.3f} dB ({level} interval {end.seed_low:.3f} to {end.seed_high:.3f}, {size}).",
        f"Spread between genotypes, noise taken out: SD {end.genotype_sd:.3f} dB; it is {end.reliability:.0%} of the "
        f"variance of one run ({level} interval {end.reliability_low:.0%} to {end.reliability_high:.0%}, {size}).",
    ]
    p = "" if end.p is None else f" (F test p = {end.p:.2g}, {size})"
    if end.reliability_low > 0:
        said.append(f"The genotypes differ{p}.")
    else:
        said.append(f"The interval contains zero: with these seeds and steps the genotypes cannot be told apart{p}.")
    between = found["between_seeds"]
    if between["mean"] is not None:
        said.append(
            f"Two seeds rank the genotypes with Kendall's tau {between['mean']:+.2f} on average (n = {between['n']} "
            f"genotypes, {len(between['pairs'])} pairs of seeds; {_range(between)}with any one genotype left out)."
        )
    for early in found["early"]:
        own, other = s.Correlation(**early["own_run"]), s.Correlation(**early["genotype"])
        said.append(
            f"PSNR after {early['share']:.0%} of the steps ranks the end of its own run with "
            f"{wording.correlation(own)}; the genotype (its other seeds) with {wording.correlation(other)}."
        )
    slow = found["slow"]
    loss = "" if slow["loss"] is None else f"; they end {slow['loss']:.2f} dB lower"
    said.append(
        f"Slow starters ({slow['threshold']} dB below the median after a quarter): {slow['slow']} of {slow['runs']} "
        f"runs{loss}. retrain.network.image_residual=true and retrain.schedule.warmup shorten slow starts."
    )
    if slow["floor"] is not None:
        said.append(
            f"Below plain bicubic ({slow['floor']:.2f} dB): {slow['below_floor_early']} runs after a quarter, "
            f"{slow['below_floor']} at the end (n = {slow['runs']})."
        )
    for name, entry in found["cost"].items():
        said.append(f"Mean PSNR against {name}: {wording.correlation(s.Correlation(**entry))}.")
    needs = found["stages"][-1]["needed"]
    parts = [f"{e['difference']:g} dB: {e['seeds']} (cautious {e['cautious']})" for e in needs]
    said.append(
        f"Seeds a side to see a difference between two genotypes with 80 % power at {found['steps']} steps (two-sided "
        f"t-test at 5 %): {'; '.join(parts)}. Cautious: at the upper end of the noise's interval."
    )
    cheapest = []
    for index, difference in enumerate(DIFFERENCES):
        best = min(found["stages"], key=lambda stage, i=index: stage["needed"][i]["steps"])  # type: ignore[misc]
        entry = best["needed"][index]
        cheapest.append(f"{difference:g} dB: {entry['seeds']} seeds x {best['steps']} steps")
    said.append(
        f"Fewest steps in all that would do: {'; '.join(cheapest)}. (Noise at a quarter and half was read inside "
        "longer runs, whose learning rate is still high there; and an early difference need not be that of the end.)"
    )
    return said


def _range(between: dict[str, Any]) -> str:
    return "" if between["low"] is None else f"{between['low']:+.2f} to {between['high']:+.2f} "
