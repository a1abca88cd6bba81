"""Every setting of a search and of a training, with its default: the one place where defaults live.

A configuration is a tree of small sections. It is read from YAML (``--config``), changed by dotted
assignments (``--set train.optimizer.lr=5e-4``) and by the flags of a verb, and written whole into the run
folder, so that a run can be repeated from its own ``config.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nas.errors import UsageError, did_you_mean


class Section(BaseModel):
    """A typed group of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class OptimizerSettings(Section):
    """Adam, as in both the search and the retraining of JSNet (specification sections 9 and 10), or AdamW.

    ``weight_decay`` is a part of the gradient in Adam and a shrinking of the weights in AdamW.
    """

    name: Literal["adam", "adamw"] = "adam"
    lr: float = Field(2e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)


class ScheduleSettings(Section):
    """Learning rate over time.

    ``step`` multiplies by ``gamma`` every ``every`` steps, ``milestones`` at each of the steps listed, ``cosine``
    falls to ``minimum`` over the whole training, ``cosine_after_warmup`` from the end of the warm-up on.
    ``unit: epoch`` counts all of this in epochs (passes over the training images) and keeps the rate within one.
    """

    name: Literal["constant", "step", "milestones", "cosine", "cosine_after_warmup"] = "cosine"
    every: int = Field(200_000, gt=0)
    milestones: list[int] = []
    offset: int = Field(0, description="how much sooner every fall comes, for scripts that count from one")
    gamma: float = Field(0.5, gt=0, le=1)
    minimum: float = Field(1e-7, ge=0)
    warmup: int = Field(0, ge=0, description="steps of linear rise from zero")
    unit: Literal["step", "epoch"] = "step"


class StageSettings(Section):
    """A stretch of a progressive training: its share of the steps, and its patches and batches."""

    steps: int = Field(gt=0)
    patch: int = Field(gt=0)
    batch: int = Field(gt=0)


class DataSettings(Section):
    """Where images come from and how patches are cut.

    path: folders of training images; empty means the photographs inside scikit-image.
    patch: side of the target patch in pixels, a multiple of the task's scale.
    stages: progressive training; replaces patch and batch. Their steps are scaled to train.steps in all.
    whole_epochs: stages last whole epochs, rounded down, and incomplete batches do not count (DSRIR, ``epoch_chg``).
    validation: how many images are held out of training for validation.
    clean_half: which half of side-by-side files is the clean one.
    """

    path: list[str] = []
    patch: int = Field(48, gt=0)
    batch: int = Field(8, gt=0)
    stages: list[StageSettings] = []
    whole_epochs: bool = False
    augment: bool = True
    workers: int = Field(0, ge=0)
    validation: int = Field(4, ge=0)
    split_seed: int = Field(0, ge=0, description="which images are held out, the same for every training seed")
    cache: str | None = None
    clean_half: Literal["left", "right"] = "left"


class TrainSettings(Section):
    """The loop: shared by supernets, derived networks and baselines.

    criterion: options of the loss that a baseline owns (its README lists them); other models have none.
    """

    steps: int = Field(1000, ge=0)
    time: float | None = Field(None, gt=0, description="seconds of work after which the run ends, whatever its steps")
    loss: Literal["l1", "l2", "charbonnier"] = "l1"
    criterion: dict[str, Any] = {}
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    clip: float | None = Field(None, gt=0, description="largest norm of the weight gradient")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of the averaged weights")
    bf16: bool = Field(False, description="bfloat16 autocast in training; metrics are always float32")
    channels_last: bool = True
    compile: bool = False
    log_every: int = Field(20, gt=0)
    validate_every: int = Field(500, gt=0)
    checkpoint_every: int = Field(200, gt=0)


class StrategySettings(Section):
    """How the architecture is found.

    order, second_order: gradient of the architecture (first order, or second order with the virtual step
    differentiated exactly or by a central difference). warmup: share of the steps before the first
    architecture step. trials, trial_steps: for strategies that propose whole genotypes.
    estimator: what a trial's value comes from (a short training, weights inherited from a single-path
    supernet, or a proxy at initialisation). objectives: ``psnr`` (up) and any of params, macs, latency (down).
    """

    order: Literal["first", "second"] = "first"
    second_order: Literal["exact", "difference"] = "exact"
    warmup: float = Field(0.2, ge=0, le=1)
    partial_channels: int | None = Field(None, ge=1, le=64, description="1: off; None: as strategy and space say")
    edge_weights: bool | None = Field(None, description="None: as strategy and space say")
    optimizer: OptimizerSettings = OptimizerSettings(lr=1e-3, weight_decay=1e-3)
    entropy: float = Field(0.0, description="weight of the mean edge entropy in the architecture loss")
    skip: float = Field(0.0, ge=0, description="weight of the mean probability of skip connections there")
    cost_weight: float = Field(1.0, ge=0, description="weight of the expected cost's relative excess over a limit")
    temperature: float = Field(5.0, gt=0, description="gdas: first temperature of the Gumbel softmax")
    final_temperature: float = Field(0.1, gt=0, description="gdas: last temperature")
    stop_on_collapse: bool = Field(False, description="end the search when skips have taken over")
    trials: int = Field(1, gt=0)
    trial_steps: int = Field(200, gt=0)
    estimator: Literal["train", "supernet", "zero_cost"] = "train"
    proxy: str = Field("synflow", description="zero_cost: synflow or naswot or gradient_norm")
    supernet: str | None = Field(None, description="run folder of a trained single-path supernet to inherit from")
    supernet_steps: int = Field(1000, gt=0, description="steps of the single-path supernet when none is given")
    objectives: list[str] = ["psnr"]
    samples: int = Field(16, gt=0, description="single_path: random genotypes compared at the end")
    population: int = Field(16, gt=1, description="evolution: genotypes in a generation")
    genetic: Literal["auto", "nsga2", "nsga3"] = Field("auto", description="evolution; auto: NSGA-III beyond three")
    tuner: Literal["TPE", "Random", "Evolution"] = Field("TPE", description="nni: which of its tuners proposes")
    pruning: bool = Field(False, description="stop hopeless trials by successive halving")
    reduction: int = Field(3, gt=1, description="pruning: one in this many trials survives a rung")
    collapse_share: float = Field(
        0.5, gt=0, le=1, description="share of skips in the genotype that triggers the warning"
    )


class LimitSettings(Section):
    """Hard limits that a genotype must keep at the task's cost output size; None: no limit."""

    params: float | None = Field(None, gt=0, description="parameters")
    macs: float | None = Field(None, gt=0, description="multiply-adds")
    latency: float | None = Field(None, gt=0, description="milliseconds, as the latency table says")
    latency_table: str | None = Field(None, description="file written by nas profile --latency-table")


class StudySettings(Section):
    """One discrete search shared by many processes (Optuna storage)."""

    storage: str | None = Field(None, description="postgresql://..., sqlite:///..., or the path of a journal file")
    name: str | None = Field(None, description="name of the study; None: made from space, task, strategy and seed")
    workers: int = Field(0, ge=0, description="processes started here; 0: this one works alone")
    heartbeat: int = Field(30, gt=0, description="seconds between signs of life of a worker")


class RecipeSettings(TrainSettings):
    """How a campaign trains the genotypes that its searches find: the loop's settings, and what is measured.

    network: settings of the networks trained (``image_residual: true`` shortens slow starts).
    random_genotypes: further random genotypes trained alike, for the rank correlation of supernet and training.
    sets, benchmarks: benchmark sets, and the folder that holds them, on which the trained networks are measured
    at the very end; they select nothing.
    """

    optimizer: OptimizerSettings = OptimizerSettings(lr=1e-3)
    network: dict[str, Any] = {}
    random_genotypes: int = Field(2, ge=0)
    sets: list[str] = []
    benchmarks: str | None = None


class Settings(Section):
    """What search and retraining have in common."""

    task: str = "sr_x2"
    seed: int = Field(1, ge=0)
    device: str = "cpu"
    threads: int = Field(0, ge=0, description="CPU threads of torch; 0 leaves torch's own choice")
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    plugins: list[str] = []


class SearchSettings(Settings):
    """``nas search``: a space, a task, a strategy. ``overrides`` change the space (``network.cells: 3``)."""

    space: str = "jsm"
    preset: str | None = None
    overrides: dict[str, Any] = {}
    strategy: str = "pc_darts"
    search: StrategySettings = StrategySettings()
    limits: LimitSettings = LimitSettings()
    study: StudySettings = StudySettings()
    retrain: RecipeSettings = RecipeSettings()


class RetrainSettings(Settings):
    """``nas retrain``: a genotype, a finished search or a baseline, trained from scratch.

    network: constructor keywords of a baseline, or network settings of a derived network.
    init_from: weights file to start from, of the same network or of one that the baseline can carry over (x2 to x3).
    """

    model: str = "jsnet_released"
    init_from: str | None = None
    space: str | None = None
    preset: str | None = None
    network: dict[str, Any] = {}
    train: TrainSettings = TrainSettings(optimizer=OptimizerSettings(lr=1e-3))


S = TypeVar("S", bound=Settings)


def build(
    kind: type[S],
    config: str | Path | Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    **flags: Any,
) -> S:
    """Defaults, then the YAML file or mapping, then flags that are not None, then ``a.b=c`` assignments.

    A flag's name may be dotted with double underscores (``data__patch=48``). Raises UsageError that names
    the setting and the nearest valid one.
    """
    # the kind's own defaults first: a nested default (retraining's learning rate) must survive a change beside it
    tree: dict[str, Any] = kind().model_dump(mode="json")
    if isinstance(config, Mapping):
        _merge(tree, config)
    elif config is not None:
        _merge(tree, read_yaml(Path(config)))
    for name, value in flags.items():
        if value is not None:
            _assign(tree, name.split("__"), value)
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {text!r} is not of the form key.subkey=value")
        try:
            _assign(tree, key.strip().split("."), _scalar(value))
        except yaml.YAMLError:
            raise UsageError(f"--set {text!r}: the value is not valid YAML") from None
    return parse(kind, tree)


def _scalar(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str):  # YAML 1.1 reads 5e-4 as a string; a person means the number
        try:
            return float(value)
        except ValueError:
            return value
    return value


def parse(kind: type[S], tree: Mapping[str, Any]) -> S:
    """Validate a tree of plain values; the first fault is reported as one sentence."""
    try:
        return kind.model_validate(_numbers(dict(tree)))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(p) for p in fault["loc"])
        if fault["type"] == "extra_forbidden":
            section: type[BaseModel] = kind
            for part in fault["loc"][:-1]:
                annotation = section.model_fields[str(part)].annotation
                if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                    break
                section = annotation
            hint = did_you_mean(str(fault["loc"][-1]), section.model_fields)
            raise UsageError(f"unknown setting {where!r}; {hint}") from None
        raise UsageError(f"setting {where!r}: {fault['msg'].lower()} (got {fault['input']!r})") from None


def to_yaml(settings: Settings) -> str:
    """The whole effective configuration, in the order of this file."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    return text


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file of settings; UsageError when absent or malformed."""
    if not path.is_file():
        raise UsageError(f"configuration file {str(path)!r} does not exist")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"configuration file {str(path)!r} is not valid YAML: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(tree, Mapping):
        raise UsageError(f"configuration file {str(path)!r} must hold a mapping of settings")
    return tree


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict) and key not in ("overrides", "network"):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _assign(tree: dict[str, Any], path: list[str], value: Any) -> None:
    if path[0] in ("overrides", "network") and len(path) > 1:  # their keys are dotted names themselves
        tree.setdefault(path[0], {})[".".join(path[1:])] = value
        return
    for part in path[:-1]:
        deeper = tree.setdefault(part, {})
        if not isinstance(deeper, dict):
            raise UsageError(f"setting {'.'.join(path)!r}: {part!r} is a single value, it has no parts")
        tree = deeper
    if isinstance(value, dict) and isinstance(tree.get(path[-1]), dict):
        _merge(tree[path[-1]], value)
    else:
        tree[path[-1]] = value


def _numbers(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _numbers(v) for k, v in tree.items()}
    if isinstance(tree, str) and tree[:1].isdigit() and "e-" in tree:
        return _scalar(tree)
    return tree
