"""Settings of a search."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nas.config.sections import Section
from nas.config.training import OptimizerSettings


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
