"""The variants of an experiment: searches that differ in one thing, brought to one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.config.reading import build, parse_stored
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError, did_you_mean
from nas.experiments.budget import Budget, Cost, cost_of, fit_to_budget, is_differentiable, measure_cost, rescaled
from nas.experiments.runs import RANDOM_SEARCH
from nas.registry import ESTIMATORS, STRATEGIES

#: name of the random-search baseline; folders with it exist, so the old word stays
BASELINE = "control"


@dataclass(frozen=True)
class Variant:
    """One way to search.

    Attributes:
        name: Start of the names of its run folders.
        factor: What is varied.
        level: The value of the factor.
        settings: Settings of its searches, apart from the seed.
        budget: Budget of one search, once planned.
        cost: Measured cost of one step or trial, once planned.
        notes: Sentences on how the budget was fitted.
    """

    name: str
    factor: str
    level: str
    settings: SearchSettings
    budget: Budget | None = None
    cost: Cost | None = None
    notes: list[str] = field(default_factory=list)

    def to_document(self) -> dict[str, Any]:
        """Plain values for ``campaign.yaml``."""
        return {
            "name": self.name,
            "factor": self.factor,
            "level": self.level,
            "budget": vars(self.budget) if self.budget is not None else None,
            "cost": vars(self.cost) if self.cost is not None else None,
            "notes": list(self.notes),
            "settings": self.settings.model_dump(mode="json"),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Variant:
        """Read a variant from what ``to_document`` returned."""
        return cls(
            document["name"],
            document["factor"],
            document["level"],
            parse_stored(SearchSettings, document["settings"]),
            Budget(**document["budget"]) if document["budget"] else None,
            Cost(**document["cost"]) if document["cost"] else None,
            list(document["notes"]),
        )

    def at_seed(self, seed: int) -> SearchSettings:
        """The settings of the search with this seed."""
        return self.settings.model_copy(update={"seed": seed})


def changed_settings(base: SearchSettings, **flags: Any) -> SearchSettings:
    """A copy of ``base`` with some settings changed; double underscores in names stand for dots."""
    return build(SearchSettings, base.model_dump(mode="json"), **flags)


def strategy_variants(base: SearchSettings, names: Sequence[str]) -> list[Variant]:
    """One variant per strategy, everything else equal."""
    for name in names:
        STRATEGIES.get(name)
    if len(set(names)) != len(names) or not names:
        raise UsageError("name each strategy once, e.g. --strategies pc_darts,random")
    return [Variant(name, "strategy", name, changed_settings(base, strategy=name)) for name in names]


def check_control(control: str | None) -> None:
    """Raise UsageError for a baseline other than random search, the one strategy that learns nothing from trials."""
    if control not in (None, RANDOM_SEARCH):
        raise UsageError(f"unknown --control {control!r}; {did_you_mean(str(control), [RANDOM_SEARCH])}")


def baseline_variant(variant: Variant) -> Variant:
    """The random-search baseline of ``variant``; ``with_equal_budgets`` sets its budget."""
    return Variant(BASELINE, "strategy", RANDOM_SEARCH, changed_settings(variant.settings, strategy=RANDOM_SEARCH))


def _measured(variants: Sequence[Variant], repeats: int) -> list[Cost]:
    """The cost of each variant; trials that differ only in who proposes them are timed once."""
    known: dict[str, Cost] = {}
    costs = []
    for variant in variants:
        key = _cost_key(variant.settings)
        if key not in known:
            known[key] = measure_cost(variant.settings, repeats)
        costs.append(known[key])
    return costs


def _cost_key(settings: SearchSettings) -> str:
    """Equal for settings whose steps or trials cost the same."""
    if is_differentiable(settings):
        return settings.model_dump_json()
    own = set(STRATEGIES.get(settings.strategy).Settings.model_fields)
    own -= set(ESTIMATORS.get(settings.search.estimator).Settings.model_fields)
    return settings.model_copy(update={"strategy": ""}).model_dump_json(exclude={"search": own})


def _advice(settings: SearchSettings) -> str | None:
    """A strategy's advice on these settings, e.g. on a population that is never filled."""
    strategy = STRATEGIES.get(settings.strategy)
    if strategy.differentiable or strategy.external:
        return None
    advice: str | None = strategy(settings.search, space_of(settings), settings.seed).advice()
    return advice


def with_equal_budgets(variants: Sequence[Variant], seconds: float | None, repeats: int = 3) -> list[Variant]:
    """Give every variant the steps or trials that one budget pays for.

    Args:
        variants: The searches to compare.
        seconds: CPU seconds of one search; None takes what the steps of the first gradient strategy cost (the trials
            of the first variant, where there is none) and leaves variants of that kind as they are.
        repeats: Number of steps or trials that are timed.

    Returns:
        The variants with fitted settings, their budget and cost, and notes on what was changed.

    Raises:
        UsageError: The budget does not pay for the smallest search of a variant.
    """
    costs = _measured(variants, repeats)
    first = next((i for i, cost in enumerate(costs) if cost.unit == "step"), 0)
    lead, unit = variants[first].settings, costs[first].unit
    same = seconds is None
    wanted = cost_of(lead, costs[first]).seconds if seconds is None else seconds
    done = []
    for variant, cost in zip(variants, costs, strict=True):
        settings, notes = variant.settings, list(variant.notes)
        train = settings.train.model_copy(update={"time": None})
        settings = settings.model_copy(update={"train": train})
        trained = is_differentiable(settings) or ESTIMATORS.get(settings.search.estimator).trains
        if not trained:
            # the cost of a proxy or of inherited weights is not known beforehand: the search stops at the time instead
            settings = settings.model_copy(update={"train": train.model_copy(update={"time": wanted})})
            notes.append(f"stops after {wanted:.0f} s of work, or {settings.search.trials} trials")
        elif not (same and cost.unit == unit):
            settings = fit_to_budget(settings, cost, wanted)
            if settings.search.trial_steps != variant.settings.search.trial_steps:
                cost = rescaled(cost, variant.settings.search.trial_steps, settings.search.trial_steps)
                notes.append(
                    f"trials shortened to {settings.search.trial_steps} steps, so that the budget pays for two"
                )
        if trained and (advice := _advice(settings)):
            notes.append(advice)
        budget = cost_of(settings, cost) if trained else Budget(0, settings.search.trials, wanted, 0.0)
        done.append(Variant(variant.name, variant.factor, variant.level, settings, budget, cost, notes))
    return done
