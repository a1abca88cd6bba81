"""Weights that need nothing else: safetensors with the model's description inside.

The metadata holds the descriptor, and for a derived network its genotype and the space document, so that
``load_weights`` rebuilds the network without any other file. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, UsageError
from nas.files import replacing
from nas.models.descriptor import ModelDescriptor

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nas.space import Genotype

FORMAT = "nas.weights/1"
#: the metadata key under which the description stands, as JSON
KEY = "nas"


@dataclass(frozen=True)
class LoadedWeights:
    """A rebuilt model and what its file says of it. ``training`` holds recipe, data and selection as recorded."""

    model: nn.Module
    descriptor: ModelDescriptor
    task: str
    genotype: Genotype | None = None
    training: dict[str, Any] = field(default_factory=dict)
    path: str = ""


def weights_hash(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 (first 16 hex digits) over names, shapes and bytes of all tensors, independent of their order."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def save_weights(
    path: str | Path,
    model: nn.Module,
    *,
    kind: str,
    task: str,
    state: dict[str, torch.Tensor] | None = None,
    genotype: Genotype | None = None,
    space: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> str:
    """Write ``model`` (or ``state`` in its place, e.g. averaged weights) atomically; returns the weights hash.

    kind: "derived" (genotype and space document required), "baseline" or "supernet".
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in (state or model.state_dict()).items()}
    descriptor: ModelDescriptor = model.descriptor  # type: ignore[assignment]
    metadata = {
        "format": FORMAT,
        "kind": kind,
        "task": task,
        "descriptor": json.dumps(descriptor.to_json()),
        "genotype": json.dumps(genotype.to_json()) if genotype is not None else "",
        "space": json.dumps(space) if space is not None else "",
        "training": json.dumps(training or {}),
    }
    with replacing(path) as partial:
        # one key: safetensors writes several in random order, and equal weights should be equal files
        save_file(tensors, str(partial), metadata={KEY: json.dumps(metadata)})
    return weights_hash(tensors)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The description inside a weights file; a file that is not one of ours is refused."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise UsageError(f"weights file {str(path)!r} does not exist")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get(KEY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise NasError(f"{str(path)!r} is not a readable safetensors file ({error}); was it cut short?") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UsageError(
            f"{str(path)!r} carries no model description of ours; convert an official checkpoint with 'nas import'"
        )
    return {str(k): str(v) for k, v in metadata.items()}


def load_weights(path: str | Path) -> LoadedWeights:
    """Rebuild the model of a weights file, strictly: a missing, extra or misshapen tensor is an error."""
    from safetensors.torch import load_file

    from nas.registry import BASELINES
    from nas.space import Genotype, space_from_document

    metadata = read_metadata(path)
    descriptor = ModelDescriptor.from_json(json.loads(metadata["descriptor"]))
    genotype = Genotype.from_json(json.loads(metadata["genotype"])) if metadata["genotype"] else None
    kind, task = metadata["kind"], metadata["task"]
    if kind == "supernet":
        raise UsageError(
            f"{str(path)!r} holds a supernet, which is not evaluated as a network; run 'nas retrain' on its run folder"
        )
    model: nn.Module
    if kind == "derived":
        assert genotype is not None
        space = space_from_document(json.loads(metadata["space"]))
        model = space.network(genotype, task, **descriptor.config)
    else:
        model = BASELINES.get(descriptor.name).create(**descriptor.config)
    load_strict(model, load_file(str(path)), str(path))
    model.eval()
    training = json.loads(metadata["training"])
    return LoadedWeights(model, descriptor, task, genotype, training, str(path))


def load_strict(
    model: nn.Module, state: dict[str, torch.Tensor], where: str = "the state", may_differ: tuple[str, ...] = ()
) -> list[str]:
    """Load ``state``; names or shapes that do not fit are one NasError, and then nothing is changed.

    may_differ: beginnings of names that may be absent or of another shape (the upsampler, between two scales).
    Returns the names of such tensors of the model, which keep their own values.
    """
    own = model.state_dict()
    unfit = {k for k in own.keys() | state.keys() if k not in own or k not in state or own[k].shape != state[k].shape}
    excused = {k for k in unfit if k.startswith(may_differ)} if may_differ else set()
    faults = [f"missing {k}" for k in own if k in unfit - excused and k not in state]
    faults += [f"surplus {k}" for k in state if k in unfit - excused and k not in own]
    faults += [
        f"{k} is {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in own
        if k in unfit - excused and k in state
    ]
    if faults:
        shown = "; ".join(faults[:8]) + (f"; and {len(faults) - 8} more" if len(faults) > 8 else "")
        name = getattr(getattr(model, "descriptor", None), "name", type(model).__name__)
        raise NasError(
            f"{where} does not fit the model {name} ({len(faults)} of {len(own)} tensors differ: {shown}); "
            "check the model's configuration or convert official weights first"
        )
    model.load_state_dict({k: state[k] if k not in unfit else own[k] for k in own})
    return sorted(k for k in own if k in excused)
