"""Several arms, several seeds, one folder: searches, their genotypes trained by one recipe, and what follows.

``nas search --seeds 3 --control random`` is a campaign of two arms, ``nas ablate`` one of many. For every seed
and arm the folder holds ``<arm>-seed<k>/`` (the search) and ``<arm>-seed<k>-retrained/`` (its genotype trained
with seed k), for the rank correlation a few ``random-genotype<i>/`` trained alike, and at the end ``rows.csv``,
``statistics.json``, ``table.md`` and ``table.csv``. All parts validate on the same held-out images; benchmark
sets are measured at the very end and select nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError
from nas.experiments.cpu_time import CpuTime
from nas.experiments.plan import FIRST_DRAW, ExperimentPlan, ExperimentResult, Trained, default_experiment_name
from nas.experiments.runs import PlannedRun, finish_runs, random_genotype_run, retraining_run
from nas.experiments.variants import Variant, check_control, baseline_variant, with_equal_budgets
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
    """``seeds`` independent searches from ``settings.seed`` on, each with a control of equal cost.

    control: "random" adds, for each seed, a random search that may spend what the search spends: the CPU seconds of
    its steps or trials as measured before the start (multiply-adds and the seconds really taken are recorded
    too). jobs: how many runs at a time. Raises UsageError for wrong settings before anything is written.
    """
    check_control(control)
    first = Variant(
        settings.strategy if settings.strategy != "control" else "search", "strategy", settings.strategy, settings
    )
    variants = [first, baseline_variant(first)] if control is not None else [first]
    plan = plan_experiment(
        "campaign",
        "search and control" if control else "search",
        settings,
        variants,
        seeds,
        "control" if control else None,
    )
    return start_experiment(plan, Path(out) if out is not None else Path("runs") / default_experiment_name(settings, "campaign"), jobs)


def plan_experiment(
    kind: str,
    title: str,
    base: SearchSettings,
    variants: Sequence[Variant],
    seeds: int,
    reference: str | None,
    notes: Sequence[str] = (),
) -> ExperimentPlan:
    """Check everything that can be checked and bring the arms to one budget; writes nothing."""
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: a campaign needs at least one seed")
    load_plugins(base.plugins)
    task = get_task(base.task)
    for variant in variants:
        check_settings(variant.settings, task)
        space_of(variant.settings)
    if base.data.validation < 1:
        raise UsageError("a campaign compares on validation images, of which there are none; raise data.validation")
    for name in base.retrain.network:
        if name not in (*OPTIONS, "width", "cells", "features", "keep"):
            raise UsageError(f"retrain.network has no setting {name!r}; known: {', '.join(OPTIONS)}, width, cells")
    if base.retrain.sets:
        from nas.data import benchmark_set

        for name in base.retrain.sets:  # a set that is not there is found out now, not after hours
            benchmark_set(name, task, base.retrain.benchmarks)
    equal = with_equal_budgets(variants, base.train.time)
    lead = next((variant for variant in equal if variant.budget is not None and variant.budget.steps), equal[0])
    seconds = base.train.time or (lead.budget.seconds if lead.budget is not None else None)
    return ExperimentPlan(
        kind, title, base, equal, [base.seed + i for i in range(seeds)], reference, seconds, tuple(notes)
    )


def start_experiment(plan: ExperimentPlan, folder: Path, jobs: int = 1) -> ExperimentResult:
    """Begin a campaign in a new folder and bring it to its end."""
    begin(folder, plan.to_document())
    return finish_experiment(plan, folder, jobs)


def finish_experiment(plan: ExperimentPlan, folder: Path, jobs: int) -> ExperimentResult:
    """Bring every run of a begun experiment to its end and write its results."""
    from nas.experiments.results import collect_results

    load_plugins(plan.base.plugins)
    done = planned_runs(plan, folder)
    finish_runs(folder, [(item.found, item.trained) for item in done], plan.base.plugins, jobs)
    return collect_results(plan, folder, done, CpuTime(folder))


def planned_runs(plan: ExperimentPlan, folder: Path) -> list[Trained]:
    """All parts in the order of work: seed by seed, so that an unfinished campaign is balanced."""
    done = []
    for seed in plan.seeds:
        for variant in plan.variants:
            found = PlannedRun(f"{variant.name}-seed{seed}", variant.at_seed(seed))
            trained = retraining_run(f"{found.name}-retrained", plan.base, folder / found.name, seed)
            done.append(Trained(variant.name, seed, found, trained))
    for index in range(plan.base.retrain.random_genotypes if _has_supernet(plan) else 0):
        found = random_genotype_run(f"random-genotype{index + 1}", plan.base, FIRST_DRAW + plan.base.seed + index)
        seed = plan.seeds[index % len(plan.seeds)]
        trained = retraining_run(f"{found.name}-retrained", plan.base, folder / found.name, seed)
        done.append(Trained("", seed, found, trained))
    return done


def _has_supernet(plan: ExperimentPlan) -> bool:
    from nas.experiments.budget import is_differentiable

    return any(is_differentiable(variant.settings) for variant in plan.variants)


def describe_experiment(plan: ExperimentPlan) -> str:
    """What a campaign will do, for ``--dry-run``."""
    lines = [f"{plan.title}: {len(plan.variants)} arms, seeds {', '.join(map(str, plan.seeds))}"]
    for variant in plan.variants:
        words = [f"{variant.factor} {variant.level}"]
        if (budget := variant.budget) is not None:
            trials = f"{budget.trials} trials of {variant.settings.search.trial_steps} steps"
            words.append(f"{budget.steps} steps" if budget.steps else trials)
            words.append(f"about {budget.seconds:.0f} CPU s, {budget.multiply_adds / 1e12:.3g} T multiply-adds")
        lines.append(f"  {variant.name}: {', '.join(words)}")
        lines += [f"    note: {note}" for note in variant.notes]
    count = len(plan.variants) * len(plan.seeds) + (plan.base.retrain.random_genotypes if _has_supernet(plan) else 0)
    lines.append(f"  then {count} trainings of {plan.base.retrain.steps} steps")
    lines += [f"  {note}" for note in plan.notes]
    return "\n".join(lines)
