"""Where a run stands: its state, its step, and when it will end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.report.figures.numbers import is_finite_number
from nas.report.run_folder import RunFolder

#: seconds after which a run that logs nothing is called silent; at least this, and three log intervals
SILENT_AFTER = 120.0
#: moments from which the pace is taken
PACE_WINDOW = 12


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        state: ``finished``, ``running``, ``silent`` (it has logged nothing for a while) or ``not begun``.
        step: The last step that was logged.
        total: Steps of the whole run; None where it is unknown.
        eta_s: Seconds until it ends; None where this cannot be told.
        age_s: Seconds since it last logged; None where it never did.
    """

    state: str
    step: int
    total: int | None
    eta_s: float | None
    age_s: float | None

    @property
    def finished(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.state == "finished"


def run_status(run: RunFolder, now: float | None = None) -> RunStatus:
    """Tell where a run stands.

    Args:
        run: Its folder.
        now: Seconds since 1970; without it, the present moment.

    Returns:
        Its status.
    """
    now = time.time() if now is None else now
    steps = [int(e["step"]) for e in run.events if is_finite_number(e.get("step"))]
    step = max(steps, default=0)
    last = float(run.timing[-1]["time"]) if run.timing else _last_change(run.folder)
    age = max(now - last, 0.0) if last is not None else None
    if run.finished:
        return RunStatus("finished", step, run.total, None, age)
    if not run.events:
        return RunStatus("not begun", 0, run.total, None, age)
    pace, interval = _pace(run.timing)
    eta = max((run.total - step) / pace, 0.0) if run.total is not None and pace else None
    silent = age is not None and age > max(SILENT_AFTER, 3 * interval)
    return RunStatus("silent" if silent else "running", step, run.total, eta, age)


def _last_change(folder: Path) -> float | None:
    file = folder / "events.jsonl"
    return file.stat().st_mtime if file.is_file() else None


def _pace(timing: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Steps a second over the last moments of the newest session, and the mean seconds between moments."""
    begin = max((i for i, t in enumerate(timing) if t.get("kind") == "start"), default=0)
    recent = list(timing[begin:])[-PACE_WINDOW:]
    if len(recent) < 2:
        return 0.0, 0.0
    seconds = float(recent[-1]["time"]) - float(recent[0]["time"])
    steps = float(recent[-1]["step"]) - float(recent[0]["step"])
    return (steps / seconds if seconds > 0 else 0.0), seconds / (len(recent) - 1)
