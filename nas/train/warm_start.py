"""Where a training starts if not at random: the weights of the same network, or of its twin at another scale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas.config.runs import RetrainSettings
from nas.documents import read_json
from nas.errors import UsageError
from nas.models.calling import descriptor_of
from nas.models.tensor_files import read_safetensors
from nas.models.weights import load_strict, part_of, read_metadata, rebuilt, weights_hash
from nas.registry import BASELINES
from nas.space import Genotype
from nas.tasks import Task
from nas.train.run import Run
from nas.train.trainable import TrainableModel

#: file of a run that keeps what it started from
START_FILE = "init_from.json"


@dataclass(frozen=True)
class Start:
    """What a training began with.

    Attributes:
        record: For the weights file: file, hash, task, number of tensors taken over, names of the others.
    """

    record: dict[str, Any]

    def to_text(self) -> str:
        """Content of ``START_FILE``."""
        return json.dumps(self.record, indent=2) + "\n"

    @property
    def sentence(self) -> str:
        """How many tensors came from where, and the names of those that did not."""
        fresh, unused = self.record["fresh"], self.record["unused"]
        rest = f"; freshly initialised: {', '.join(fresh)}" if fresh else ""
        rest += f"; not used: {', '.join(unused)}" if unused else ""
        return f"started from {self.record['file']} ({self.record['tensors']} tensors{rest})"


def weights_file(settings: RetrainSettings) -> Path:
    """The weights file that a training starts from.

    Args:
        settings: ``init_from`` is the file, or the folder of a finished training.

    Raises:
        UsageError: There is no such file, or it is another kind of file or run; the message says what to do.
    """
    path = str(settings.init_from)
    file = Path(path)
    if (file / "config.yaml").is_file():
        run = Run.open(file)
        if run.kind != "retrain":
            raise UsageError(
                f"{path!r} is a {run.kind} run, whose supernet fits no single network; train what it found with "
                f"'nas retrain {path}' and start from that run"
            )
        if not run.weights_file.is_file():
            raise UsageError(f"run {path!r} has no weights yet; finish it with 'nas retrain --resume {path}'")
        return run.weights_file
    if file.is_dir():
        inside = file / "weights.safetensors"
        if not inside.is_file():
            raise UsageError(f"{path!r} is neither a weights file nor the folder of a training")
        return inside
    if not file.is_file():
        raise UsageError(f"weights file {path!r} does not exist; give a .safetensors file or the folder of a training")
    if file.suffix.lower() != ".safetensors":
        model = settings.model if settings.model in BASELINES else "MODEL"
        raise UsageError(
            f"{path!r} is not a weights file of jsnas; convert the checkpoint first with 'nas import {model} {path} "
            f"--task {settings.task} --out weights.safetensors' (with the task of the checkpoint), and start from that"
        )
    return file


def sized_as_given(settings: RetrainSettings, task: Task) -> RetrainSettings:
    """Settings with which a baseline is as large as the weights it starts from.

    The keywords recorded in ``init_from`` go into ``settings.network``, except those that the task decides; what
    stands there already wins. Settings of anything but a baseline with ``init_from`` come back as they are.

    Raises:
        UsageError: The file holds weights of another network.
    """
    if settings.init_from is None or settings.model not in BASELINES:
        return settings
    metadata = read_metadata(weights_file(settings))
    descriptor = part_of(metadata, "descriptor", weights_file(settings))
    if metadata["kind"] != "baseline" or descriptor["name"] != settings.model:
        raise UsageError(
            f"{settings.init_from!r} contains weights of {descriptor['name']} ({metadata['kind']}), from which "
            f"{settings.model} cannot start"
        )
    baseline = BASELINES.get(settings.model)
    decided = baseline.config_for_task(task.name)
    given = {k: v for k, v in descriptor["config"].items() if k not in decided}
    return settings.model_copy(update={"network": {**given, **baseline.own_names(settings.network)}})


def begin_from(trainable: TrainableModel, settings: RetrainSettings, run: Run | None) -> Start | None:
    """Fill a network from the weights file of the settings, if there is one.

    All tensors must fit, except those that another scale needs: a baseline says which (``transfer``); of a derived
    network they are those in which its own twin for the other task differs. A run that has saved a state only reads
    its record: that state replaces all weights, and the file need not exist any more.

    Args:
        trainable: The network to be trained, freshly initialised.
        settings: ``init_from`` among them.
        run: A run that goes on; None for one that begins.

    Raises:
        UsageError: The file holds another kind of network.
        NasError: Tensors do not fit; the message lists them.
    """
    if settings.init_from is None:
        return None
    record = None if run is None else run.folder / START_FILE
    if run is not None and record is not None and record.is_file() and run.newest_step():
        return Start(read_json(record))
    file = weights_file(settings)
    metadata = read_metadata(file)
    if metadata["kind"] != trainable.kind:
        raise UsageError(
            f"{str(file)!r} contains a {metadata['kind']} network, but a {trainable.kind} one is "
            "trained; give its weights"
        )
    state, model = read_safetensors(file), trainable.model
    own = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    transfer = BASELINES.get(trainable.name).transfer if trainable.kind == "baseline" else None
    if transfer is not None:
        fresh = transfer(model, state)
    else:
        fresh = load_strict(model, state, repr(str(file)), _of_the_scale(trainable, settings.task, metadata))
    start = Start(
        {
            "file": file.name,
            "weights": weights_hash(state),
            "task": metadata["task"],
            "tensors": len(own) - len(fresh),
            "fresh": fresh,
            "unused": [k for k, v in state.items() if own.get(k) != tuple(v.shape)],
        }
    )
    if run is not None:
        run.write_text(START_FILE, start.to_text())
    return start


def _of_the_scale(trainable: TrainableModel, task: str, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the tensors in which a derived network and its twin for the task of the weights differ."""
    genotype, space = trainable.genotype, trainable.space
    if genotype is None or space is None or metadata["task"] == task or not metadata["genotype"]:
        return ()
    theirs = Genotype.from_json(part_of(metadata, "genotype", "the weights"))
    if theirs.hash != genotype.hash:
        return ()
    options = part_of(metadata, "descriptor", "the weights")["config"]
    with torch.random.fork_rng(devices=[]):
        twin = rebuilt(space, theirs, metadata["task"], options)
    shapes, own = twin.state_dict(), trainable.model.state_dict()
    channels = (descriptor_of(twin).channels, descriptor_of(trainable.model).channels)
    if channels[0] != channels[1]:
        return ()
    return tuple(k for k in shapes.keys() | own.keys() if _shape(shapes.get(k)) != _shape(own.get(k)))


def _shape(tensor: torch.Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
