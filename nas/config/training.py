"""Settings of a training."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from nas.config.sections import Section

#: the name of a registered loss, or several with their weights
Losses = str | dict[str, float]


class OptimizerSettings(Section):
    """Adam, as in the search and the retraining of JSNet (specification sections 9 and 10), or AdamW.

    Attributes:
        name: adam (Kingma and Ba, ICLR 2015) or adamw (Loshchilov and Hutter, ICLR 2019).
        lr: Learning rate.
        betas: Decay of the averages of the gradient and of its square.
        eps: Added to the denominator of an update.
        weight_decay: Added to the gradient in Adam, applied to the weights themselves in AdamW.
    """

    changeable: ClassVar[frozenset[str]] = frozenset({"lr", "betas", "eps", "weight_decay"})
    name: Literal["adam", "adamw"] = Field("adam", description="adam or adamw")
    lr: float = Field(2e-4, gt=0, description="learning rate")
    betas: tuple[float, float] = Field((0.9, 0.999), description="decay of the averages of gradient and square")
    eps: float = Field(1e-8, gt=0, description="added to the denominator of an update")
    weight_decay: float = Field(0.0, ge=0, description="adam: part of the gradient; adamw: applied to the weights")


class ScheduleSettings(Section):
    """The learning rate over time.

    ``step`` multiplies the rate by ``gamma`` every ``every`` steps, ``milestones`` does so at the listed steps.
    ``cosine`` lets it decay to ``minimum`` over the whole training, ``cosine_after_warmup`` from the end of warm-up.
    ``cosine_restarts`` lets it decay so within each of several cycles (Loshchilov and Hutter, ICLR 2017).

    Attributes:
        name: The schedule.
        every: Steps between two decays of ``step``; steps of the first cycle of ``cosine_restarts``.
        milestones: Steps at which ``milestones`` decays.
        offset: Steps by which every decay comes earlier, for scripts that count steps from one.
        gamma: Factor of a decay.
        minimum: Last rate of the cosine schedules.
        warmup: Steps of a linear rise from zero; the cycles of ``cosine_restarts`` begin after it.
        lengthen: By which each cycle of ``cosine_restarts`` is longer than the one before.
        peak: By which the first rate of each such cycle is multiplied from one to the next.
        unit: What is counted; with epochs (passes over the training images) the rate is constant within one.
    """

    changeable: ClassVar[frozenset[str]] = frozenset(
        {"name", "every", "milestones", "offset", "gamma", "minimum", "warmup", "lengthen", "peak"}
    )
    name: Literal["constant", "step", "milestones", "cosine", "cosine_after_warmup", "cosine_restarts"] = Field(
        "cosine", description="the schedule"
    )
    every: int = Field(200_000, gt=0, description="step: steps between two decays; cosine_restarts: of the first cycle")
    milestones: list[int] = Field([], description="milestones: steps at which the rate decays")
    offset: int = Field(0, description="steps by which every decay comes earlier, for scripts that count from one")
    gamma: float = Field(0.5, gt=0, le=1, description="factor of a decay")
    minimum: float = Field(1e-7, ge=0, description="last rate of the cosine schedules")
    warmup: int = Field(0, ge=0, description="steps of a linear rise from zero")
    lengthen: float = Field(1.0, ge=1, description="cosine_restarts: factor of the length from cycle to cycle")
    peak: float = Field(1.0, gt=0, le=1, description="cosine_restarts: factor of the first rate from cycle to cycle")
    unit: Literal["step", "epoch"] = Field("step", description="what is counted above: steps or epochs")


class TrainSettings(Section):
    """The training loop of supernets, derived networks and baselines.

    Attributes:
        steps: Steps of the training.
        time: Seconds of work after which the run ends before its last step; None for no limit.
        loss: Loss of the pixels: the name of a registered loss, or several with their weights.
        criterion: Options of the loss that a baseline brings (see its README); other models have none.
        teacher: Weights file or run folder of a network whose outputs are learnt beside the targets.
        teacher_weight: Weight of the loss between the outputs of the two.
        teacher_loss: That loss, as for ``loss``.
        accumulate: Batches of ``data.batch`` whose gradients are averaged into one step.
        optimizer: Optimiser of the weights.
        schedule: Learning rate over time.
        clip: Largest norm of the gradient of the weights; None does not clip.
        skip_nonfinite: Steps that may be left out because their loss or gradient is NaN or infinite; the next one ends
            the run.
        ema: Decay of the exponential moving average of the weights, which is validated and saved; None for none.
        bf16: Whether training runs under bfloat16 autocast; metrics are always float32.
        fp16: Whether training runs under float16 autocast with a scaled loss.
        channels_last: Whether tensors are laid out with channels last.
        compile: Whether the network is compiled by torch.
        log_every: Steps between two events of the training.
        validate_every: Steps between two validations.
        checkpoint_every: Steps between two saved states.
        metrics: Names of registered metrics that a validation measures beside PSNR.
        monitor: The value of a validation by which weights are kept as the best and patience is measured.
        keep_best: Whether a retraining keeps the weights of its best validation beside the last ones.
        patience: Validations without a better value of ``monitor`` after which the run ends; None for no end.
        pictures: Validation images that TensorBoard shows after each validation.
    """

    changeable: ClassVar[frozenset[str]] = frozenset(
        {
            *("steps", "time", "optimizer", "schedule", "clip", "skip_nonfinite", "bf16", "fp16", "accumulate"),
            *("channels_last", "compile", "log_every", "validate_every", "checkpoint_every", "keep_best", "patience"),
            "pictures",
        }
    )
    steps: int = Field(1000, ge=0, description="steps of the training")
    time: float | None = Field(None, gt=0, description="seconds of work after which the run ends, whatever its steps")
    loss: Losses = Field("l1", description="loss of the pixels: a name, or names with weights")
    criterion: dict[str, Any] = Field({}, description="options of the loss that a baseline brings")
    teacher: str | None = Field(None, description="weights file or run folder of a network to learn from")
    teacher_weight: float = Field(1.0, ge=0, description="weight of the loss between the outputs of the two")
    teacher_loss: Losses = Field("l1", description="that loss, as for loss")
    accumulate: int = Field(1, ge=1, description="batches whose gradients are averaged into one step")
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    clip: float | None = Field(None, gt=0, description="largest norm of the gradient of the weights")
    skip_nonfinite: int = Field(0, ge=0, description="steps with a loss or gradient of NaN or infinity to leave out")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of the exponential moving average of the weights")
    bf16: bool = Field(False, description="bfloat16 autocast in training; metrics are always float32")
    fp16: bool = Field(False, description="float16 autocast in training, with a scaled loss")
    channels_last: bool = Field(True, description="lay tensors out with channels last")
    compile: bool = Field(False, description="compile the network by torch")
    log_every: int = Field(20, gt=0, description="steps between two events of the training")
    validate_every: int = Field(500, gt=0, description="steps between two validations")
    checkpoint_every: int = Field(200, gt=0, description="steps between two saved states")
    metrics: list[str] = Field([], description="registered metrics that a validation measures beside PSNR")
    monitor: str = Field("psnr", description="value of a validation that decides on the best weights and on patience")
    keep_best: bool = Field(True, description="retraining: keep the weights of the best validation beside the last")
    patience: int | None = Field(None, ge=1, description="validations without a better one after which the run ends")
    pictures: int = Field(0, ge=0, description="validation images that TensorBoard shows after each validation")


class RecipeSettings(TrainSettings):
    """How an experiment trains the genotypes that its searches find, and where the networks are measured.

    Attributes:
        network: Settings of the trained networks (``image_residual: true`` shortens slow starts).
        random_genotypes: How many random genotypes are trained in the same way, for the rank correlation between
            supernet and training.
        sets: Benchmark sets on which the trained networks are measured at the very end; nothing is selected by them.
        benchmarks: Folder of the benchmark sets.
    """

    optimizer: OptimizerSettings = OptimizerSettings(lr=1e-3)
    network: dict[str, Any] = Field({}, description="settings of the trained networks")
    random_genotypes: int = Field(2, ge=0, description="random genotypes trained too, for the rank correlation")
    sets: list[str] = Field([], description="benchmark sets measured at the very end")
    benchmarks: str | None = Field(None, description="folder of the benchmark sets")
