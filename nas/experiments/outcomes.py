"""The outcomes of finished runs: one record and one evaluation row per trained genotype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.config.runs import SearchSettings
from nas.errors import NasError
from nas.evaluation.harness import evaluate
from nas.evaluation.rows import EvaluationRow, read_rows, write_rows
from nas.experiments.cpu_time import CpuTime
from nas.models.weights import load_weights
from nas.profiling.costs import Costs, costs_for_task
from nas.space import Genotype
from nas.tasks import Task
from nas.train.run import Run
from nas.versions import commit, package_version

#: name of the held-out images in evaluation rows
VALIDATION = "validation"


@dataclass(frozen=True)
class Outcome:
    """One trained genotype.

    Attributes:
        name: Name of its evaluation row.
        variant: Name of the variant that found it; "" for a random genotype.
        seed: Seed of its search and training.
        genotype: The genotype.
        psnr: PSNR on the validation images after training, in dB.
        costs: Costs of the network at the task's cost output size.
        gap: Discretisation gap of its search in dB, if it has one.
        search_seconds: CPU seconds of the search; None where a session was killed.
        train_seconds: CPU seconds of the training; None where a session was killed.
        weights: File that holds the trained weights.
    """

    name: str
    variant: str
    seed: int
    genotype: Genotype
    psnr: float
    costs: Costs
    gap: float | None
    search_seconds: float | None
    train_seconds: float | None
    weights: Path


class OutcomeReader:
    """Reads finished runs; the costs of one genotype are counted once."""

    def __init__(self, folder: Path, task: Task) -> None:
        """Read from ``folder``, that of the experiment; ``task`` sets the size at which costs are counted."""
        self._folder, self._task, self._work = folder, task, CpuTime(folder)
        self._costs: dict[str, Costs] = {}

    def outcome(self, name: str, variant: str, seed: int, search: str, training: str) -> Outcome:
        """Read one search and one training.

        Args:
            name: Name of the evaluation row.
            variant: Name of the variant, "" for a random genotype.
            seed: Seed of both runs.
            search: Name of the folder of the search.
            training: Name of the folder of the training.

        Returns:
            The outcome.

        Raises:
            NasError: A run is unfinished or damaged, or was not validated.
        """
        found, trained = Run.open(self._folder / search), Run.open(self._folder / training)
        scores = trained.summary()["scores"]
        if "psnr" not in scores:
            raise NasError(f"{training!r} has no validation PSNR to compare; raise data.validation and start again")
        genotype = Genotype.load(found.folder / "genotype.json")
        weights = trained.folder / "weights.safetensors"
        gap = found.summary()["scores"].get("gap")
        return Outcome(
            name=name,
            variant=variant,
            seed=seed,
            genotype=genotype,
            psnr=float(scores["psnr"]),
            costs=self.costs(genotype, weights),
            gap=float(gap) if gap is not None else None,
            search_seconds=self._work.seconds(search),
            train_seconds=self._work.seconds(training),
            weights=weights,
        )

    def costs(self, genotype: Genotype, weights: Path) -> Costs:
        """Costs of the trained network at the task's cost output size."""
        if genotype.hash not in self._costs:
            self._costs[genotype.hash] = costs_for_task(load_weights(weights).model, self._task)
        return self._costs[genotype.hash]


def write_experiment_rows(
    folder: Path, outcomes: Sequence[Outcome], base: SearchSettings, task: Task, images: int
) -> list[EvaluationRow]:
    """Write ``rows.csv``: each trained network on the validation images and on the benchmark sets asked for.

    The sets are measured by the evaluation harness after everything else; rows of sets in the file are kept.

    Args:
        folder: Folder of the experiment.
        outcomes: The trained genotypes.
        base: Settings of the experiment; ``base.retrain.sets`` names the sets.
        task: The task.
        images: Number of validation images.

    Returns:
        All rows of the file.
    """
    path = folder / "rows.csv"
    earlier = [r for r in read_rows(path) if r.set != VALIDATION] if path.exists() else []
    write_rows(path, [*(_validation_row(o, base, task, images) for o in outcomes), *earlier])
    if base.retrain.sets:
        models: list[Any] = [(o.name, o.weights) for o in outcomes]
        evaluate(
            models,
            task,
            base.retrain.sets,
            data=base.retrain.benchmarks,
            out=path,
            device=base.device,
            command=f"retrain.sets of the experiment {folder.name}",
            progress=True,
        )
    return read_rows(path)


def _validation_row(one: Outcome, base: SearchSettings, task: Task, images: int) -> EvaluationRow:
    import torch

    costs = one.costs
    folders = "+".join(Path(p).name for p in (*base.data.path, *base.data.clean))
    digest = Run.open(one.weights.parent).summary()["weights"]
    return EvaluationRow(
        model=one.name,
        task=task.name,
        set=VALIDATION,
        images=images,
        psnr=one.psnr,
        protocol=f"{task.protocol}, no ssim" if task.protocol.with_ssim else str(task.protocol),
        genotype=one.genotype.hash,
        parameters=costs.parameters,
        multiply_adds=costs.multiply_adds_total,
        cost_output=costs.output_size,
        activations=costs.activations,
        convolutions=costs.convolutions,
        device=base.device,
        dtype="float32",
        training=f"data={folders or 'sample'}, steps={base.retrain.steps}, "
        f"batch={base.data.batch}, patch={base.data.patch}, seed={one.seed}",
        seed=one.seed,
        weights=f"{one.weights.as_posix()}#{digest}",
        jsnas=package_version(),
        torch=str(torch.__version__),
        commit=commit(),
    )
