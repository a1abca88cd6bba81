"""``nas ablate``: searches that differ in one thing each, at one budget, in one table.

Three ways to say what differs: nothing said, the ablation of the JSNet search (which cells, partial channels, edge
weights, order of the architecture gradient); ``strategies``, several strategies on one space; ``vary``, any setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError, did_you_mean
from nas.experiments.experiment import prepare, run
from nas.experiments.plan import ExperimentPlan, ExperimentResult, default_name
from nas.experiments.runs import RANDOM_SEARCH
from nas.experiments.variants import Variant, changed, strategy_variants
from nas.files import slug
from nas.registry import STRATEGIES, load_plugins
from nas.space import SPACES, Space

#: what an ablation may vary, in the order of the table
FACTORS = ("cells", "partial_channels", "edge_weights", "order")


def ablate(
    settings: SearchSettings,
    seeds: int = 1,
    *,
    strategies: Sequence[str] = (),
    factors: Sequence[str] = (),
    vary: Sequence[str] = (),
    reference: str | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
) -> ExperimentResult:
    """Plan and run; see ``plan_ablation`` for the arguments."""
    plan = plan_ablation(settings, seeds, strategies=strategies, factors=factors, vary=vary, reference=reference)
    name = "contest" if strategies else "ablation"
    return run(plan, Path(out) if out is not None else Path("runs") / default_name(settings, name), jobs)


def plan_ablation(
    settings: SearchSettings,
    seeds: int = 1,
    *,
    strategies: Sequence[str] = (),
    factors: Sequence[str] = (),
    vary: Sequence[str] = (),
    reference: str | None = None,
) -> ExperimentPlan:
    """The arms at one budget; measures a few steps of each and writes nothing.

    strategies: names to compare; factors: of FACTORS, none means all; vary: texts ``a.b=v1,v2`` for any setting.
    reference: the arm the others are compared with; None takes ``random`` among strategies, else the first arm.
    Budget: the same steps for all gradient strategies; with ``train.time``, or where strategies differ in kind,
    the same CPU seconds. Raises UsageError for unknown names and for arms that would not differ.
    """
    load_plugins(settings.plugins)
    if sum(map(bool, (strategies, factors, vary))) > 1:
        raise UsageError("give one of --strategies, --only and --vary; two at once would vary two things")
    notes: list[str] = []
    if strategies:
        variants, title = strategy_variants(settings, strategies), "comparison of strategies"
    elif vary:
        variants, title = varied_arms(settings, vary), "ablation"
    else:
        variants, title = ablation_arms(settings, factors, notes), "ablation"
    names = [variant.name for variant in variants]
    if reference is None:
        reference = RANDOM_SEARCH if strategies and RANDOM_SEARCH in names else names[0]
    if reference not in names:
        raise UsageError(f"--reference {reference!r} is no arm here; {did_you_mean(reference, names)}")
    kind = "contest" if strategies else "ablation"
    return prepare(kind, title, settings, variants, seeds, reference if len(variants) > 1 else None, notes)


def ablation_arms(base: SearchSettings, factors: Sequence[str], notes: list[str]) -> list[Variant]:
    """The reference (the settings as they are) and one arm for each factor turned the other way.

    A factor that has no meaning here is left out, which ``notes`` then says.
    """
    for factor in factors:
        if factor not in FACTORS:
            raise UsageError(f"--only {factor!r} is nothing to ablate; {did_you_mean(factor, FACTORS)}")
    if not STRATEGIES.get(base.strategy).differentiable:
        raise UsageError(
            f"strategy {base.strategy!r} has no supernet to ablate; take pc_darts, or compare with --strategies"
        )
    space = space_of(base)
    makers: dict[str, Callable[[SearchSettings, Space], list[Variant]]] = {
        "cells": _cell_arms,
        "partial_channels": _partial_channel_arms,
        "edge_weights": _edge_weight_arms,
        "order": _order_arms,
    }
    variants = [Variant(slug(space.name), "reference", _levels(base, space), base)]
    for factor in factors or FACTORS:
        made = makers[factor](base, space)
        if not made:
            where = f"space {space.name!r} with {base.strategy!r}"
            notes.append(f"{factor} was left out: {where} has nothing to vary there")
        variants += made
    if len(variants) == 1:
        raise UsageError(f"nothing can be ablated in space {space.name!r} with {base.strategy!r}; use --vary")
    return variants


def varied_arms(base: SearchSettings, vary: Sequence[str]) -> list[Variant]:
    """One arm for every value of every ``a.b=v1,v2``; the settings as they are come first."""
    space = space_of(base)
    variants = [Variant(slug(space.name), "reference", "as given", base)]
    for text in vary:
        key, sign, values = text.partition("=")
        if not sign or not key or not values:
            raise UsageError(f"--vary {text!r} is not of the form key.subkey=value,value")
        for value in values.split(","):
            settings = build(SearchSettings, base.model_dump(mode="json"), [f"{key}={value}"])
            if settings != base:
                variants.append(Variant(slug(f"{key.split('.')[-1]}-{value}"), key, value, settings))
    names = [variant.name for variant in variants]
    if len(variants) == 1 or len(set(names)) != len(names):
        raise UsageError("--vary must give at least one value that differs, and each value once")
    return variants


def _cell_arms(base: SearchSettings, space: Space) -> list[Variant]:
    """One kind of cell alone: the registered spaces osm and asm, at the width of the joint space."""
    if space.name != "jsm":
        return []
    variants = []
    for name, role in (("osm", "operation"), ("asm", "attention")):
        if name not in SPACES:
            continue
        features = {"network.features": space.features} if role == "attention" else {}
        overrides = {k: v for k, v in base.overrides.items() if _fits(k, role)}
        settings = changed(base, space=name).model_copy(update={"overrides": {**overrides, **features}})
        variants.append(Variant(f"{name}-only", "cells", f"{role} only", settings))
    return variants


def _fits(override: str, role: str) -> bool:
    """Whether an override of the joint space has a meaning where only cells of ``role`` are."""
    return not override.startswith("cells.") or override.split(".")[1] == role


def _partial_channel_arms(base: SearchSettings, space: Space) -> list[Variant]:
    cells = _relaxed(base, space)
    taken = {name: space.cells[name].relaxation.partial_channels for name in cells}
    if not taken:
        return []
    on = any(k > 1 for k in taken.values())
    overrides = {f"cells.{name}.relaxation.partial_channels": 1 if on else 4 for name in taken}
    level = "off" if on else "on (a quarter)"
    return [
        Variant(f"partial-channels-{level.split()[0]}", "partial channels", level, changed(base, overrides=overrides))
    ]


def _edge_weight_arms(base: SearchSettings, space: Space) -> list[Variant]:
    cells = _relaxed(base, space)
    if not cells:
        return []
    on = any(space.cells[name].relaxation.edge_weights for name in cells)
    overrides = {f"cells.{name}.relaxation.edge_weights": not on for name in cells}
    level = "off" if on else "on"
    return [Variant(f"edge-weights-{level}", "edge weights", level, changed(base, overrides=overrides))]


def _relaxed(base: SearchSettings, space: Space) -> list[str]:
    """Operation cells whose relaxation the strategy takes from the space document."""
    options = STRATEGIES.get(base.strategy)(base.search, base.train).supernet_options()
    if {"partial_channels", "edge_weights"} & set(options):
        return []
    return [name for name, cell in space.cells.items() if cell.role == "operation"]


def _order_arms(base: SearchSettings, space: Space) -> list[Variant]:
    order = _order(base)
    if order is None:
        return []
    other = "second" if order == "first" else "first"
    return [Variant(f"{other}-order", "order", other, changed(base, search__order=other))]


def _order(base: SearchSettings) -> str | None:
    """The order of the architecture gradient; None for a strategy that has no such setting."""
    model = STRATEGIES.get(base.strategy).Settings
    return str(base.search.own(model).order) if "order" in model.model_fields else None


def _levels(base: SearchSettings, space: Space) -> str:
    """The reference in words."""
    order = _order(base)
    words = [base.strategy if order is None else f"{base.strategy}, {order} order"]
    for name in _relaxed(base, space):
        relaxation = space.cells[name].relaxation
        taken = relaxation.partial_channels
        words.append(f"partial channels {'off' if taken == 1 else f'1/{taken}'}")
        words.append(f"edge weights {'on' if relaxation.edge_weights else 'off'}")
    return ", ".join(words)
