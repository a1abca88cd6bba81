"""Searches that are not one process's loop: shared by several processes, or run by another engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nas.config.runs import SearchSettings
from nas.errors import UsageError
from nas.estimators.base import NestedSearch
from nas.registry import STRATEGIES
from nas.train.run import Run

if TYPE_CHECKING:
    from nas.engines.result import SearchResult


class Driver(Protocol):
    """Does a whole search; ``search`` carries out one inside it.

    ``run`` is the folder of an interrupted one that goes on, else None.
    """

    def __call__(
        self, settings: SearchSettings, *, search: NestedSearch, out: str | Path | None = None, run: Run | None = None
    ) -> SearchResult: ...


def driver_of(settings: SearchSettings) -> Driver | None:
    """The driver that the settings ask for, or None for the loop in this process.

    A strategy class whose attribute ``external`` is true brings its own, as a static method ``drive``.
    """
    strategy = STRATEGIES.get(settings.strategy)
    external = getattr(strategy, "external", False)
    shared = settings.study.storage is not None or settings.study.workers > 0
    if external and shared:
        raise UsageError(
            f"strategy {settings.strategy!r} has an engine of its own and shares no study; leave out --storage and "
            "--workers"
        )
    if external:
        driver: Driver = strategy.drive
        return driver
    if shared:
        from nas.engines.shared.study import shared_search

        return shared_search
    return None
