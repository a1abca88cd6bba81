"""``nas noise``: how large seed noise is beside the spread between genotypes, before anything is compared.

A few random genotypes are trained with a few seeds each. From the full table come the components of variance,
how well seeds agree on the ranking, what early validation and cost say of the end, and how many seeds a
comparison needs to see a difference of so many dB. ``campaign.yaml`` (kind noise) holds what was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.config.reading import parse
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.experiments.cpu_time import CpuTime
from nas.experiments.noise_results import EARLY, NoiseTable, noise_statistics
from nas.experiments.noise_tables import noise_csv, noise_markdown
from nas.experiments.outcomes import OutcomeReader, write_experiment_rows
from nas.experiments.plan import FIRST_DRAW, ExperimentResult, default_experiment_name
from nas.experiments.runs import PlannedRun, finish_runs, random_genotype_run, read_document, retraining_run
from nas.files import write_json, write_text
from nas.registry import BASELINES, load_plugins
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.training_data import check_settings, open_training_data


@dataclass(frozen=True)
class NoisePlan:
    """genotypes x seeds trainings of the recipe ``base.retrain``; ``draws``: the seed of each genotype."""

    base: SearchSettings
    draws: list[int]
    seeds: list[int]


def measure_noise(
    settings: SearchSettings, genotypes: int, seeds: int, out: str | Path | None = None, jobs: int = 1
) -> ExperimentResult:
    """Train ``genotypes`` random genotypes with ``seeds`` seeds each and say what can be told apart.

    ``settings.retrain`` is the recipe. Raises UsageError for fewer than two of either, before anything is written.
    """
    plan = plan_noise(settings, genotypes, seeds)
    folder = Path(out) if out is not None else Path("runs") / default_experiment_name(settings, "noise")
    document = {"kind": "noise", "draws": plan.draws, "seeds": plan.seeds, "base": plan.base.model_dump(mode="json")}
    begin(folder, document)
    return _finish(plan, folder, jobs)


def plan_noise(settings: SearchSettings, genotypes: int, seeds: int) -> NoisePlan:
    """Check, draw distinct genotypes, and make every run validate at each quarter; writes nothing."""
    if min(genotypes, seeds) < 2:
        raise UsageError("seed noise needs at least 2 genotypes with at least 2 seeds each")
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    if settings.data.validation < 1:
        raise UsageError("noise is measured on validation images, of which there are none; raise data.validation")
    if settings.retrain.steps < 4:
        raise UsageError("a run is looked at after each quarter: it needs at least 4 steps")
    space = space_of(settings)
    if space.size() < genotypes:
        raise UsageError(f"space {space.name!r} has {space.size()} genotypes, fewer than {genotypes}")
    draws: list[int] = []
    seen: set[str] = set()
    draw = FIRST_DRAW + settings.seed
    while len(draws) < genotypes and draw < FIRST_DRAW + settings.seed + 1000 * genotypes:
        key = space.sample(np.random.default_rng(draw)).hash  # what the random strategy asks for first
        if key not in seen:
            seen.add(key)
            draws.append(draw)
        draw += 1
    if len(draws) < genotypes:
        raise UsageError(f"space {space.name!r} gave only {len(draws)} different genotypes; lower --genotypes")
    quarter = settings.retrain.steps // 4
    recipe = settings.retrain.model_copy(update={"validate_every": quarter, "steps": 4 * quarter})
    base = settings.model_copy(update={"retrain": recipe})
    return NoisePlan(base, draws, [settings.seed + i for i in range(seeds)])


def resume_noise(folder: str | Path, document: dict[str, Any] | None = None, jobs: int = 1) -> ExperimentResult:
    """Continue an interrupted measurement: finished trainings stay."""
    folder = Path(folder)
    document = document or read_document(folder)
    try:
        base = parse(SearchSettings, document["base"])
        plan = NoisePlan(base, [int(d) for d in document["draws"]], [int(s) for s in document["seeds"]])
    except (KeyError, TypeError) as error:
        raise NasError(f"campaign.yaml in {str(folder)!r} is not as it was written ({error!r}); restore it") from error
    return _finish(plan, folder, jobs)


def _finish(plan: NoisePlan, folder: Path, jobs: int) -> ExperimentResult:
    plugins = plan.base.plugins
    drawn = [random_genotype_run(f"genotype{i + 1}", plan.base, draw) for i, draw in enumerate(plan.draws)]
    finish_runs(folder, [[part] for part in drawn], plugins)
    table = [
        [retraining_run(f"{part.name}-seed{seed}-retrained", plan.base, folder / part.name, seed) for seed in plan.seeds]
        for part in drawn
    ]
    by_seed = [[row[column]] for column in range(len(plan.seeds)) for row in table]
    finish_runs(folder, by_seed, plugins, jobs)
    return _collect(plan, folder, table, CpuTime(folder))


def _collect(plan: NoisePlan, folder: Path, parts: list[list[PlannedRun]], work: CpuTime) -> ExperimentResult:
    task = get_task(plan.base.task)
    data = open_training_data(plan.base, task, {"weights": 1.0})
    curves = np.array([[_curve(folder / part.name, plan.base.retrain.steps) for part in row] for row in parts])
    reader = OutcomeReader(folder, task)
    outcomes = [
        [reader.outcome(part.name, drawn, seed, drawn, part.name) for part, seed in zip(row, plan.seeds, strict=True)]
        for drawn, row in ((f"genotype{i + 1}", row) for i, row in enumerate(parts))
    ]
    costs = [row[0].costs for row in outcomes]
    floor = data.validate(BASELINES.get("bicubic").create(scale=task.scale))["psnr"] if task.scale > 1 else None
    table = NoiseTable(
        curves=curves,
        parameters=[c.parameters for c in costs],
        multiply_adds=[c.multiply_adds_total for c in costs],
        seeds=plan.seeds,
        steps=plan.base.retrain.steps,
        floor=floor,
    )
    seconds = [work.seconds(part.name) for row in parts for part in row]
    known = [v for v in seconds if v is not None]
    statistics = {
        "kind": "noise",
        "title": "seed noise and spread",
        "space": space_of(plan.base).name,
        "task": task.name,
        "protocol": str(task.protocol),
        "validation_images": len(data.parts["validation"]),
        "genotypes": [row[0].genotype.hash for row in outcomes],
        "cpu_seconds_of_a_run": float(np.mean(known)) if known else None,
        **noise_statistics(table),
    }
    images = len(data.parts["validation"])
    write_experiment_rows(folder, [one for row in outcomes for one in row], plan.base, task, images)
    write_json(folder / "statistics.json", statistics)
    write_text(folder / "table.csv", noise_csv(statistics))
    text = noise_markdown(statistics)
    return ExperimentResult(text, write_text(folder / "table.md", text), folder, statistics)


def _curve(run: Path, steps: int) -> list[float]:
    """Validation PSNR after each quarter of a finished run."""
    seen = {e["step"]: e["psnr"] for e in read_events(run) if e["kind"] == "validation"}
    wanted = [round(share * steps) for share in (*EARLY, 1.0)]
    missing = [step for step in wanted if step not in seen]
    if missing:
        raise NasError(f"{str(run)!r} has no validation at step {missing[0]}; remove that folder and resume")
    return [float(seen[step]) for step in wanted]
