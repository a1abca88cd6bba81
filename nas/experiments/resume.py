"""Going on with an interrupted experiment of any kind."""

from __future__ import annotations

from pathlib import Path

from nas.experiments.experiment import finish_experiment
from nas.experiments.plan import ExperimentPlan, ExperimentResult
from nas.experiments.runs import read_document


def resume_experiment(folder: str | Path, jobs: int = 1) -> ExperimentResult:
    """Continue an interrupted campaign: finished parts stay, the unfinished one goes on from its own state."""
    folder = Path(folder)
    document = read_document(folder)
    if document["kind"] == "noise":
        from nas.experiments.noise import resume_noise

        return resume_noise(folder, document, jobs)
    return finish_experiment(ExperimentPlan.from_document(document), folder, jobs)
