"""From official checkpoints to weights files: converted, loaded strictly, never unpickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.baseline import Baseline
from nas.models.calling import descriptor_of
from nas.models.checkpoint_files import read_content
from nas.models.checkpoints import Candidate, choose, contents, not_finite, without_network
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
        taken: Which of the tensors in the file were taken, in words.
    """

    task: str
    parameters: int
    weights_hash: str
    taken: str = ""


def read_checkpoint(path: Path, key: str | None = None) -> dict[str, Tensor]:
    """The state dict of a checkpoint file, judged by names alone.

    Averaged weights (``params_ema``, ``state_dict_ema``, ``generator_ema.``) come before others, and what wrappers add
    to names (``module.``, ``_orig_mod.``, ``generator.``) is taken off.

    Args:
        path: A safetensors file, or a file of ``torch.save``, of which tensors and plain values alone are read.
        key: Where in the file the weights are, a dotted path; None: it is found.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        UsageError: There is no such file or key.
        NasError: It is no checkpoint, is damaged, holds more than tensors, no state dict, or several that differ.
    """
    return choose(contents(read_content(path), key or ""), without_network, repr(str(path))).taken.tensors


def import_official(
    model: str, checkpoint: str | Path, task: str | None, out: str | Path, key: str | None = None
) -> Imported:
    """Convert an official checkpoint and write it as a weights file.

    Args:
        model: Name of the baseline.
        checkpoint: A safetensors file or a file of ``torch.save``; nothing in it is run. Averaged weights are taken
            where both are there, and wrappings are undone where the network then fits.
        task: Name of the task; None takes the super-resolution task of the checkpoint's scale.
        out: The weights file to be written.
        key: Where in the file the weights are, a dotted path; None: it is found.

    Raises:
        UsageError: The scale or channels of the checkpoint are not the task's, no task can be told from it, or there is
            nothing under the key.
        NasError: The file is no checkpoint, tensors do not fit the baseline or are not finite, or several groups of
            tensors fit; the message lists them.
    """
    baseline = BASELINES.get(model)
    path = Path(checkpoint)
    config: dict[str, Any] = baseline.config_for_task(task) if task else {}
    fitted: list[tuple[dict[str, Tensor], nn.Module]] = []

    def fit(state: dict[str, Tensor]) -> str:
        try:
            fitted.append((state, _network(baseline, config, state, repr(path.name))))
        except NasError as error:
            return str(error)
        except Exception as error:  # tensors that a baseline does not know may fail in its code in any way
            return f"these weights are not of the model {model} ({type(error).__name__}: {error})"
        return ""

    chosen = choose(contents(read_content(path), key or ""), fit, repr(path.name))
    _check_finite(chosen.taken, path)
    network = next(network for state, network in fitted if state is chosen.taken.tensors)
    name = _task_of(network, task, path)
    training: dict[str, Any] = {"imported": path.name, "selection": []}
    if chosen.taken.averaged:
        training["note"] = "averaged weights" + (f" ({chosen.taken.key})" if chosen.taken.key else "")
    digest = save_weights(out, network, kind="baseline", task=name, training=training)
    parameters = sum(tensor.numel() for tensor in chosen.taken.tensors.values())
    return Imported(name, parameters, digest, chosen.sentence)


def _network(baseline: Baseline, config: dict[str, Any], state: dict[str, Tensor], where: str) -> nn.Module:
    """The network that has exactly these tensors."""
    sizes = baseline.config_from_state(state) if baseline.config_from_state is not None else {}
    network = baseline.create(**{**config, **sizes})
    load_strict(network, baseline.convert(state), where)
    return network


def _check_finite(taken: Candidate, path: Path) -> None:
    faults = not_finite(taken.tensors, taken.prefix)
    if faults:
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise NasError(
            f"{path.name!r} contains values that are not finite, in {len(faults)} of {len(taken.tensors)} tensors: "
            f"{', '.join(faults[:4])}{more}; its training diverged, so import an earlier checkpoint"
        )


def _task_of(network: nn.Module, task: str | None, path: Path) -> str:
    """The task of an imported network: the one that was named, if it fits, or the one of its scale and channels."""
    descriptor = descriptor_of(network)
    grey = "gray_" if descriptor.channels == 1 else ""
    name = task or (f"sr_{grey}x{descriptor.scale}" if descriptor.scale > 1 else "")
    if not name:
        raise UsageError("say what the checkpoint restores with --task")
    chosen = get_task(name)
    if (descriptor.scale, descriptor.channels) != (chosen.scale, chosen.channels):
        raise UsageError(
            f"{path.name!r} is a x{descriptor.scale} model with {descriptor.channels} channels, which does not fit "
            f"task {name!r} (x{chosen.scale}, {chosen.channels})"
        )
    return chosen.name
