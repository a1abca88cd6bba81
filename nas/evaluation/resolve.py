"""From what a user names to a network that may be evaluated, refusing what would give a wrong figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from nas.errors import UsageError
from nas.models.calling import descriptor_of
from nas.models.weights import load_weights, weights_hash
from nas.registry import BASELINES
from nas.tasks.task import CLIPPED

if TYPE_CHECKING:
    from nas.tasks import Task

#: A registered baseline that needs no weights, a weights file, a run folder; or one under another name.
ModelSpec = str | Path | tuple[str, str | Path | nn.Module]


@dataclass(frozen=True)
class Candidate:
    """A network with its weights, ready to be evaluated, and what the row says of it.

    weights: "<path>#<hash of the tensors>", empty for a network that has no parameters
    """

    name: str
    model: nn.Module
    genotype: str = ""
    weights: str = ""
    training: dict[str, Any] = field(default_factory=dict)


def resolve(spec: ModelSpec, task: Task, sets: Sequence[str]) -> Candidate:
    """Load one model for ``task``; everything that makes its figures meaningless is a UsageError.

    That is: scale or channels other than the task's, a task it is not meant for, no weights, and weights that
    were chosen by looking at one of the ``sets``.
    """
    name, source = spec if isinstance(spec, tuple) else (None, spec)
    if isinstance(source, nn.Module):
        found = _of_module(name or descriptor_of(source).name, source)
    else:
        path = _weights_path(source)
        found = _of_file(name, path) if path is not None else _of_baseline(name, str(source), task)
    _check_fit(found, task)
    _check_selection(found, sets)
    return found


def _weights_path(source: str | Path) -> Path | None:
    """The weights file meant by a path to it or to a run folder; None for a name."""
    path = Path(source)
    if isinstance(source, str) and source in BASELINES:  # even where a folder has the same name
        return None
    if path.suffix == ".safetensors":
        return path
    if path.is_dir():
        inside = path / "weights.safetensors"
        if not inside.is_file():
            raise UsageError(f"{str(path)!r} holds no weights.safetensors; train it first with 'nas retrain'")
        return inside
    if isinstance(source, Path) or len(path.parts) > 1 or path.suffix in (".pt", ".pth"):
        raise UsageError(
            f"{str(path)!r} is neither a .safetensors file nor a run folder; "
            "convert an official checkpoint with 'nas import'"
        )
    return None


def _of_file(name: str | None, path: Path) -> Candidate:
    loaded = load_weights(path)
    digest = weights_hash(loaded.model.state_dict())
    return Candidate(
        name=name or loaded.descriptor.name,
        model=loaded.model,
        genotype=loaded.genotype.hash if loaded.genotype is not None else "",
        weights=f"{path.as_posix()}#{digest}",
        training=dict(loaded.training),
    )


def _of_baseline(name: str | None, source: str, task: Task) -> Candidate:
    baseline = BASELINES.get(source)
    if baseline.trainable:
        raise UsageError(
            f"{source!r} has no weights here and untrained figures mean nothing; "
            "give the path of its weights "
            f"('nas retrain {source} --task {task.name}' or 'nas import {source} CHECKPOINT' makes them)"
        )
    if not _meant_for(baseline.tasks, task.name):
        tasks = ", ".join(baseline.tasks)
        raise UsageError(f"{source!r} does not serve task {task.name!r}; it serves {tasks}")
    config = baseline.config_for_task(task.name)
    if "n_colors" in config:
        config["n_colors"] = task.channels  # a protocol may ask for the Y plane of a colour task
    model: nn.Module = baseline.create(**config)
    return Candidate(name or source, model)


def _of_module(name: str, model: nn.Module) -> Candidate:
    state = model.state_dict()
    return Candidate(name, model, weights=f"#{weights_hash(state)}" if state else "")


def _check_fit(found: Candidate, task: Task) -> None:
    descriptor, judge = descriptor_of(found.model), task.protocol.name
    if descriptor.scale != task.scale:
        raise UsageError(
            f"{found.name} enlarges by {descriptor.scale}, task {task.name!r} by {task.scale}; "
            "give weights of the task's scale"
        )
    if descriptor.channels != task.channels:
        raise UsageError(
            f"{found.name} works on {descriptor.channels} channel(s), task {task.name!r} on {task.channels}; "
            "give weights trained for this task" + (f", or another protocol than {judge!r}" if judge else "")
        )
    if not _meant_for(descriptor.tasks, task.name) and not any(_covers(t, task.name) for t in descriptor.tasks):
        raise UsageError(
            f"{found.name} is not meant for task {task.name!r}; its tasks are {', '.join(descriptor.tasks)}"
        )


def _check_selection(found: Candidate, sets: Sequence[str]) -> None:
    used = {s.casefold() for s in _strings(found.training.get("selection"))}
    seen = [s for s in sets if s.casefold() in used]
    if seen:
        raise UsageError(
            f"the checkpoint {found.name} was selected on {', '.join(seen)}, so its figures "
            "there are too good; evaluate it on other sets, or retrain with selection on training data"
        )


def _strings(value: Any) -> list[str]:
    """All strings inside a recorded value: "Set5", ["Set5", ...] or {"sets": [...], ...}."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for v in value.values() for s in _strings(v)]
    if isinstance(value, Iterable):
        return [s for v in value for s in _strings(v)]
    return []


def _covers(trained: str, asked: str) -> bool:
    """Whether a network trained for one noise task may be tested on another: blind on any level, stored either way."""
    trained, asked = trained.removesuffix(CLIPPED), asked.removesuffix(CLIPPED)
    blind = trained.endswith("_blind") and asked.startswith(trained.removesuffix("blind"))
    return (trained == asked or blind) and asked.startswith("denoise_")


def _meant_for(patterns: Iterable[str], task: str) -> bool:
    return any(fnmatchcase(task, pattern) for pattern in patterns)
