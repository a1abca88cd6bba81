"""``nas worker``: a process that joins a shared study by its name and evaluates trials until the study is done."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.shared.definition import Definition
from nas.engines.shared.proposals import trial_budget_of
from nas.engines.shared.storage import open_storage
from nas.engines.shared.storage_base import SharedStorage
from nas.engines.shared.workers import work
from nas.errors import UsageError, did_you_mean
from nas.names import masked
from nas.progress import progress
from nas.registry import ESTIMATORS, load_plugins
from nas.strategies.optuna_sampler import quiet_log

#: the setting under ``search`` that ``--supernet`` changes, for estimators that have it
SUPERNET = "supernet"


@dataclass(frozen=True)
class LocalSettings:
    """What may differ between the machine of a worker and the one on which the search was started.

    Attributes:
        data: Folders of the training images; empty to take them from the study, like everything below.
        plugins: Plug-in files or modules.
        device: Device of torch.
        threads: CPU threads of torch; 0 leaves torch's own choice.
        supernet: Run folder of the supernet that an estimator inherits weights from.
    """

    data: Sequence[str] = ()
    plugins: Sequence[str] = ()
    device: str | None = None
    threads: int | None = None
    supernet: str | None = None

    def over(self, settings: SearchSettings) -> SearchSettings:
        """The settings of the study with those of this machine in their place.

        Raises:
            UsageError: A supernet is named, but the study's estimator inherits from none.
        """
        changed: dict[str, Any] = {}
        if self.data:
            changed["data"] = settings.data.model_copy(update={"path": list(self.data)})
        if self.plugins:
            changed["plugins"] = list(self.plugins)
        if self.device is not None:
            changed["device"] = self.device
        if self.threads is not None:
            changed["threads"] = self.threads
        if self.supernet is not None:
            estimator = settings.search.estimator
            if SUPERNET not in ESTIMATORS.get(estimator).local:
                raise UsageError(f"estimator {estimator!r} inherits from no supernet; leave out --supernet")
            changed["search"] = settings.search.model_copy(update={SUPERNET: self.supernet})
        return settings.model_copy(update=changed)


def worker(storage: str, name: str, local: LocalSettings | None = None, *, dry_run: bool = False) -> int:
    """Evaluate trials of a shared study until it is done.

    Args:
        storage: Address of the storage, as ``open_storage`` takes it.
        name: Name of the study.
        local: What is different on this machine; None for nothing.
        dry_run: Only check whether the study accepts this process.

    Returns:
        The number of trials evaluated by this process.

    Raises:
        UsageError: There is no such study, or space, plug-ins, images or code differ from those of the search.
        NasError: The storage cannot be reached.
    """
    with quiet_log(), contextlib.closing(open_storage(storage)) as shared:
        study = _loaded(shared, name)
        definition = Definition.read(study.user_attrs, name)
        shared.beat_every(definition.settings.study.heartbeat)
        settings = (local or LocalSettings()).over(definition.settings)
        load_plugins(settings.plugins)
        evaluator = Evaluator(settings, definition.space())
        definition.check(Definition.of(evaluator), name)
        budget = trial_budget_of(shared, study, evaluator)
        if dry_run:
            return 0
        evaluator.estimator.prepare(None, _no_nested_search)
        with progress(f"worker of {name}", budget.budget, done=len(budget.spent())) as bar:
            return work(budget, evaluator, lambda claim: bar.advance(detail=f"trial {claim.index + 1}"))


def _no_nested_search(settings: SearchSettings, folder: Path) -> Path:
    raise UsageError("a worker trains no supernet of its own; name a trained one with --supernet")


def _loaded(shared: SharedStorage, name: str) -> optuna.Study:
    try:
        return optuna.load_study(study_name=name, storage=shared.optuna_storage)
    except KeyError:
        known = optuna.get_all_study_names(shared.optuna_storage)
        raise UsageError(f"there is no study {name!r} in {masked(shared.url)}; {did_you_mean(name, known)}") from None
