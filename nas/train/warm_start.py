"""Where a training starts if not at random: the weights of the same network, or of its twin at another scale."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas.config.runs import RetrainSettings
from nas.errors import UsageError
from nas.models.calling import descriptor_of
from nas.models.weights import load_strict, read_metadata, weights_hash
from nas.registry import BASELINES
from nas.tasks import Task
from nas.train.run import Run

#: file of a run that keeps what it started from
START_FILE = "init_from.json"


@dataclass(frozen=True)
class Start:
    """What a training began with.

    Attributes:
        record: For the weights file: file, hash, task, number of tensors taken over, names of the others.
    """

    record: dict[str, Any]

    @property
    def sentence(self) -> str:
        """How many tensors came from where, and the names of those that did not."""
        fresh, unused = self.record["fresh"], self.record["unused"]
        rest = f"; freshly initialised: {', '.join(fresh)}" if fresh else ""
        rest += f"; not used: {', '.join(unused)}" if unused else ""
        return f"started from {self.record['file']} ({self.record['tensors']} tensors{rest})"


def sized_as_given(settings: RetrainSettings, task: Task) -> RetrainSettings:
    """Settings with which a baseline is as large as the weights it starts from.

    The keywords recorded in ``init_from`` go into ``settings.network``, except those that the task decides; what
    stands there already wins. Settings of anything but a baseline with ``init_from`` come back as they are.

    Raises:
        UsageError: The file holds weights of another network.
    """
    if settings.init_from is None or settings.model not in BASELINES:
        return settings
    metadata = read_metadata(settings.init_from)
    descriptor = json.loads(metadata["descriptor"])
    if metadata["kind"] != "baseline" or descriptor["name"] != settings.model:
        raise UsageError(
            f"{settings.init_from!r} holds weights of {descriptor['name']} ({metadata['kind']}), from which "
            f"{settings.model} cannot start"
        )
    baseline = BASELINES.get(settings.model)
    decided = baseline.config_for_task(task.name)
    given = {k: v for k, v in descriptor["config"].items() if k not in decided}
    return settings.model_copy(update={"network": {**given, **baseline.own_names(settings.network)}})


def begin_from(model: nn.Module, path: str, kind: str, run: Run) -> Start:
    """Fill a network from a weights file, by the baseline's ``transfer`` if it has one, else strictly.

    A run that has begun already only reads its record: its own state replaces all weights, and the file need
    not exist any more.

    Args:
        model: The network to be trained.
        path: The weights file.
        kind: "derived" or "baseline", which the file must hold too.
        run: Where the record is kept.

    Raises:
        UsageError: The file holds another kind of network.
        NasError: Tensors do not fit; the message lists them.
    """
    record = run.folder / START_FILE
    if record.is_file() and any(run.states.glob("step-*.pt")):
        return Start(json.loads(record.read_text(encoding="utf-8")))
    from safetensors.torch import load_file

    metadata = read_metadata(path)
    if metadata["kind"] != kind:
        raise UsageError(f"{path!r} holds a {metadata['kind']} network, but a {kind} one is trained; give its weights")
    state = load_file(path)
    transfer = BASELINES.get(descriptor_of(model).name).transfer if kind == "baseline" else None
    own = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    fresh = transfer(model, state) if transfer is not None else load_strict(model, state, repr(path))
    document = {
        "file": Path(path).name,
        "weights": weights_hash(state),
        "task": metadata["task"],
        "tensors": len(own) - len(fresh),
        "fresh": fresh,
        "unused": [k for k, v in state.items() if own.get(k) != tuple(v.shape)],
    }
    run.write_text(START_FILE, json.dumps(document, indent=2) + "\n")
    return Start(document)
