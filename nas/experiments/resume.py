"""Continuing an interrupted experiment of any kind."""

from __future__ import annotations

from pathlib import Path

from nas.experiments.experiment import describe_experiment, finish_experiment
from nas.experiments.plan import ExperimentPlan, ExperimentResult
from nas.experiments.runs import read_plan_file


def resume_experiment(folder: str | Path, jobs: int = 1) -> ExperimentResult:
    """Continue an interrupted experiment: finished runs stay, an unfinished one continues from its last state.

    Args:
        folder: Folder of the experiment.
        jobs: Number of runs at a time.

    Returns:
        The result, as of an experiment that was never interrupted.

    Raises:
        UsageError: The folder holds no experiment.
        NasError: Its campaign.yaml is damaged.
    """
    folder = Path(folder)
    document = read_plan_file(folder)
    if document["kind"] == "noise":
        from nas.experiments.noise import resume_noise

        return resume_noise(folder, document, jobs)
    return finish_experiment(ExperimentPlan.from_document(document), folder, jobs)


def describe_resumption(folder: str | Path) -> str:
    """What is left of an experiment, for ``--dry-run``; nothing is trained.

    Args:
        folder: Folder of the experiment.

    Raises:
        UsageError: The folder holds no experiment.
    """
    folder = Path(folder)
    document = read_plan_file(folder)
    runs = sorted(path.parent for path in folder.glob("*/config.yaml"))
    finished = [run for run in runs if (run / "summary.json").is_file()]
    begun = [run.name for run in runs if run not in finished]
    lines = [f"experiment {folder}: {len(finished)} runs are finished"]
    lines += [f"  {name} goes on from its last state" for name in begun]
    if document["kind"] != "noise":
        lines.append(describe_experiment(ExperimentPlan.from_document(document)))
    return "\n".join(lines)
