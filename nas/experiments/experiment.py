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
from nas.experiments.cpu_time import Work
from nas.experiments.plan import FIRST_DRAW, CampaignResult, Plan, Trained, default_name
from nas.experiments.runs import Part, begin, finish_all, random_genotype, retraining
from nas.experiments.variants import Arm, check_control, control_arm, with_equal_budgets
from nas.registry import load_plugin
from nas.tasks import get_task
from nas.train.retrain import OPTIONS
from nas.train.training_data import check_settings


def campaign(
    settings: SearchSettings,
    seeds: int,
    control: str | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
) -> CampaignResult:
    """``seeds`` independent searches from ``settings.seed`` on, each with a control of equal cost.

    control: "random" adds, for each seed, a random search that may spend what the search spends: the CPU seconds of
    its steps or trials as measured before the start (multiply-adds and the seconds really taken are recorded
    too). jobs: how many runs at a time. Raises UsageError for wrong settings before anything is written.
    """
    check_control(control)
    first = Arm(settings.strategy if settings.strategy != "control" else "search", "strategy", settings.strategy,
                settings)  # fmt: skip
    arms = [first, control_arm(first)] if control is not None else [first]
    plan = prepare("campaign", "search and control" if control else "search", settings, arms, seeds,
                   "control" if control else None)  # fmt: skip
    return run(plan, Path(out) if out is not None else Path("runs") / default_name(settings, "campaign"), jobs)


def prepare(
    kind: str, title: str, base: SearchSettings, arms: Sequence[Arm], seeds: int, reference: str | None,
    notes: Sequence[str] = (),
) -> Plan:  # fmt: skip
    """Check everything that can be checked and bring the arms to one budget; writes nothing."""
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}: a campaign needs at least one seed")
    for plugin in base.plugins:
        load_plugin(plugin)
    task = get_task(base.task)
    for arm in arms:
        check_settings(arm.settings, task)
        space_of(arm.settings)
    if base.data.validation < 1:
        raise UsageError("a campaign compares on validation images, of which there are none; raise data.validation")
    for name in base.retrain.network:
        if name not in (*OPTIONS, "width", "cells", "features", "keep"):
            raise UsageError(f"retrain.network has no setting {name!r}; known: {', '.join(OPTIONS)}, width, cells")
    if base.retrain.sets:
        from nas.data import benchmark_set

        for name in base.retrain.sets:  # a set that is not there is found out now, not after hours
            benchmark_set(name, task, base.retrain.benchmarks)
    equal = with_equal_budgets(arms, base.train.time)
    lead = next((arm for arm in equal if arm.budget is not None and arm.budget.steps), equal[0])
    seconds = base.train.time or (lead.budget.seconds if lead.budget is not None else None)
    return Plan(kind, title, base, equal, [base.seed + i for i in range(seeds)], reference, seconds, tuple(notes))


def run(plan: Plan, folder: Path, jobs: int = 1) -> CampaignResult:
    """Begin a campaign in a new folder and bring it to its end."""
    begin(folder, plan.to_document())
    return carry_out(plan, folder, jobs)


def carry_out(plan: Plan, folder: Path, jobs: int) -> CampaignResult:
    """Bring every run of a begun experiment to its end and write its results."""
    from nas.experiments.results import collect

    for plugin in plan.base.plugins:
        load_plugin(plugin)
    done = parts_of(plan, folder)
    finish_all(folder, [(item.found, item.trained) for item in done], plan.base.plugins, jobs)
    return collect(plan, folder, done, Work(folder))


def parts_of(plan: Plan, folder: Path) -> list[Trained]:
    """All parts in the order of work: seed by seed, so that an unfinished campaign is balanced."""
    done = []
    for seed in plan.seeds:
        for arm in plan.arms:
            found = Part(f"{arm.name}-seed{seed}", arm.at_seed(seed))
            trained = retraining(f"{found.name}-retrained", plan.base, folder / found.name, seed)
            done.append(Trained(arm.name, seed, found, trained))
    for index in range(plan.base.retrain.random_genotypes if _has_supernet(plan) else 0):
        found = random_genotype(f"random-genotype{index + 1}", plan.base, FIRST_DRAW + plan.base.seed + index)
        seed = plan.seeds[index % len(plan.seeds)]
        trained = retraining(f"{found.name}-retrained", plan.base, folder / found.name, seed)
        done.append(Trained("", seed, found, trained))
    return done


def _has_supernet(plan: Plan) -> bool:
    from nas.experiments.budget import is_differentiable

    return any(is_differentiable(arm.settings) for arm in plan.arms)


def describe(plan: Plan) -> str:
    """What a campaign will do, for ``--dry-run``."""
    lines = [f"{plan.title}: {len(plan.arms)} arms, seeds {', '.join(map(str, plan.seeds))}"]
    for arm in plan.arms:
        words = [f"{arm.factor} {arm.level}"]
        if (budget := arm.budget) is not None:
            trials = f"{budget.trials} trials of {arm.settings.search.trial_steps} steps"
            words.append(f"{budget.steps} steps" if budget.steps else trials)
            words.append(f"about {budget.seconds:.0f} CPU s, {budget.multiply_adds / 1e12:.3g} T multiply-adds")
        lines.append(f"  {arm.name}: {', '.join(words)}")
        lines += [f"    note: {note}" for note in arm.notes]
    count = len(plan.arms) * len(plan.seeds) + (plan.base.retrain.random_genotypes if _has_supernet(plan) else 0)
    lines.append(f"  then {count} trainings of {plan.base.retrain.steps} steps")
    lines += [f"  {note}" for note in plan.notes]
    return "\n".join(lines)
