"""Settings of a training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from nas.config.sections import Section


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
