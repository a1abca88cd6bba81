"""Several variants, several seeds, one folder: searches, trainings of what they find, and the comparison.

``nas search --seeds 3 --control random`` is an experiment of two variants, ``nas ablate`` one of several. For every
seed and variant the folder holds ``<variant>-seed<k>/`` (the search) and ``<variant>-seed<k>-retrained/`` (the training
of its genotype with seed k), for the rank correlation a few ``random-genotype<i>/`` trained in the same way, and at the
end ``rows.csv``, ``statistics.json``, ``table.md`` and ``table.csv``. All runs validate on the same held-out images;
benchmark sets are measured at the very end and select nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError
from nas.experiments.budget import is_differentiable
from nas.experiments.cpu_time import CpuTime
from nas.experiments.plan import (
    FIRST_DRAW,
    ExperimentPlan,
    ExperimentResult,
    SearchAndTraining,
    check_count,
    default_experiment_name,
)
from nas.experiments.runs import PlannedRun, finish_runs, random_genotype_run, retraining_run, write_plan_file
from nas.experiments.variants import BASELINE, Variant, baseline_variant, check_control, with_equal_budgets
from nas.names import inside
from nas.registry import load_plugins
from nas.tasks import get_task
from nas.train.trainable import OPTIONS
from nas.train.training_data import check_settings


def run_experiment(
    settings: SearchSettings,
    seeds: int,
    control: str | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
) -> ExperimentResult:
    """Run independent searches, each with a random-search baseline of equal cost if asked for.

    Args:
        settings: Settings of the search with the first seed.
        seeds: Number of seeds, from ``settings.seed`` on.
        control: "random" adds, for each seed, a random search that may spend what the search spends: the CPU seconds
            of its steps or trials as measured before the start. Multiply-adds and the seconds really taken are
            recorded too.
        out: Folder to create; None makes one under ``runs``.
        jobs: Number of runs at a time.

    Returns:
        The finished experiment.

    Raises:
        UsageError: The settings are wrong; nothing has been written then.
    """
    check_control(control)
    name = settings.strategy if settings.strategy != BASELINE else "search"
    variants = [Variant(name, "strategy", settings.strategy, settings)]
    title, reference = "search", None
    if control is not None:
        variants.append(baseline_variant(variants[0]))
        title, reference = "search and random-search baseline", BASELINE
    plan = plan_experiment("campaign", title, settings, variants, seeds, reference)
    folder = Path(out) if out is not None else inside("runs", default_experiment_name(settings, "experiment"))
    return start_experiment(plan, folder, jobs)


def plan_experiment(
    kind: str,
    title: str,
    base: SearchSettings,
    variants: Sequence[Variant],
    seeds: int,
    reference: str | None,
    notes: Sequence[str] = (),
) -> ExperimentPlan:
    """Check everything that can be checked beforehand and bring the variants to one budget; writes nothing.

    Args:
        kind: "campaign", "ablation" or "contest".
        title: The kind for people.
        base: Settings that all variants share.
        variants: The searches to compare.
        seeds: Number of seeds, from ``base.seed`` on.
        reference: Name of the variant that the others are compared with, if any.
        notes: Sentences for the table.

    Returns:
        The plan, in which every variant has its budget.

    Raises:
        UsageError: A setting is wrong or a benchmark set is missing.
    """
    check_count("--seeds", seeds)
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: an experiment needs at least one seed")
    load_plugins(base.plugins)
    task = get_task(base.task)
    for variant in variants:
        check_settings(variant.settings, task)
        space_of(variant.settings)
    if base.data.validation < 1:
        raise UsageError("an experiment compares on validation images, of which there are none; raise data.validation")
    for name in base.retrain.network:
        if name not in (*OPTIONS, "width", "cells", "features", "keep"):
            raise UsageError(f"retrain.network has no setting {name!r}; known: {', '.join(OPTIONS)}, width, cells")
    if base.retrain.sets:
        from nas.data import benchmark_set

        for name in base.retrain.sets:  # a missing set is noticed now, not after hours
            benchmark_set(name, task, base.retrain.benchmarks)
    equal = with_equal_budgets(variants, base.train.time)
    lead = next((variant for variant in equal if variant.budget is not None and variant.budget.steps), equal[0])
    seconds = base.train.time or (lead.budget.seconds if lead.budget is not None else None)
    return ExperimentPlan(
        kind, title, base, equal, [base.seed + i for i in range(seeds)], reference, seconds, tuple(notes)
    )


def start_experiment(plan: ExperimentPlan, folder: Path, jobs: int = 1) -> ExperimentResult:
    """Start an experiment in a new folder and finish it; ``jobs`` runs at a time."""
    write_plan_file(folder, plan.to_document())
    return finish_experiment(plan, folder, jobs)


def finish_experiment(plan: ExperimentPlan, folder: Path, jobs: int) -> ExperimentResult:
    """Finish every run of a started experiment and write its results; ``jobs`` runs at a time."""
    from nas.experiments.results import collect_results

    load_plugins(plan.base.plugins)
    planned = planned_runs(plan, folder)
    finish_runs(folder, [(one.search, one.training) for one in planned], plan.base.plugins, jobs)
    return collect_results(plan, folder, planned, CpuTime(folder))


def planned_runs(plan: ExperimentPlan, folder: Path) -> list[SearchAndTraining]:
    """All runs in their order, seed by seed, so that an unfinished experiment is balanced."""
    planned = []
    for seed in plan.seeds:
        for variant in plan.variants:
            search = PlannedRun(f"{variant.name}-seed{seed}", variant.at_seed(seed))
            training = retraining_run(f"{search.name}-retrained", plan.base, folder / search.name, seed)
            planned.append(SearchAndTraining(variant.name, seed, search, training))
    for index in range(_random_genotypes(plan)):
        search = random_genotype_run(f"random-genotype{index + 1}", plan.base, FIRST_DRAW + plan.base.seed + index)
        seed = plan.seeds[index % len(plan.seeds)]
        training = retraining_run(f"{search.name}-retrained", plan.base, folder / search.name, seed)
        planned.append(SearchAndTraining("", seed, search, training))
    return planned


def _random_genotypes(plan: ExperimentPlan) -> int:
    """How many random genotypes are trained for the rank correlation; none without a supernet."""
    has_supernet = any(is_differentiable(variant.settings) for variant in plan.variants)
    return plan.base.retrain.random_genotypes if has_supernet else 0


def describe_experiment(plan: ExperimentPlan) -> str:
    """What an experiment would do, for ``--dry-run``."""
    lines = [f"{plan.title}: {len(plan.variants)} variants, seeds {', '.join(map(str, plan.seeds))}"]
    for variant in plan.variants:
        words = [f"{variant.factor} {variant.level}"]
        if (budget := variant.budget) is not None:
            trials = f"{budget.trials} trials of {variant.settings.search.trial_steps} steps"
            words.append(f"{budget.steps} steps" if budget.steps else trials)
            words.append(f"about {budget.seconds:.0f} CPU s, {budget.multiply_adds / 1e12:.3g} T multiply-adds")
        lines.append(f"  {variant.name}: {', '.join(words)}")
        lines += [f"    note: {note}" for note in variant.notes]
    count = len(plan.variants) * len(plan.seeds) + _random_genotypes(plan)
    lines.append(f"  then {count} trainings of {plan.base.retrain.steps} steps")
    lines += [f"  {note}" for note in plan.notes]
    return "\n".join(lines)
