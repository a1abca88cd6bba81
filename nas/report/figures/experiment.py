"""Every figure of an experiment or a noise measurement, from its statistics.json alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from nas.report.figures import variants
from nas.report.figures.noise import noise_figure, seeds_needed_figure

#: figure -> its caption
EXPERIMENT_CAPTIONS = {
    "dots": "PSNR of the genotypes found, all trained alike: a dot a seed, the mean and its 95 % interval.",
    "cost": "PSNR against multiply-adds of every genotype trained; the line joins the Pareto front.",
    "differences": "Difference from the reference and its interval, paired by seed where seeds are shared, else "
    "Welch's. Where the interval contains zero, no difference has been shown.",
    "ranking": "Does the supernet rank genotypes as training does? A panel a supernet, a point a genotype; on the line "
    "both ranks agree. An interval of tau that contains 0 shows no agreement.",
    "agreement": "Share of equal choices between genotypes of different seeds; grey: 95 % of random genotypes.",
    "gaps": "Discretisation gap of the supernets: mean and 95 % interval.",
    "noise": "All trainings, genotypes by rising mean: the height of a column is the noise of the seed.",
    "needed": "Seeds that a comparison of two genotypes needs (80 % power, two-sided t-test at 5 %).",
}


def experiment_figures(statistics: Mapping[str, Any]) -> dict[str, Callable[[bool], Figure]]:
    """All figures that the statistics have data for.

    Args:
        statistics: Content of a ``statistics.json``.

    Returns:
        For each figure, by its key in ``EXPERIMENT_CAPTIONS``, a function that draws it for a dark page (True) or a
        light one.

    Raises:
        KeyError, TypeError, IndexError: The statistics are not as they were written; drawing may raise them too.
    """
    found = statistics.get("arms", ())
    noise = statistics.get("kind") == "noise"
    wanted: dict[str, tuple[bool, Callable[..., Figure]]] = {
        "noise": (noise, noise_figure),
        "needed": (noise, seeds_needed_figure),
        "dots": (bool(found), variants.variant_psnr_figure),
        "cost": (bool(found), variants.genotype_cost_figure),
        "differences": (bool(statistics.get("comparisons")), variants.differences_figure),
        "ranking": (bool(statistics.get("ranking")), variants.ranking_figure),
        "agreement": (any(a["agreement"]["share"] is not None for a in found), variants.agreement_figure),
        "gaps": (any(a["gap"] for a in found), variants.discretisation_gap_figure),
    }
    return {name: partial(draw, statistics) for name, (there, draw) in wanted.items() if there}
