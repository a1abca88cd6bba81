"""The tables of a noise measurement as Markdown, from its statistics alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

FORMULA = (
    "Seeds needed: the smallest n for which the two-sided paired t-test of n seeds has power 1 - beta, by the "
    "noncentral t distribution; close to (z(1 - alpha/2) + z(1 - beta))^2 2 (SD / d)^2 (Cohen, Statistical Power "
    "Analysis for the Behavioral Sciences, 1988, section 2.3), alpha 0.05, beta 0.2. Components: two-way random "
    "effects (genotype + seed), since all runs of a seed see the same patches; exact intervals by chi-square and F "
    "(Searle, Casella and McCulloch, Variance Components, 1992, section 4.6). Rank correlations over runs treat "
    "them as independent, which runs of one genotype are not, so their intervals are somewhat too narrow."
)


def noise_markdown(statistics: Mapping[str, Any]) -> str:
    """Title, PSNR of every training, components of variance and seeds needed after each stage, conclusions.

    Args:
        statistics: Content of the ``statistics.json`` of a noise measurement.

    Returns:
        The text of ``table.md``.
    """
    seeds = statistics["seeds"]
    lines = [
        f"# Seed noise and spread: {statistics['space']} on {statistics['task']}",
        "",
        f"{len(statistics['genotypes'])} random genotypes, {len(seeds)} seeds each, {statistics['steps']} steps; PSNR "
        f"in dB on {statistics['validation_images']} held-out images ({statistics['protocol']}).",
        "",
        "| genotype | " + " | ".join(f"seed {seed}" for seed in seeds) + " | mean | SD | parameters | Multi-Adds G |",
        "|" + " --- |" * (len(seeds) + 5),
    ]
    for i, key in enumerate(statistics["genotypes"]):
        values = statistics["psnr"][i]
        cells = [key[:8], *(f"{v:.3f}" for v in values), f"{np.mean(values):.3f}", f"{np.std(values, ddof=1):.3f}"]
        cells += [f"{statistics['parameters'][i]:,}", f"{statistics['multiply_adds'][i] / 1e9:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "| steps | SD within a seed | 95 % interval | SD of seeds | genotype SD | share of genotypes | 95 % interval | "
        + " | ".join(f"seeds for {e['difference']:g} dB" for e in statistics["stages"][-1]["needed"])
        + " |",
        "|" + " --- |" * (7 + len(statistics["stages"][-1]["needed"])),
    ]
    for stage in statistics["stages"]:
        c = stage["components"]
        lines.append(
            f"| {stage['steps']} | {c['residual_sd']:.3f} | {c['residual_low']:.3f} to {c['residual_high']:.3f} | "
            f"{c['seed_sd']:.3f} | {c['genotype_sd']:.3f} | {c['reliability']:.0%} | {c['reliability_low']:.0%} to "
            f"{c['reliability_high']:.0%} | " + " | ".join(str(e["seeds"]) for e in stage["needed"]) + " |"
        )
    lines += ["", *(f"- {sentence}" for sentence in statistics["conclusions"]), "", FORMULA]
    if statistics["cpu_seconds_of_a_run"] is not None:
        lines.append(f"One run took {statistics['cpu_seconds_of_a_run']:.3g} CPU seconds on average.")
    return "\n".join(lines) + "\n"
