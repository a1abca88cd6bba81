"""``nas ablate``: searches that differ in one thing each, at one budget, in one table.

By default these are the ablation of the JSNet search: cells, partial channels, edge weights and order of the
architecture gradient. ``strategies`` compares strategies on one space instead, ``vary`` any setting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError, did_you_mean
from nas.experiments.experiment import plan_experiment, start_experiment
from nas.experiments.plan import ExperimentPlan, ExperimentResult, default_experiment_name
from nas.experiments.runs import RANDOM_SEARCH
from nas.experiments.variants import Variant, changed_settings, strategy_variants
from nas.names import inside, slug
from nas.registry import STRATEGIES, load_plugins
from nas.space import SPACES, Space

#: factors of the ablation in the order of the table
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
    """Plan an ablation and run it.

    Args:
        settings: As for ``plan_ablation``.
        seeds: As for ``plan_ablation``.
        strategies: As for ``plan_ablation``.
        factors: As for ``plan_ablation``.
        vary: As for ``plan_ablation``.
        reference: As for ``plan_ablation``.
        out: Folder to create; None makes one under ``runs``.
        jobs: Number of runs at a time.

    Returns:
        The finished experiment.

    Raises:
        UsageError: The settings are wrong; nothing has been written then.
    """
    plan = plan_ablation(settings, seeds, strategies=strategies, factors=factors, vary=vary, reference=reference)
    name = "contest" if strategies else "ablation"
    return start_experiment(
        plan, Path(out) if out is not None else inside("runs", default_experiment_name(settings, name)), jobs
    )


def plan_ablation(
    settings: SearchSettings,
    seeds: int = 1,
    *,
    strategies: Sequence[str] = (),
    factors: Sequence[str] = (),
    vary: Sequence[str] = (),
    reference: str | None = None,
) -> ExperimentPlan:
    """Plan the variants at one budget; measures a few steps of each and writes nothing.

    Gradient strategies get the same number of steps; with ``train.time``, or where strategies differ in kind, all get
    the same CPU seconds.

    Args:
        settings: What all variants share.
        seeds: Number of seeds, from ``settings.seed`` on.
        strategies: Strategies to compare. At most one of this and the next two is given.
        factors: Factors to vary, of ``FACTORS``; none means all.
        vary: Texts ``key.subkey=value,value`` that vary any setting.
        reference: Variant that the others are compared with; None takes ``random`` among strategies, otherwise the
            first variant.

    Returns:
        The plan.

    Raises:
        UsageError: A name is unknown, or variants would not differ.
    """
    load_plugins(settings.plugins)
    if sum(map(bool, (strategies, factors, vary))) > 1:
        raise UsageError("give one of --strategies, --only and --vary; two at once would vary two things")
    notes: list[str] = []
    if strategies:
        variants, title = strategy_variants(settings, strategies), "comparison of strategies"
    elif vary:
        variants, title = varied_variants(settings, vary), "ablation"
    else:
        variants, title = ablation_variants(settings, factors, notes), "ablation"
    names = [variant.name for variant in variants]
    if reference is None:
        reference = RANDOM_SEARCH if strategies and RANDOM_SEARCH in names else names[0]
    if reference not in names:
        raise UsageError(f"--reference {reference!r} is not a variant here; {did_you_mean(reference, names)}")
    kind = "contest" if strategies else "ablation"
    return plan_experiment(kind, title, settings, variants, seeds, reference if len(variants) > 1 else None, notes)


def ablation_variants(base: SearchSettings, factors: Sequence[str], notes: list[str]) -> list[Variant]:
    """The settings as given and one variant for each factor switched.

    Args:
        base: The settings of the reference.
        factors: Factors to vary, of ``FACTORS``; none means all.
        notes: Gets a sentence for each factor that does not apply here and is left out.

    Returns:
        The variants, the reference first.

    Raises:
        UsageError: A factor is unknown, or none applies.
    """
    for factor in factors:
        if factor not in FACTORS:
            raise UsageError(f"--only {factor!r} is not a factor of the ablation; {did_you_mean(factor, FACTORS)}")
    if not STRATEGIES.get(base.strategy).differentiable:
        raise UsageError(
            f"strategy {base.strategy!r} has no supernet to ablate; take pc_darts, or compare with --strategies"
        )
    space = space_of(base)
    makers: dict[str, Callable[[SearchSettings, Space], list[Variant]]] = {
        "cells": _cell_variants,
        "partial_channels": _partial_channel_variants,
        "edge_weights": _edge_weight_variants,
        "order": _order_variants,
    }
    variants = [Variant(slug(space.name), "reference", _reference_level(base, space), base)]
    for factor in factors or FACTORS:
        made = makers[factor](base, space)
        if not made:
            where = f"space {space.name!r} with {base.strategy!r}"
            notes.append(f"{factor} was left out: {where} has nothing to vary there")
        variants += made
    if len(variants) == 1:
        raise UsageError(f"nothing can be ablated in space {space.name!r} with {base.strategy!r}; use --vary")
    return variants


def varied_variants(base: SearchSettings, vary: Sequence[str]) -> list[Variant]:
    """The settings as given and one variant for every value of every text.

    Args:
        base: The settings of the reference.
        vary: Texts ``key.subkey=value,value``.

    Returns:
        The variants, the reference first.

    Raises:
        UsageError: A text has another form, names no setting, or gives no value that differs.
    """
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
        raise UsageError("--vary needs at least one value that differs from the setting, and each value only once")
    return variants


def _cell_variants(base: SearchSettings, space: Space) -> list[Variant]:
    """Only one kind of cell: the spaces osm and asm, at the width of the joint space."""
    if space.name != "jsm":
        return []
    variants = []
    for name, role in (("osm", "operation"), ("asm", "attention")):
        if name not in SPACES:
            continue
        features = {"network.features": space.features} if role == "attention" else {}
        overrides = {k: v for k, v in base.overrides.items() if _fits(k, role)}
        settings = changed_settings(base, space=name).model_copy(update={"overrides": {**overrides, **features}})
        variants.append(Variant(f"{name}-only", "cells", f"{role} only", settings))
    return variants


def _fits(override: str, role: str) -> bool:
    """Whether an override of the joint space applies to a space that has only cells of ``role``."""
    return not override.startswith("cells.") or override.split(".")[1] == role


def _partial_channel_variants(base: SearchSettings, space: Space) -> list[Variant]:
    cells = _relaxed_cells(base, space)
    taken = {name: space.cells[name].relaxation.partial_channels for name in cells}
    if not taken:
        return []
    on = any(k > 1 for k in taken.values())
    overrides = {f"cells.{name}.relaxation.partial_channels": 1 if on else 4 for name in taken}
    level = "off" if on else "on (a quarter)"
    return [
        Variant(
            f"partial-channels-{level.split()[0]}",
            "partial channels",
            level,
            changed_settings(base, overrides=overrides),
        )
    ]


def _edge_weight_variants(base: SearchSettings, space: Space) -> list[Variant]:
    cells = _relaxed_cells(base, space)
    if not cells:
        return []
    on = any(space.cells[name].relaxation.edge_weights for name in cells)
    overrides = {f"cells.{name}.relaxation.edge_weights": not on for name in cells}
    level = "off" if on else "on"
    return [Variant(f"edge-weights-{level}", "edge weights", level, changed_settings(base, overrides=overrides))]


def _relaxed_cells(base: SearchSettings, space: Space) -> list[str]:
    """Names of the operation cells whose relaxation the strategy takes from the space document."""
    options = STRATEGIES.get(base.strategy)(base.search, base.train).supernet_options()
    if {"partial_channels", "edge_weights"} & set(options):
        return []
    return [name for name, cell in space.cells.items() if cell.role == "operation"]


def _order_variants(base: SearchSettings, space: Space) -> list[Variant]:
    order = _order(base)
    if order is None:
        return []
    other = "second" if order == "first" else "first"
    return [Variant(f"{other}-order", "order", other, changed_settings(base, search__order=other))]


def _order(base: SearchSettings) -> str | None:
    """The order of the architecture gradient; None for a strategy that has no such setting."""
    model = STRATEGIES.get(base.strategy).Settings
    return str(base.search.own(model).order) if "order" in model.model_fields else None


def _reference_level(base: SearchSettings, space: Space) -> str:
    """The levels of all factors in the reference, in words."""
    order = _order(base)
    words = [base.strategy if order is None else f"{base.strategy}, {order} order"]
    for name in _relaxed_cells(base, space):
        relaxation = space.cells[name].relaxation
        taken = relaxation.partial_channels
        words.append(f"partial channels {'off' if taken == 1 else f'1/{taken}'}")
        words.append(f"edge weights {'on' if relaxation.edge_weights else 'off'}")
    return ", ".join(words)
