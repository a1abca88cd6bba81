"""From what a user names to a network that may be evaluated; what would give a misleading number is refused."""

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

#: a registered baseline that needs no weights, a weights file or a run folder; or a pair (name in the rows, one of
#: these or a module)
ModelSpec = str | Path | tuple[str, str | Path | nn.Module]


@dataclass(frozen=True)
class EvaluatedModel:
    """A network with its weights, ready to be evaluated, and what its rows say about it.

    Attributes:
        name: In the column ``model``.
        model: The network, with a descriptor.
        genotype: Hash of its genotype; empty for a fixed network.
        weights: "<path>#<hash of the tensors>"; empty for a network that has no parameters.
        training: What the weights file says about its training.
    """

    name: str
    model: nn.Module
    genotype: str = ""
    weights: str = ""
    training: dict[str, Any] = field(default_factory=dict)


def resolve(spec: ModelSpec, task: Task, sets: Sequence[str]) -> EvaluatedModel:
    """Load one model for a task.

    Args:
        spec: What is to be evaluated.
        task: What is being restored.
        sets: Names of the data sets it will be evaluated on.

    Returns:
        The model.

    Raises:
        UsageError: Its numbers would be meaningless: it has another scale or another number of channels than the task,
            is not meant for the task, has no weights, or its weights were selected on one of the sets.
        NasError: Its file is damaged.
    """
    name, source = spec if isinstance(spec, tuple) else (None, spec)
    if isinstance(source, nn.Module):
        found = _of_module(name or descriptor_of(source).name, source)
    else:
        path = _weights_path(source)
        found = _of_file(name, path) if path is not None else _of_baseline(name, str(source), task)
    check_fit(found, task)
    _check_selection(found, sets)
    return found


def _weights_path(source: str | Path) -> Path | None:
    """The weights file meant by a path to it or to a run folder; None for a name."""
    path = Path(source)
    if isinstance(source, str) and source in BASELINES:  # even where a folder of that name exists
        return None
    if path.suffix == ".safetensors":
        return path
    if path.is_dir():
        inside = path / "weights.safetensors"
        if not inside.is_file():
            raise UsageError(f"{str(path)!r} contains no weights.safetensors; train it first with 'nas retrain'")
        return inside
    if isinstance(source, Path) or len(path.parts) > 1 or path.suffix in (".pt", ".pth"):
        raise UsageError(
            f"{str(path)!r} is neither a .safetensors file nor a run folder; "
            "convert an official checkpoint with 'nas import'"
        )
    return None


def _of_file(name: str | None, path: Path) -> EvaluatedModel:
    loaded = load_weights(path)
    digest = weights_hash(loaded.model.state_dict())
    return EvaluatedModel(
        name=name or loaded.descriptor.name,
        model=loaded.model,
        genotype=loaded.genotype.hash if loaded.genotype is not None else "",
        weights=f"{path.as_posix()}#{digest}",
        training=dict(loaded.training),
    )


def _of_baseline(name: str | None, source: str, task: Task) -> EvaluatedModel:
    baseline = BASELINES.get(source)
    if baseline.trainable:
        raise UsageError(
            f"{source!r} has no weights here, and the numbers of an untrained network mean nothing; "
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
    return EvaluatedModel(name or source, model)


def _of_module(name: str, model: nn.Module) -> EvaluatedModel:
    state = model.state_dict()
    return EvaluatedModel(name, model, weights=f"#{weights_hash(state)}" if state else "")


def check_fit(found: EvaluatedModel, task: Task) -> None:
    """Raise UsageError unless scale, channels and tasks of a model are those of ``task``."""
    descriptor, protocol = descriptor_of(found.model), task.protocol.name
    if descriptor.scale != task.scale:
        raise UsageError(
            f"{found.name} enlarges by {descriptor.scale}, task {task.name!r} by {task.scale}; "
            "give weights of the task's scale"
        )
    if descriptor.channels != task.channels:
        raise UsageError(
            f"{found.name} works on {descriptor.channels} channel(s), task {task.name!r} on {task.channels}; "
            "give weights trained for this task" + (f", or another protocol than {protocol!r}" if protocol else "")
        )
    if not _meant_for(descriptor.tasks, task.name) and not any(_covers(t, task.name) for t in descriptor.tasks):
        raise UsageError(
            f"{found.name} is not meant for task {task.name!r}; its tasks are {', '.join(descriptor.tasks)}"
        )


def _check_selection(found: EvaluatedModel, sets: Sequence[str]) -> None:
    used = {s.casefold() for s in _strings(found.training.get("selection"))}
    seen = [s for s in sets if s.casefold() in used]
    if seen:
        raise UsageError(
            f"the checkpoint {found.name} was selected on {', '.join(seen)}, so its numbers "
            "on it are too good; evaluate it on other sets, or retrain with selection on training data"
        )


def _strings(value: Any) -> list[str]:
    """All strings in a recorded value: "Set5", ["Set5", ...] or {"sets": [...], ...}."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for v in value.values() for s in _strings(v)]
    if isinstance(value, Iterable):
        return [s for v in value for s in _strings(v)]
    return []


def _covers(trained: str, asked: str) -> bool:
    """Whether a network trained for one noise task may be tested on another: a blind one at any noise level.

    Whether the noisy images are clipped to 0..255 makes no difference.
    """
    trained, asked = trained.removesuffix(CLIPPED), asked.removesuffix(CLIPPED)
    blind = trained.endswith("_blind") and asked.startswith(trained.removesuffix("blind"))
    return (trained == asked or blind) and asked.startswith("denoise_")


def _meant_for(patterns: Iterable[str], task: str) -> bool:
    return any(fnmatchcase(task, pattern) for pattern in patterns)
