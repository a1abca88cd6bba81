"""What the trials of a discrete search are compared by."""

from __future__ import annotations

from typing import Literal

from nas.config.search import SearchOptions
from nas.errors import UsageError, did_you_mean
from nas.registry import ESTIMATORS

Direction = Literal["minimize", "maximize"]

#: costs that may be objectives; all of them are to be small
COSTS = ("params", "macs", "latency")
#: qualities, to be large: validation PSNR in dB, or the score of a zero-cost proxy where nothing is trained
QUALITIES = ("psnr", "score")


def objectives_of(search: SearchOptions) -> tuple[str, ...]:
    """The objectives of a search, the quality first, for example ``("psnr", "macs")``.

    With the zero-cost estimator nothing is trained and no PSNR is known; the quality is then called ``score``, the
    value of ``search.proxy``.

    Args:
        search: Its ``objectives`` name what is compared, in any order.

    Raises:
        UsageError: An objective is unknown or given twice, or ``psnr`` is missing.
    """
    names = list(search.objectives)
    for name in names:
        if name not in ("psnr", *COSTS):
            raise UsageError(f"unknown objective {name!r}; {did_you_mean(name, ('psnr', *COSTS))}")
        if names.count(name) > 1:
            raise UsageError(f"objective {name!r} is given twice; name each once in --objectives")
    if "psnr" not in names:
        raise UsageError(
            f"objectives {', '.join(names) or '(none)'} lack psnr, and the cheapest genotype needs no search; "
            "add psnr to --objectives"
        )
    return (quality_of(search), *(name for name in names if name != "psnr"))


def quality_of(search: SearchOptions) -> str:
    """The name under which an estimator gives a trial's quality: ``psnr`` or ``score``."""
    quality: str = ESTIMATORS.get(search.estimator).quality
    return quality


def direction(objective: str) -> Direction:
    """``maximize`` for a quality, ``minimize`` for a cost, as Optuna names them."""
    return "maximize" if objective in QUALITIES else "minimize"
