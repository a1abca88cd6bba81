"""The figures of an experiment as rows, CSV text and data frames, from its statistics alone."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from nas.statistics.by_seed import SHARED

if TYPE_CHECKING:
    import pandas as pd

#: Columns of an experiment's table.csv and their pandas types: one row per variant. PSNR, SD, differences and gap in
#: dB; ``low`` and ``high`` are the ends of the interval of the mean, ``difference_*`` those of the difference from the
#: reference, ``level`` (of the factor) what was varied; costs and seconds are means over the seeds.
VARIANT_COLUMNS: Mapping[str, str] = {
    "variant": "str",
    "factor": "str",
    "level": "str",
    "n": "Int64",
    "psnr": "float64",
    "sd": "float64",
    "low": "float64",
    "high": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "difference_level": "float64",
    "parameters": "float64",
    "multiply_adds": "float64",
    "steps": "Int64",
    "trials": "Int64",
    "budget_seconds": "float64",
    "budget_multiply_adds": "float64",
    "search_seconds": "float64",
    "train_seconds": "float64",
    "gap": "float64",
    "agreement": "float64",
    "chance": "float64",
}


def variant_rows(statistics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures of each variant at full precision.

    Args:
        statistics: Content of the ``statistics.json`` of an experiment.

    Yields:
        For each variant the values of ``VARIANT_COLUMNS``, None where a figure does not exist.
    """
    for variant in statistics["arms"]:
        psnr, agreement = variant["psnr"], variant["agreement"]
        difference = comparison_of(statistics, variant["name"]) or {}
        same = ("parameters", "multiply_adds", "steps", "trials", "budget_seconds", "budget_multiply_adds")
        yield {
            "variant": variant["name"],
            "factor": variant["factor"],
            "level": variant["level"],
            "n": psnr["n"],
            "psnr": psnr["mean"],
            **{name: psnr[name] for name in ("sd", "low", "high")},
            "difference": difference.get("difference"),
            **{f"difference_{name}": difference.get(name) for name in ("low", "high", "level")},
            **{name: variant[name] for name in same},
            **{name: mean_of(variant[name]) for name in ("search_seconds", "train_seconds", "gap")},
            "agreement": agreement["share"],
            "chance": agreement["chance"],
        }


def experiment_csv(statistics: Mapping[str, Any]) -> str:
    """The rows of ``variant_rows`` as CSV text; a figure that does not exist is an empty field."""
    file = StringIO()
    writer = csv.DictWriter(file, list(VARIANT_COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(variant_rows(statistics))
    return file.getvalue()


def experiment_frame(statistics: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of ``variant_rows`` as a pandas data frame.

    Args:
        statistics: Content of the ``statistics.json`` of an experiment.

    Returns:
        One row per variant, columns and types as in ``VARIANT_COLUMNS``; a figure that does not exist is missing
        (NaN or NA).
    """
    import pandas as pd

    frame = pd.DataFrame(list(variant_rows(statistics)), columns=list(VARIANT_COLUMNS))
    return frame.astype(dict(VARIANT_COLUMNS))


def noise_rows(statistics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The figures of each training of a noise measurement at full precision.

    Args:
        statistics: Content of the ``statistics.json`` of a noise measurement.

    Yields:
        For each training its genotype (hash), seed, PSNR in dB after each stage (``psnr_<steps>``), parameters and
        multiply-adds.
    """
    stages = [f"psnr_{stage['steps']}" for stage in statistics["stages"]]
    for i, genotype in enumerate(statistics["genotypes"]):
        for j, seed in enumerate(statistics["seeds"]):
            yield {
                "genotype": genotype,
                "seed": seed,
                **dict(zip(stages, statistics["curves"][i][j], strict=True)),
                "parameters": statistics["parameters"][i],
                "multiply_adds": statistics["multiply_adds"][i],
            }


def noise_csv(statistics: Mapping[str, Any]) -> str:
    """The rows of ``noise_rows`` as CSV text."""
    rows = list(noise_rows(statistics))
    file = StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def noise_frame(statistics: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of ``noise_rows`` as a pandas data frame: one row per training."""
    import pandas as pd

    return pd.DataFrame(list(noise_rows(statistics)))


def comparison_of(statistics: Mapping[str, Any], variant: str) -> dict[str, Any] | None:
    """The difference of ``variant`` from the reference; None for the reference itself."""
    return next((difference_of(c) for c in statistics["comparisons"] if c["arm"] == variant), None)


def difference_of(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The difference that decides a comparison: paired where the model says so; experiments of before have Welch's."""
    found: dict[str, Any] = comparison["paired" if comparison.get("model") == SHARED else "welch"]
    return found


def noise_of(components: Mapping[str, Any]) -> tuple[float, float, float]:
    """The SD of the noise of a comparison in dB and the ends of its interval (one-way in old measurements)."""
    name = "residual" if "residual_sd" in components else "seed"
    sd, low, high = (float(components[f"{name}_{end}"]) for end in ("sd", "low", "high"))
    return sd, low, high


def mean_of(summary: Mapping[str, Any] | None) -> float | None:
    """The mean of a summary that may be missing."""
    return None if summary is None else float(summary["mean"])
