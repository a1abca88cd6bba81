"""The arms of a comparison: searches that differ in one thing, brought to one budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.config.reading import build, parse
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError, did_you_mean
from nas.experiments.budget import Budget, Cost, cost_of, fit, is_differentiable, measure, rescaled
from nas.experiments.runs import RANDOM_SEARCH
from nas.registry import ESTIMATORS, STRATEGIES


@dataclass(frozen=True)
class Variant:
    """One way to search. name: of its folders; factor, level: what is varied; ``budget``: of one of its searches."""

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
        """Inverse of ``to_document``."""
        return cls(
            document["name"],
            document["factor"],
            document["level"],
            parse(SearchSettings, document["settings"]),
            Budget(**document["budget"]) if document["budget"] else None,
            Cost(**document["cost"]) if document["cost"] else None,
            list(document["notes"]),
        )

    def at_seed(self, seed: int) -> SearchSettings:
        """The settings of the search with this seed."""
        return self.settings.model_copy(update={"seed": seed})


def changed(base: SearchSettings, **flags: Any) -> SearchSettings:
    """``base`` with some settings changed (names dotted by double underscores)."""
    return build(SearchSettings, base.model_dump(mode="json"), **flags)


def strategy_variants(base: SearchSettings, names: Sequence[str]) -> list[Variant]:
    """One arm a strategy, everything else alike."""
    for name in names:
        STRATEGIES.get(name)
    if len(set(names)) != len(names) or not names:
        raise UsageError("name each strategy once, e.g. --strategies pc_darts,random")
    return [Variant(name, "strategy", name, changed(base, strategy=name)) for name in names]


def check_control(control: str | None) -> None:
    """Only a random search is a control: it learns nothing of what it sees."""
    if control not in (None, RANDOM_SEARCH):
        raise UsageError(f"unknown control {control!r}; {did_you_mean(str(control), [RANDOM_SEARCH])}")


def control_variant(variant: Variant) -> Variant:
    """The random search beside ``arm``; its budget is set by ``with_equal_budgets``."""
    return Variant("control", "strategy", RANDOM_SEARCH, changed(variant.settings, strategy=RANDOM_SEARCH))


def _measured(variants: Sequence[Variant], repeats: int) -> list[Cost]:
    """The cost of each arm. Trials of equal settings cost the same whoever proposes them: they are timed once."""
    known: dict[str, Cost] = {}
    costs = []
    for variant in variants:
        alike = variant.settings.model_copy(update={"strategy": ""}).model_dump_json(exclude={"search": {"population"}})
        key = variant.settings.model_dump_json() if is_differentiable(variant.settings) else alike
        if key not in known:
            known[key] = measure(variant.settings, repeats)
        costs.append(known[key])
    return costs


def _advice(settings: SearchSettings) -> str | None:
    """What a strategy that proposes whole genotypes says of these settings, e.g. of a population never filled."""
    strategy = STRATEGIES.get(settings.strategy)
    if strategy.differentiable or strategy.external:
        return None
    advice: str | None = strategy(settings.search, space_of(settings), settings.seed).advice()
    return advice


def with_equal_budgets(variants: Sequence[Variant], seconds: float | None, repeats: int = 3) -> list[Variant]:
    """The arms with the steps or trials that one budget pays for, and what that is in seconds and multiply-adds.

    seconds: CPU seconds of one search; None takes what the steps of the first gradient strategy cost (the trials
    of the first arm, where there is none), and leaves arms of that kind at their own count.
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
            # what a proxy or inherited weights cost is not known beforehand: the loop stops at the time instead
            settings = settings.model_copy(update={"train": train.model_copy(update={"time": wanted})})
            notes.append(f"stops after {wanted:.0f} s of work, or {settings.search.trials} trials")
        elif not (same and cost.unit == unit):
            settings = fit(settings, cost, wanted)
            if settings.search.trial_steps != variant.settings.search.trial_steps:
                cost = rescaled(cost, variant.settings.search.trial_steps, settings.search.trial_steps)
                notes.append(f"trials shortened to {settings.search.trial_steps} steps, so that there are two")
        if trained and (advice := _advice(settings)):
            notes.append(advice)
        budget = cost_of(settings, cost) if trained else Budget(0, settings.search.trials, wanted, 0.0)
        done.append(Variant(variant.name, variant.factor, variant.level, settings, budget, cost, notes))
    return done
