"""Trainings that were halted and may go on: their states in memory, and in the run folder for a search that resumes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.train.state import load_state, save_state

#: how many states are kept; a training whose state was dropped is begun again if it goes on, with the same result
KEPT = 64


class HaltedTrainings:
    """The states of halted trainings, the newest ``KEPT`` of them.

    A state saves time and decides nothing: without it the training is repeated from its beginning, which gives the
    same values.

    Args:
        folder: Where states are kept; None for memory alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._states: dict[str, dict[str, Any]] = {}

    def keep(self, key: str, state: dict[str, Any]) -> None:
        """Keep a state; its ``step`` says how far the training is."""
        if self._folder is not None:
            save_state(self._folder / key, int(state["step"]), state)
        else:
            self._states[key] = state
        self._drop_old()

    def take(self, key: str) -> dict[str, Any] | None:
        """The newest state of a training, or None; it is still there for a search that is interrupted now."""
        if self._folder is None:
            return self._states.get(key)
        try:
            return load_state(self._folder / key) if (self._folder / key).is_dir() else None
        except NasError:  # damaged: the training is repeated
            return None

    def _drop_old(self) -> None:
        while len(self._states) > KEPT:
            del self._states[next(iter(self._states))]
        if self._folder is not None:
            folders = sorted((p for p in self._folder.iterdir() if p.is_dir()), key=lambda p: (p.stat().st_mtime_ns, p))
            for old in folders[:-KEPT]:
                shutil.rmtree(old, ignore_errors=True)
