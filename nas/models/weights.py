"""Weights files: safetensors with the description of the model inside.

The metadata holds the descriptor, and for a derived network its genotype and the space document, so that
``load_weights`` rebuilds the network without any other file. Nothing in them is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import NasError, UsageError
from nas.files import replacing
from nas.models.descriptor import ModelDescriptor

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nas.space import Genotype, Space

FORMAT = "nas.weights/1"
#: the metadata key under which the description stands, as JSON
KEY = "nas"


@dataclass(frozen=True)
class LoadedWeights:
    """A rebuilt network and what its file says of it.

    Attributes:
        model: The network, in evaluation mode, on the CPU.
        descriptor: Its descriptor, as recorded.
        task: Name of the task it was trained for.
        genotype: Of a derived network; None for a baseline.
        training: Recipe, data and selection of its training, as recorded.
        path: Where the file lies.
    """

    model: nn.Module
    descriptor: ModelDescriptor
    task: str
    genotype: Genotype | None = None
    training: dict[str, Any] = field(default_factory=dict)
    path: str = ""


def weights_hash(state: dict[str, torch.Tensor]) -> str:
    """A name for weights: the first 16 hex digits of SHA-256 over names, shapes and bytes of all tensors.

    Args:
        state: Tensors by name; their order does not count.
    """
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
    """Write a weights file, atomically.

    Args:
        path: The file; its folder is made where it is missing.
        model: The network, whose descriptor goes into the file.
        kind: "derived" (then ``genotype`` and ``space`` are required), "baseline" or "supernet".
        task: Name of the task it was trained for.
        state: Tensors to be written in place of the model's own, such as averaged weights.
        genotype: Of a derived network.
        space: The space document of a derived network or a supernet.
        training: What is to be known of its training: recipe, data, which images selected it.

    Returns:
        The hash of the weights, see ``weights_hash``.
    """
    from safetensors.torch import save_file

    from nas.models.calling import descriptor_of

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in (state or model.state_dict()).items()}
    metadata = {
        "format": FORMAT,
        "kind": kind,
        "task": task,
        "descriptor": json.dumps(descriptor_of(model).to_json()),
        "genotype": json.dumps(genotype.to_json()) if genotype is not None else "",
        "space": json.dumps(space) if space is not None else "",
        "training": json.dumps(training or {}),
    }
    with replacing(path) as partial:
        # one key: safetensors writes several in random order, and equal weights should be equal files
        save_file(tensors, str(partial), metadata={KEY: json.dumps(metadata)})
    return weights_hash(tensors)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The description inside a weights file.

    Returns:
        Text by key: ``kind``, ``task``, and as JSON ``descriptor``, ``genotype``, ``space`` and ``training``.

    Raises:
        UsageError: There is no such file, or it carries no description.
        NasError: It cannot be read.
    """
    from nas.models.tensor_files import json_of, read_header

    path = Path(path)
    metadata = json_of({KEY: "{}", **read_header(path)}, KEY, repr(str(path)))
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UsageError(
            f"{str(path)!r} carries no model description; convert an official checkpoint with 'nas import'"
        )
    return {str(k): str(v) for k, v in metadata.items()}


def load_weights(path: str | Path) -> LoadedWeights:
    """Rebuild the network of a weights file.

    Raises:
        UsageError: There is no such file, it carries no description, or it holds a supernet.
        NasError: It cannot be read, or a tensor is missing, surplus or of another shape.
    """
    from nas.models.tensor_files import read_safetensors
    from nas.registry import BASELINES
    from nas.space import Genotype, space_from_document

    metadata = read_metadata(path)
    descriptor = ModelDescriptor.from_json(part_of(metadata, "descriptor", path))
    genotype = Genotype.from_json(part_of(metadata, "genotype", path), str(path)) if metadata.get("genotype") else None
    kind, task = metadata.get("kind"), metadata.get("task", "")
    if kind == "supernet":
        raise UsageError(
            f"{str(path)!r} contains a supernet, which is not evaluated as a network; run 'nas "
            "retrain' on its run folder"
        )
    model: nn.Module
    try:
        if kind == "derived" and genotype is not None:
            space = space_from_document(part_of(metadata, "space", path))
            model = rebuilt(space, genotype, task, descriptor.config)
        elif kind == "baseline":
            model = BASELINES.get(descriptor.name).create(**descriptor.config)
        else:
            raise NasError(f"{str(path)!r} carries a damaged description: it is of no known kind; restore the file")
    except UsageError as error:
        raise UsageError(
            f"the network of {str(path)!r} cannot be rebuilt: {error}; if this is of your own making, load it with "
            "--plugin FILE"
        ) from error
    load_strict(model, read_safetensors(Path(path)), str(path))
    model.eval()
    training = part_of(metadata, "training", path)
    return LoadedWeights(model, descriptor, task, genotype, training, str(path))


def rebuilt(space: Space, genotype: Genotype, task: str, options: Mapping[str, Any]) -> nn.Module:
    """The derived network that a weights file describes, without its weights.

    Args:
        space: Of the file.
        genotype: Of the file.
        task: Of the file.
        options: The ``config`` of its descriptor, of which nothing is trusted: a key may be the name of a parameter.

    Raises:
        UsageError: The skeleton has no such option, or the genotype is none of the space.
    """
    from nas.space import SKELETONS

    SKELETONS.check_options(space.skeleton, options)
    network: nn.Module = space.network(genotype, task, **options)
    return network


def part_of(metadata: Mapping[str, str], key: str, path: str | Path) -> dict[str, Any]:
    """One part of a weights file's description.

    Args:
        metadata: See ``read_metadata``.
        key: ``descriptor``, ``genotype``, ``space`` or ``training``.
        path: The file, for messages.

    Raises:
        NasError: It is not there or no JSON object.
    """
    from nas.models.tensor_files import json_of

    part = json_of(metadata, key, repr(str(path)))
    if not isinstance(part, dict):
        raise NasError(f"{str(path)!r} carries a damaged description: {key!r} is no JSON object; restore the file")
    return part


def load_strict(
    model: nn.Module, state: dict[str, torch.Tensor], where: str = "the state", may_differ: tuple[str, ...] = ()
) -> list[str]:
    """Load tensors into a network, all of them or none.

    Args:
        model: The network.
        state: Tensors by name.
        where: What to call the state in messages.
        may_differ: Beginnings of names that may be absent or of another shape (the upsampler, between two scales).

    Returns:
        Names of the tensors of the model that differed so and keep their own values, sorted.

    Raises:
        NasError: Other names or shapes do not fit; the message lists them, and the model is unchanged.
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
    # a tensor cast to integers has the right shape and lost its values
    faults += [
        f"{k} is of {state[k].dtype} instead of {own[k].dtype}"
        for k in own
        if k not in unfit and own[k].is_floating_point() != state[k].is_floating_point()
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
