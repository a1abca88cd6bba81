"""Whether a search by gradients has trained its architecture at all, said beside the genotype."""

from __future__ import annotations

import math
from typing import Any

from nas.config.runs import SearchSettings
from nas.registry import STRATEGIES
from nas.supernet import Supernet
from nas.supernet.expected_cost import mean_entropy

#: Adam moves a variable by its rate at most: below this reach two candidates' weights differ by less than e^0.2
LEAST_REACH = 0.1
#: from this share of the largest entropy on, all candidates weigh alike
ALIKE = 0.995
#: up to this share of it the candidates are told apart: of seven, the first has about twice the weight of the others
DECIDED = 0.97


def is_decided(supernet: Supernet, taken: int, rate: float) -> bool:
    """Whether the architecture was trained and says something: before that, its first choices are chance.

    Args:
        supernet: Of the search.
        taken: Architecture steps done.
        rate: Their learning rate.
    """
    if taken <= 0 or taken * rate < LEAST_REACH:
        return False
    found, largest = entropies(supernet)
    return found <= DECIDED * largest


def architecture_notes(supernet: Supernet, settings: SearchSettings, steps: int, warmup_steps: int) -> dict[str, Any]:
    """Notes on the provenance of a genotype: how many architecture steps there were, and a warning.

    Args:
        supernet: Of the search.
        settings: The search.
        steps: Steps done.
        warmup_steps: Of these, the first ones without an architecture step.

    Returns:
        ``architecture_steps``, ``start_scale`` if candidates were divided by it, and ``warning`` if there were too few
        or the candidates still weigh alike; {} for
        strategies that train no architecture.
    """
    strategy = STRATEGIES.get(settings.strategy)
    if strategy.chooses_at_end:
        return {}
    taken = max(steps - warmup_steps, 0)
    own = strategy(settings.search, settings.train).settings
    rate = own.optimizer.lr
    found, largest = entropies(supernet)
    random = "the genotype is hardly more than a random one"
    warning = ""
    if taken == 0:
        warning = f"the architecture was not trained: all {steps} steps were warm-up (search.warmup); {random}"
    elif taken * rate < LEAST_REACH:
        warning = (
            f"the architecture took only {taken} steps at rate {rate:g}, by which no variable moves further than "
            f"{taken * rate:.2g}; {random}: give more --steps"
        )
    elif largest > 0 and found >= ALIKE * largest:
        warning = (
            f"the candidates still weigh alike after {taken} architecture steps (mean entropy {found:.3f} of "
            f"{largest:.3f} nats at the start); {random}: give more --steps or a higher search.optimizer.lr"
        )
    scaled = {"start_scale": True} if own.start_scale else {}
    return {"architecture_steps": taken, **scaled, **({"warning": warning} if warning else {})}


def entropies(supernet: Supernet) -> tuple[float, float]:
    """The mean entropy of the edges' candidates in nats, and the largest it could be, which it is at the start."""
    found, largest = [], []
    for name, table in supernet.edge_probabilities().items():
        found += mean_entropy(table)
        largest += [math.log(len(choices)) for choices in supernet.options(name)]
    return sum(found) / max(len(found), 1), sum(largest) / max(len(largest), 1)
