"""Settings that every search has; what belongs to one strategy or estimator is declared by its owner."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ConfigDict, Field

from nas.config.merging import merged
from nas.config.sections import Section

Own = TypeVar("Own", bound=Section)


class SearchOptions(Section):
    """The tree under ``search``: the settings of trials, and beside them those of the strategy and the estimator.

    A strategy or estimator declares its own settings as a model named ``Settings``; their keys stand here, flat, and
    are checked against the models of the strategy and the estimator that were chosen (``nas.config.owners``). Each
    reads its own with ``own``.

    Attributes:
        trials: How many genotypes are evaluated, for strategies that propose whole genotypes.
        trial_steps: Steps of the short training of one trial.
        estimator: What a trial's value comes from (``nas list estimators``).
        objectives: ``psnr``, to be large, and any of ``params``, ``macs``, ``latency``, to be small.
        pruning: Whether trials that fall behind are stopped early, by successive halving.
        reduction: One in this many trials goes on from a rung of the pruning.
    """

    model_config = ConfigDict(extra="allow")

    trials: int = Field(1, gt=0, description="genotypes to evaluate (strategies that propose whole genotypes)")
    trial_steps: int = Field(200, gt=0, description="steps of the short training of one trial")
    estimator: str = Field("train", description="what a trial's value comes from ('nas list estimators')")
    objectives: list[str] = Field(["psnr"], description="psnr and any of params, macs, latency")
    pruning: bool = Field(False, description="stop trials that fall behind, by successive halving")
    reduction: int = Field(3, gt=1, description="pruning: one in this many trials goes on from a rung")

    def own(self, model: type[Own]) -> Own:
        """The settings of one owner, its defaults where nothing else is said.

        Args:
            model: The ``Settings`` of a strategy or an estimator.

        Returns:
            A validated instance of ``model``.
        """
        extra = self.model_extra or {}
        given = {name: extra[name] for name in model.model_fields if name in extra}
        return model.model_validate(merged(model().model_dump(mode="json"), given))


class LimitSettings(Section):
    """Hard limits that a genotype must keep at the task's cost output size; None is no limit.

    Attributes:
        params: Parameters.
        macs: Multiply-adds.
        latency: Milliseconds, as the latency table says.
        latency_table: File written by ``nas profile --latency-table``.
    """

    params: float | None = Field(None, gt=0, description="parameters")
    macs: float | None = Field(None, gt=0, description="multiply-adds")
    latency: float | None = Field(None, gt=0, description="milliseconds, as the latency table says")
    latency_table: str | None = Field(None, description="file written by nas profile --latency-table")

    @property
    def given(self) -> bool:
        """Whether there is a limit."""
        return any(value is not None for value in (self.params, self.macs, self.latency))


class StudySettings(Section):
    """One discrete search shared by many processes through an Optuna storage.

    Attributes:
        storage: ``postgresql://...``, ``sqlite:///...``, or the path of a journal file.
        name: Name of the study; None makes one from space, task, strategy and seed.
        workers: Processes started on this machine; 0 lets the search's own process do the trials.
        heartbeat: Seconds between two signs of life of a worker.
    """

    storage: str | None = Field(None, description="postgresql://..., sqlite:///..., or the path of a journal file")
    name: str | None = Field(None, description="name of the study; None: made from space, task, strategy and seed")
    workers: int = Field(0, ge=0, description="processes started here; 0: this one works alone")
    heartbeat: int = Field(30, gt=0, description="seconds between signs of life of a worker")
