"""``nas noise``: the size of seed noise beside the spread between genotypes, to know before anything is compared.

A few random genotypes are trained with a few seeds each. The results are the components of variance, how well seeds
agree on the ranking, how well early validation and cost predict the end, and how many seeds a comparison needs to
detect a given difference. The plan is in ``campaign.yaml`` (kind noise).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.config.reading import parse_stored
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.experiments.cpu_time import CpuTime
from nas.experiments.frames import noise_csv
from nas.experiments.noise_results import EARLY, NoiseTable, noise_statistics
from nas.experiments.noise_tables import noise_markdown
from nas.experiments.outcomes import OutcomeReader, write_experiment_rows
from nas.experiments.plan import FIRST_DRAW, ExperimentResult, check_count, default_experiment_name
from nas.experiments.runs import PlannedRun, finish_runs, random_genotype_run, retraining_run, write_plan_file
from nas.files import write_json, write_text
from nas.names import inside
from nas.registry import BASELINES, load_plugins
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.training_data import check_settings, open_training_data


@dataclass(frozen=True)
class NoisePlan:
    """A noise measurement before it runs: every genotype trained with every seed.

    Attributes:
        base: Settings, among them the recipe ``base.retrain``.
        draws: Seed from which each random genotype is drawn.
        seeds: Seeds of the trainings.
    """

    base: SearchSettings
    draws: list[int]
    seeds: list[int]


def measure_noise(
    settings: SearchSettings, genotypes: int, seeds: int, out: str | Path | None = None, jobs: int = 1
) -> ExperimentResult:
    """Train random genotypes with several seeds each and separate seed noise from the spread between genotypes.

    Args:
        settings: Space, task, data and the recipe ``settings.retrain``.
        genotypes: Number of genotypes, at least 2.
        seeds: Number of seeds, at least 2, from ``settings.seed`` on.
        out: Folder to create; None makes one under ``runs``.
        jobs: Number of trainings at a time.

    Returns:
        The finished measurement.

    Raises:
        UsageError: The settings are wrong; nothing has been written then.
    """
    plan = plan_noise(settings, genotypes, seeds)
    folder = Path(out) if out is not None else inside("runs", default_experiment_name(settings, "noise"))
    document = {"kind": "noise", "draws": plan.draws, "seeds": plan.seeds, "base": plan.base.model_dump(mode="json")}
    write_plan_file(folder, document)
    return _finish_measurement(plan, folder, jobs)


def plan_noise(settings: SearchSettings, genotypes: int, seeds: int) -> NoisePlan:
    """Check the settings, draw distinct genotypes and have every run validate after each quarter; writes nothing.

    Args:
        settings: Space, task, data and the recipe ``settings.retrain``.
        genotypes: Number of genotypes, at least 2.
        seeds: Number of seeds, at least 2.

    Returns:
        The plan.

    Raises:
        UsageError: The settings are wrong, or the space has too few genotypes.
    """
    if min(genotypes, seeds) < 2:
        raise UsageError("seed noise needs at least 2 genotypes with at least 2 seeds each")
    check_count("--seeds", seeds)
    check_count("--genotypes", genotypes)
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    if settings.data.validation < 1:
        raise UsageError("noise is measured on validation images, of which there are none; raise data.validation")
    if settings.retrain.steps < 4:
        raise UsageError("runs are validated after each quarter, so they need at least 4 steps; raise retrain.steps")
    space = space_of(settings)
    if space.size() < genotypes:
        raise UsageError(f"space {space.name!r} has only {space.size()} genotypes; lower --genotypes")
    draws: list[int] = []
    seen: set[str] = set()
    draw = FIRST_DRAW + settings.seed
    while len(draws) < genotypes and draw < FIRST_DRAW + settings.seed + 1000 * genotypes:
        key = space.sample(np.random.default_rng(draw)).hash  # the first genotype that the random strategy proposes
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


def resume_noise(folder: Path, document: dict[str, Any], jobs: int = 1) -> ExperimentResult:
    """Continue an interrupted measurement: finished trainings stay.

    Args:
        folder: Folder of the measurement.
        document: Content of its campaign.yaml.
        jobs: Number of trainings at a time.

    Returns:
        The finished measurement.

    Raises:
        NasError: The document is damaged.
    """
    try:
        base = parse_stored(SearchSettings, document["base"])
        plan = NoisePlan(base, [int(d) for d in document["draws"]], [int(s) for s in document["seeds"]])
    except (KeyError, TypeError) as error:
        raise NasError(f"campaign.yaml in {str(folder)!r} is not as it was written ({error!r}); restore it") from error
    return _finish_measurement(plan, folder, jobs)


def _finish_measurement(plan: NoisePlan, folder: Path, jobs: int) -> ExperimentResult:
    plugins = plan.base.plugins
    drawn = [random_genotype_run(f"genotype{i + 1}", plan.base, draw) for i, draw in enumerate(plan.draws)]
    finish_runs(folder, [[search] for search in drawn], plugins)
    table = [
        [
            retraining_run(f"{search.name}-seed{seed}-retrained", plan.base, folder / search.name, seed)
            for seed in plan.seeds
        ]
        for search in drawn
    ]
    by_seed = [[row[column]] for column in range(len(plan.seeds)) for row in table]
    finish_runs(folder, by_seed, plugins, jobs)
    return _collect_noise(plan, folder, table, CpuTime(folder))


def _collect_noise(plan: NoisePlan, folder: Path, runs: list[list[PlannedRun]], work: CpuTime) -> ExperimentResult:
    """Read the trainings, one row per genotype, one column per seed, and write the results."""
    task = get_task(plan.base.task)
    data = open_training_data(plan.base, task, {"weights": 1.0})
    curves = np.array([[_curve(folder / run.name, plan.base.retrain.steps) for run in row] for row in runs])
    images = len(data.parts["validation"])
    reader = OutcomeReader(folder, task)
    outcomes = [
        [reader.outcome(run.name, drawn, seed, drawn, run.name) for run, seed in zip(row, plan.seeds, strict=True)]
        for drawn, row in ((f"genotype{i + 1}", row) for i, row in enumerate(runs))
    ]
    costs = [row[0].costs for row in outcomes]
    bicubic = data.validate(BASELINES.get("bicubic").create(scale=task.scale))["psnr"] if task.scale > 1 else None
    table = NoiseTable(
        curves=curves,
        parameters=[c.parameters for c in costs],
        multiply_adds=[c.multiply_adds_total for c in costs],
        seeds=plan.seeds,
        steps=plan.base.retrain.steps,
        bicubic_psnr=bicubic,
    )
    seconds = [work.seconds(run.name) for row in runs for run in row]
    known = [v for v in seconds if v is not None]
    statistics = {
        "kind": "noise",
        "title": "seed noise and spread",
        "space": space_of(plan.base).name,
        "task": task.name,
        "protocol": str(task.protocol),
        "validation_images": images,
        "genotypes": [row[0].genotype.hash for row in outcomes],
        "cpu_seconds_of_a_run": float(np.mean(known)) if known else None,
        **noise_statistics(table),
    }
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
