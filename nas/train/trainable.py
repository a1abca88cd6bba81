"""What a training is given to train: a derived network or a baseline, found by what the user typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from nas.config.runs import RetrainSettings
from nas.documents import read_json
from nas.errors import UsageError, did_you_mean
from nas.models.baseline import Criterion
from nas.models.calling import descriptor_of
from nas.registry import BASELINES, LOSSES, load_plugins
from nas.space import Genotype, Space, load_genotype, load_space, space_from_document
from nas.tasks import Task
from nas.train.losses import GENERAL, task_criterion
from nas.train.recorded import recorded_genotype, recorded_space
from nas.train.run import Run

#: entries of ``network`` that are options of a derived network rather than part of its structure
OPTIONS = ("image_residual", "train_mean_shift")


@dataclass(frozen=True)
class TrainableModel:
    """A network that is to be trained from scratch.

    Attributes:
        model: The network, freshly initialised.
        kind: "derived" or "baseline".
        name: Name of the space or of the baseline.
        genotype: Of a derived network.
        space: Of a derived network.
    """

    model: nn.Module
    kind: str
    name: str
    genotype: Genotype | None = None
    space: Space | None = None

    def criterion(self, settings: RetrainSettings) -> Criterion:
        """The loss of its training: the baseline's own, or the task's loss ``train.loss``.

        A loss of ``train.loss`` beyond ``GENERAL`` replaces that of the baseline.

        Raises:
            UsageError: The options ``train.criterion`` have nothing to set.
        """
        options, asked = settings.train.criterion, settings.train.loss
        own = BASELINES.get(self.name).criterion if self.kind == "baseline" else None
        replaced = not isinstance(asked, str) or (asked not in GENERAL and asked in LOSSES)
        if own is not None and not replaced:
            chosen: Criterion | None = own(self.model, {"loss": asked, **options})
            if chosen is not None:
                return chosen
        elif options:
            reason = f"train.loss replaces the loss of {self.name}" if own else f"{self.name} has no loss of its own"
            raise UsageError(
                f"{reason}, so train.criterion ({', '.join(options)}) has nothing to set; choose with train.loss among "
                + ", ".join(LOSSES.names())
            )
        return task_criterion(asked, descriptor_of(self.model).value_range)


def build_trainable(settings: RetrainSettings, task: Task) -> TrainableModel:
    """Build what ``settings.model`` names: a run folder, a genotype (file or registered name) or a baseline.

    Args:
        settings: ``model``, ``network``, ``space`` and ``preset`` of a training.
        task: What the network is for.

    Raises:
        UsageError: There is no such thing (the message offers the nearest name), or it has no weights to train.
    """
    name, path = settings.model, Path(settings.model)
    if path.is_dir() or path.suffix == ".json" or "/" in name:
        genotype, space = _from_path(path, settings)
        return _derived(genotype, space, task, settings.network)
    if name in BASELINES:
        baseline = BASELINES.get(name)
        if not baseline.trainable:
            raise UsageError(f"model {name!r} has no weights to train")
        model = baseline.create(**{**baseline.config_for_task(task.name), **settings.network})
        return TrainableModel(model, "baseline", name)
    try:
        genotype = load_genotype(name)
    except UsageError:
        known = [*BASELINES.names(), "jsnet_released"]
        raise UsageError(f"{name!r} is no run folder, genotype file or model; {did_you_mean(name, known)}") from None
    return _derived(genotype, _space_for(genotype, settings), task, settings.network)


def with_plugins_of_model(settings: RetrainSettings) -> RetrainSettings:
    """Settings that name the plug-ins of the search too whose run folder is trained: it must be found again later."""
    if not (Path(settings.model) / "config.yaml").is_file():
        return settings
    theirs = [p for p in Run.open(settings.model).settings.plugins if p not in settings.plugins]
    return settings.model_copy(update={"plugins": [*theirs, *settings.plugins]}) if theirs else settings


def trainable_of_run(folder: Path, settings: RetrainSettings, task: Task) -> TrainableModel | None:
    """The derived network of a training that was begun, from the genotype and the space in its folder.

    Args:
        folder: The run folder.
        settings: Its settings.
        task: What the network is for.

    Returns:
        None for a baseline, and where the folder lacks one of the two.
    """
    genotype, space = recorded_genotype(folder), recorded_space(folder)
    if genotype is None or space is None or settings.model in BASELINES:
        return None
    return _derived(genotype, space, task, {k: v for k, v in settings.network.items() if k in OPTIONS})


def derived_network(genotype: Genotype, settings: RetrainSettings, task: Task) -> TrainableModel:
    """The network of a genotype at hand, in the space of the settings or the one that it names.

    Raises:
        UsageError: It is not of that space, or ``settings.network`` does not fit it.
    """
    return _derived(genotype, _space_for(genotype, settings), task, settings.network)


def _from_path(path: Path, settings: RetrainSettings) -> tuple[Genotype, Space]:
    if not path.exists():
        raise UsageError(f"{str(path)!r} does not exist; give a run folder, a genotype file or a model name")
    if not path.is_dir():
        genotype = Genotype.load(path)
        return genotype, _space_for(genotype, settings)
    run = Run.open(path)
    file = run.folder / "genotype.json"
    if not file.is_file():
        raise UsageError(
            f"run {str(path)!r} has no genotype.json yet; finish it with 'nas search --resume {path}' or write one "
            f"with 'nas derive {path}'"
        )
    load_plugins(run.settings.plugins)
    return Genotype.load(file), space_from_document(read_json(run.folder / "space.json"))


def _space_for(genotype: Genotype, settings: RetrainSettings) -> Space:
    return load_space(settings.space or genotype.space_name, preset=settings.preset)


def _derived(genotype: Genotype, space: Space, task: Task, network: dict[str, Any]) -> TrainableModel:
    settings = {k: v for k, v in network.items() if k not in OPTIONS}
    if settings:
        genotype = genotype.with_network(**settings)
    space.validate(genotype)
    options = {k: v for k, v in network.items() if k in OPTIONS}
    return TrainableModel(space.network(genotype, task, **options), "derived", space.name, genotype, space)
