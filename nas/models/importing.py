"""From official checkpoints to weights files: converted, loaded strictly, never unpickled."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError, UsageError
from nas.models.calling import descriptor_of
from nas.models.weights import load_strict, save_weights
from nas.registry import BASELINES
from nas.tasks import get_task


@dataclass(frozen=True)
class Imported:
    """What was imported.

    Attributes:
        task: Name of the task it serves.
        parameters: Number of values in the checkpoint.
        weights_hash: See ``nas.models.weights.weights_hash``.
    """

    task: str
    parameters: int
    weights_hash: str


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint file.

    One that is wrapped under a usual key (state_dict, model, params, net) is unwrapped; the prefix ``module.`` that
    data parallelism leaves is removed.

    Args:
        path: A .safetensors file, or a file of ``torch.save``, of which tensors and plain values alone are read.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        UsageError: There is no such file.
        NasError: It is damaged, holds more than tensors, or no state dict.
    """
    if not path.is_file():
        raise UsageError(f"checkpoint {str(path)!r} does not exist")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = {k.removeprefix("state."): v for k, v in load_file(str(path)).items()}
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise NasError(
            f"{str(path)!r} holds more than tensors, which is not loaded from an untrusted file; "
            "save its state dict alone"
        ) from error
    except Exception as error:
        raise NasError(
            f"{str(path)!r} is not a readable checkpoint ({type(error).__name__}); was it cut short?"
        ) from error
    for key in ("state_dict", "model", "params", "net"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise NasError(f"{str(path)!r} holds no state dict (a mapping of names to tensors)")
    return {str(k).removeprefix("module."): v for k, v in content.items()}


def import_official(model: str, checkpoint: str | Path, task: str | None, out: str | Path) -> Imported:
    """Convert an official checkpoint and write it as a weights file.

    Args:
        model: Name of the baseline.
        checkpoint: The official file, see ``read_checkpoint``.
        task: Name of the task; None takes the super-resolution task of the checkpoint's scale.
        out: The weights file to be written.

    Raises:
        UsageError: The scale or channels of the checkpoint are not the task's, or no task can be told from it.
        NasError: Tensors do not fit the baseline; the message lists them.
    """
    baseline = BASELINES.get(model)
    path = Path(checkpoint)
    state = read_checkpoint(path)
    config: dict[str, Any] = baseline.config_for_task(task) if task else {}
    if baseline.config_from_state is not None:
        config = {**config, **baseline.config_from_state(state)}
    network = baseline.create(**config)
    descriptor = descriptor_of(network)
    name = task or (f"sr_x{descriptor.scale}" if descriptor.scale > 1 else "")
    if not name:
        raise UsageError("say what the checkpoint restores with --task")
    chosen = get_task(name)
    if (descriptor.scale, descriptor.channels) != (chosen.scale, chosen.channels):
        raise UsageError(
            f"{path.name!r} is a x{descriptor.scale} model with {descriptor.channels} channels, which does not fit "
            f"task {name!r} (x{chosen.scale}, {chosen.channels})"
        )
    load_strict(network, baseline.convert(state), repr(path.name))
    digest = save_weights(
        out, network, kind="baseline", task=chosen.name, training={"imported": path.name, "selection": []}
    )
    return Imported(chosen.name, sum(t.numel() for t in state.values()), digest)
