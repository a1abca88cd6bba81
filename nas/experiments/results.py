"""From finished runs to results: ``statistics.json``, ``table.md``, ``table.csv`` and the conclusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.engines.setup import space_of
from nas.experiments.budget import is_differentiable
from nas.experiments.comparisons import cheapest_of_the_best, compare_variants, noise_of_variants, noise_sentence
from nas.experiments.cpu_time import CpuTime
from nas.experiments.frames import experiment_csv
from nas.experiments.outcomes import VALIDATION, Outcome, OutcomeReader, write_experiment_rows
from nas.experiments.plan import ExperimentPlan, ExperimentResult, SearchAndTraining, count_validation_images
from nas.experiments.rank_agreement import supernet_scores
from nas.experiments.tables import experiment_markdown
from nas.experiments.variants import Variant
from nas.files import write_json, write_text
from nas.space import Genotype
from nas.statistics import intervals as s
from nas.statistics import sentences as wording
from nas.tasks import get_task


def collect_results(
    plan: ExperimentPlan, folder: Path, done: Sequence[SearchAndTraining], work: CpuTime
) -> ExperimentResult:
    """Read all runs, compare the variants and write the results; the same runs give the same files.

    Args:
        plan: The experiment.
        folder: Its folder.
        done: Its finished runs.
        work: Counts the CPU time of scores by supernets.

    Returns:
        The result.
    """
    task = get_task(plan.base.task)
    reader = OutcomeReader(folder, task)
    outcomes = [
        reader.outcome(one.search.name, one.variant, one.seed, one.search.name, one.training.name) for one in done
    ]
    images = count_validation_images(plan)
    variants = [
        _variant_statistics(variant, [o for o in outcomes if o.variant == variant.name]) for variant in plan.variants
    ]
    ranking = _ranking(plan, folder, outcomes, work)
    rows = write_experiment_rows(folder, outcomes, plan.base, task, images)
    statistics: dict[str, Any] = {
        "kind": plan.kind,
        "title": plan.title,
        "space": space_of(plan.base).name,
        "task": task.name,
        "protocol": str(task.protocol),
        "validation_images": images,
        "seeds": plan.seeds,
        "reference": plan.reference,
        "budget_seconds": plan.seconds,
        "retrain_steps": plan.base.retrain.steps,
        "arms": variants,
        "comparisons": compare_variants(variants, plan.reference),
        "noise": noise_of_variants(variants),
        "ranking": ranking,
        "points": [_point(o) for o in outcomes],
        "sets": _sets(plan, rows),
        "notes": [*plan.notes, *(f"{variant.name}: {note}" for variant in plan.variants for note in variant.notes)],
    }
    statistics["conclusions"] = conclusions(statistics)
    write_json(folder / "statistics.json", statistics)
    write_text(folder / "table.csv", experiment_csv(statistics))
    text = experiment_markdown(statistics)
    return ExperimentResult(text, write_text(folder / "table.md", text), folder, statistics)


def _variant_statistics(variant: Variant, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    gaps = [o.gap for o in outcomes if o.gap is not None]
    times = [o.search_seconds for o in outcomes if o.search_seconds is not None]
    training = [o.train_seconds for o in outcomes if o.train_seconds is not None]
    space = space_of(variant.settings)
    vectors = [space.encode(o.genotype) for o in outcomes]
    return {
        "name": variant.name,
        "factor": variant.factor,
        "level": variant.level,
        "steps": variant.budget.steps if variant.budget else None,
        "trials": variant.budget.trials if variant.budget else None,
        "trial_steps": variant.settings.search.trial_steps if variant.budget and variant.budget.trials > 1 else None,
        "budget_seconds": variant.budget.seconds if variant.budget else None,
        "budget_multiply_adds": variant.budget.multiply_adds if variant.budget else None,
        "search_seconds": asdict(s.summary(times)) if times else None,
        "train_seconds": asdict(s.summary(training)) if training else None,
        "seeds": [o.seed for o in outcomes],
        "psnr_values": [o.psnr for o in outcomes],
        "psnr": asdict(s.summary([o.psnr for o in outcomes])),
        "parameters": sum(o.costs.parameters for o in outcomes) / len(outcomes),
        "multiply_adds": sum(o.costs.multiply_adds_total for o in outcomes) / len(outcomes),
        "gap": asdict(s.summary(gaps)) if gaps else None,
        "agreement": asdict(s.agreement(vectors, [len(d.choices) for d in space.decisions])),
        "genotypes": [o.genotype.hash for o in outcomes],
    }


def _ranking(plan: ExperimentPlan, folder: Path, outcomes: Sequence[Outcome], work: CpuTime) -> list[dict[str, Any]]:
    """For each supernet its score of every trained genotype of its space, beside the PSNR after training."""
    genotypes: dict[str, Genotype] = {o.genotype.hash: o.genotype for o in outcomes}
    trained = {key: s.summary([o.psnr for o in outcomes if o.genotype.hash == key]).mean for key in genotypes}
    found = []
    for variant in plan.variants:
        if not is_differentiable(variant.settings):
            continue
        for seed in plan.seeds:
            name = f"{variant.name}-seed{seed}"
            with work.measured(f"{name} scores"):
                scores = supernet_scores(folder / name, variant.at_seed(seed), genotypes)
            keys = list(scores)
            found.append(
                {
                    "arm": variant.name,
                    "seed": seed,
                    "correlation": asdict(s.kendall([scores[k] for k in keys], [trained[k] for k in keys])),
                    "pairs": [{"genotype": k, "supernet": scores[k], "trained": trained[k]} for k in keys],
                }
            )
    return found


def _point(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.name,
        "arm": one.variant or "random genotype",
        "seed": one.seed,
        "genotype": one.genotype.hash,
        "psnr": one.psnr,
        "parameters": one.costs.parameters,
        "multiply_adds": one.costs.multiply_adds_total,
    }


def _sets(plan: ExperimentPlan, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Mean and spread of every variant on every benchmark set."""
    found = []
    for name in dict.fromkeys(r.set for r in rows if r.set != VALIDATION):
        for variant in plan.variants:
            names = {f"{variant.name}-seed{seed}" for seed in plan.seeds}
            values = [r.psnr for r in rows if r.set == name and r.model in names and r.psnr is not None]
            if values:
                found.append(
                    {"set": name, "arm": variant.name, "psnr_values": values, "psnr": asdict(s.summary(values))}
                )
    return found


def conclusions(statistics: dict[str, Any]) -> list[str]:
    """Draw the conclusions of an experiment.

    Args:
        statistics: Its figures, with the keys ``comparisons``, ``arms`` and ``ranking``.

    Returns:
        Plain sentences, each with its interval and n.
    """
    said = [c["verdict"] for c in statistics["comparisons"]]
    if len(said) > 1:
        level = statistics["comparisons"][0]["welch"]["level"]
        said.append(
            f"There are {len(said)} comparisons, so each interval is one of {wording.percent(level)} (Bonferroni); "
            f"all of them hold together with {wording.percent(s.LEVEL)}."
        )
    if statistics.get("noise"):
        said.append(noise_sentence(statistics["noise"]))
    if cheapest := cheapest_of_the_best(statistics["arms"]):
        said.append(cheapest)
    said += _rank_correlations(statistics["ranking"])
    for variant in statistics["arms"]:
        if variant["gap"] is not None:
            said.append(f"Discretisation gap of {variant['name']}: {wording.decibels(s.Summary(**variant['gap']))}.")
    for variant in statistics["arms"]:
        found = s.Agreement(**variant["agreement"])
        if found.pairs and found.decisions:
            said.append(f"Genotypes of {variant['name']}: {wording.likeness(found)}.")
    return said


def _rank_correlations(ranking: Sequence[dict[str, Any]]) -> list[str]:
    said = []
    for variant in dict.fromkeys(entry["arm"] for entry in ranking):
        found = [s.Correlation(**entry["correlation"]) for entry in ranking if entry["arm"] == variant]
        each = "; ".join(wording.correlation(c) for c in found)
        taus = [c.tau for c in found if c.tau is not None]
        text = f"Supernet against training, {variant}: {each}."
        mean = s.summary(taus) if len(taus) > 1 else None
        if mean is not None:
            text += f" Mean over {mean.n} supernets {mean.mean:+.2f}"
            if mean.sd and mean.low is not None and mean.high is not None:
                low, high = max(mean.low, -1.0), min(mean.high, 1.0)
                text += f", {wording.percent(mean.level)} interval {low:+.2f} to {high:+.2f}"
            text += "."
        said.append(text)
    return said
