"""The tables of a noise measurement as Markdown and CSV, from its statistics alone."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any

import numpy as np

FORMULA = (
    "Seeds needed: the least n with power 1 - beta of the two-sided t-test of two groups of n, by the noncentral t "
    "distribution; near 2 (z(1 - alpha/2) + z(1 - beta))^2 (SD / d)^2 (Cohen, Statistical Power Analysis for the "
    "Behavioral Sciences, 1988, chapter 2), alpha 0.05, beta 0.2. Components: one-way random effects, exact intervals "
    "by chi-square and F (Searle, Casella and McCulloch, Variance Components, 1992, section 3.6). Rank correlations "
    "over runs take them for independent, which runs of one genotype are not: their intervals are somewhat too narrow."
)


def as_markdown(statistics: Mapping[str, Any]) -> str:
    """Title, the table of PSNR, components by stage, seeds needed, conclusions."""
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
        "| steps | seed SD | 95 % interval | genotype SD | share of genotypes | 95 % interval | "
        + " | ".join(f"seeds for {e['difference']:g} dB" for e in statistics["stages"][-1]["needed"])
        + " |",
        "|" + " --- |" * (6 + len(statistics["stages"][-1]["needed"])),
    ]
    for stage in statistics["stages"]:
        c = stage["components"]
        lines.append(
            f"| {stage['steps']} | {c['seed_sd']:.3f} | {c['seed_low']:.3f} to {c['seed_high']:.3f} | "
            f"{c['genotype_sd']:.3f} | {c['reliability']:.0%} | {c['reliability_low']:.0%} to "
            f"{c['reliability_high']:.0%} | " + " | ".join(str(e["seeds"]) for e in stage["needed"]) + " |"
        )
    lines += ["", *(f"- {sentence}" for sentence in statistics["conclusions"]), "", FORMULA]
    if statistics["cpu_seconds_of_a_run"] is not None:
        lines.append(f"One run took {statistics['cpu_seconds_of_a_run']:.3g} CPU seconds on average.")
    return "\n".join(lines) + "\n"


def as_csv(statistics: Mapping[str, Any]) -> str:
    """One line a run: genotype, seed, PSNR at each stage, costs."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    stages = [f"psnr_{stage['steps']}" for stage in statistics["stages"]]
    writer.writerow(["genotype", "seed", *stages, "parameters", "multiply_adds"])
    for i, key in enumerate(statistics["genotypes"]):
        for j, seed in enumerate(statistics["seeds"]):
            costs = (statistics["parameters"][i], statistics["multiply_adds"][i])
            writer.writerow([key, seed, *statistics["curves"][i][j], *costs])
    return file.getvalue()
