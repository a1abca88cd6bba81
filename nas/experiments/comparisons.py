"""Variants of an experiment compared, seed by seed, and the noise of such comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nas.experiments.variants import BASELINE
from nas.statistics import intervals as s
from nas.statistics import sentences as wording
from nas.statistics.by_seed import SEPARATE, SHARED, compare_by_seed, paired_seeds_needed
from nas.statistics.two_way import TwoWayComponents, two_way_components

#: how the variance of an experiment is taken apart
MODEL = "two-way (variant + seed)"
#: differences (dB) for which the number of seeds needed is stated
DIFFERENCES = (0.05, 0.1, 0.2)


def compare_variants(variants: Sequence[dict[str, Any]], reference: str | None) -> list[dict[str, Any]]:
    """Compare every other variant with the reference.

    Args:
        variants: Statistics of the variants, each with its ``name``, ``psnr_values`` and their ``seeds``.
        reference: Name of the reference; None compares nothing.

    Returns:
        For each other variant its difference from the reference and the verdict in words: paired by seed where both
        have the same seeds, else Welch's (``model`` says which). With m comparisons each interval has the level
        1 - 0.05 / m (Bonferroni).
    """
    base = next((a for a in variants if a["name"] == reference), None)
    others = [a for a in variants if a is not base]
    if base is None or not others:
        return []
    level = 1 - (1 - s.LEVEL) / len(others)
    found = []
    for variant in others:
        difference = compare_by_seed(_by_seed(variant), _by_seed(base), level)
        shared = difference.method == "paired"
        found.append(
            {
                "arm": variant["name"],
                "reference": base["name"],
                "model": SHARED if shared else SEPARATE,
                "welch": asdict(s.welch(variant["psnr_values"], base["psnr_values"], level)),
                "paired": asdict(difference) if shared else None,
                "decided": difference.decided,
                "verdict": wording.verdict(variant["name"], _in_words(base), difference),
            }
        )
    return found


def _by_seed(variant: dict[str, Any]) -> dict[int, float]:
    return dict(zip(variant["seeds"], variant["psnr_values"], strict=True))


def noise_of_variants(variants: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What is due to variants, to seeds and to neither, over all runs of an experiment (two-way).

    Args:
        variants: Statistics of the variants.

    Returns:
        The ``components`` and the number of seeds ``needed`` for each of ``DIFFERENCES``; None where there are not two
        variants with the same two seeds at least.
    """
    seeds = {tuple(v["seeds"]) for v in variants}
    if len(variants) < 2 or len(seeds) > 1 or len(next(iter(seeds))) < 2:
        return None
    found = two_way_components([v["psnr_values"] for v in variants])
    needed = [{"difference": d, "seeds": paired_seeds_needed(found.residual_sd, d)} for d in DIFFERENCES]
    return {"model": MODEL, "components": asdict(found), "needed": needed}


def _in_words(variant: dict[str, Any]) -> str:
    return "the random-search baseline" if variant["name"] == BASELINE else str(variant["name"])


def noise_sentence(noise: dict[str, Any]) -> str:
    """What ``noise_of_variants`` found, in words."""
    found = TwoWayComponents(**noise["components"])
    needed = "; ".join(f"{e['difference']:g} dB: {e['seeds']}" for e in noise["needed"])
    return (
        f"Seeds and searches together, {noise['model']}: residual SD {found.residual_sd:.3f} dB ("
        f"{wording.percent(found.level)} interval {found.residual_low:.3f} to {found.residual_high:.3f}), common "
        f"movement of a seed SD {found.seed_sd:.3f} dB, variants SD {found.genotype_sd:.3f} dB (n = {found.genotypes} "
        f"variants x {found.seeds} seeds). Seeds to detect a difference of two variants with 80 % power: {needed}."
    )


def cheapest_of_the_best(variants: Sequence[dict[str, Any]]) -> str:
    """Ties in quality are broken by cost: a variant ties with the best if their difference may be zero."""
    if len(variants) < 2:
        return ""
    best = max(variants, key=lambda a: a["psnr"]["mean"])
    level = 1 - (1 - s.LEVEL) / (len(variants) - 1)
    apart = {a["name"]: compare_by_seed(_by_seed(best), _by_seed(a), level) for a in variants if a is not best}
    ties = [a for a in variants if a is best or not apart[a["name"]].decided]
    how = " and ".join(sorted({found.method for found in apart.values()}))
    count = min(len(a["psnr_values"]) for a in variants)
    if len(ties) == 1:
        return f"{best['name']} has the highest mean, and no other variant ties with it (n = {count} each)."
    cheap = min(ties, key=lambda a: (a["multiply_adds"], a["parameters"]))
    names = ", ".join(a["name"] for a in ties)
    return (
        f"{names} tie: none can be told from the best mean, that of {best['name']} ({how}, n = {count} each). The "
        f"cheapest of them is {cheap['name']}, with {cheap['multiply_adds'] / 1e9:.2f} G multiply-adds and "
        f"{cheap['parameters'] / 1e3:.0f} k parameters on average."
    )
