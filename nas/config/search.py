"""Settings that every search has; those of one strategy or estimator are declared by their owner."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from pydantic import ConfigDict, Field, field_serializer

from nas.config.merging import merged
from nas.config.sections import Section
from nas.names import masked

Own = TypeVar("Own", bound=Section)


class SearchOptions(Section):
    """The settings under ``search``: those of the trials, and those of the strategy and the estimator.

    A strategy or estimator declares its own settings as a model named ``Settings``. Their keys are kept here, without
    a further level, and are checked against the models of the chosen strategy and estimator (``nas.config.owners``),
    which read them with ``own``.

    Attributes:
        trials: How many genotypes are evaluated, for strategies that propose whole genotypes.
        trial_steps: Steps of the short training of a trial.
        estimator: What gives a trial its value (``nas list estimators``).
        objectives: ``psnr``, which is maximised, and any of ``params``, ``macs``, ``latency``, which are minimised.
        pruning: Whether trials that fall behind are ended early, by successive halving.
        reduction: Pruning: one in this many trials continues after a rung.
    """

    model_config = ConfigDict(extra="allow")
    changeable: ClassVar[frozenset[str]] = frozenset({"trials"})

    trials: int = Field(1, gt=0, description="genotypes to evaluate (strategies that propose whole genotypes)")
    trial_steps: int = Field(200, gt=0, description="steps of the short training of one trial")
    estimator: str = Field("train", description="what gives a trial its value ('nas list estimators')")
    objectives: list[str] = Field(["psnr"], description="psnr and any of params, macs, latency")
    pruning: bool = Field(False, description="end trials early that fall behind, by successive halving")
    reduction: int = Field(3, gt=1, description="pruning: one in this many trials continues after a rung")

    def own(self, model: type[Own]) -> Own:
        """The settings of one owner, with its defaults for those that are not given.

        Args:
            model: The ``Settings`` of a strategy or an estimator.

        Returns:
            A validated instance of ``model``.
        """
        extra = self.model_extra or {}
        given = {name: extra[name] for name in model.model_fields if name in extra}
        return model.model_validate(merged(model().model_dump(mode="json"), given))


class LimitSettings(Section):
    """Hard limits that a genotype must keep, at the output size for which the task counts costs; None is no limit.

    Attributes:
        params: Most parameters.
        macs: Most multiply-adds.
        latency: Longest latency in milliseconds, by the latency table.
        latency_table: File written by ``nas profile --latency-table``.
    """

    changeable: ClassVar[frozenset[str]] = frozenset({"latency_table"})
    params: float | None = Field(None, gt=0, description="most parameters")
    macs: float | None = Field(None, gt=0, description="most multiply-adds")
    latency: float | None = Field(None, gt=0, description="longest latency in milliseconds, by the latency table")
    latency_table: str | None = Field(None, description="file written by nas profile --latency-table")

    @property
    def given(self) -> bool:
        """Whether there is a limit."""
        return any(value is not None for value in (self.params, self.macs, self.latency))


class StudySettings(Section):
    """One discrete search shared by many processes through an Optuna storage.

    Attributes:
        storage: ``postgresql://...``, ``sqlite:///...``, or the path of a journal file.
        name: Name of the study; None makes one of space, task, strategy and seed.
        workers: Worker processes started on this machine; 0 lets the search's own process evaluate the trials.
        heartbeat: Seconds between two signs of life of a worker.
    """

    changeable: ClassVar[frozenset[str]] = frozenset({"storage", "workers", "heartbeat"})
    storage: str | None = Field(None, description="postgresql://..., sqlite:///..., or the path of a journal file")
    name: str | None = Field(None, description="name of the study; None: made of space, task, strategy and seed")
    workers: int = Field(0, ge=0, description="worker processes started here; 0: this process alone")
    heartbeat: int = Field(30, gt=0, description="seconds between signs of life of a worker")

    @field_serializer("storage", when_used="json")
    def _without_password(self, storage: str | None) -> str | None:
        """Whatever is written or shown of the settings holds no password."""
        return None if storage is None else masked(storage)
