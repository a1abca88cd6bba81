"""The runs below a folder, a line for each: what they are, where they stand, how good they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nas.errors import UsageError
from nas.report.experiment_folder import is_experiment_folder
from nas.report.figures.numbers import is_finite_number
from nas.report.run_folder import RunFolder, read_run
from nas.report.watch.status import run_status
from nas.train.lock import living_owner

#: what a folder of a run contains from its first moment on, and what may be left of one that was damaged
CONFIG, REMAINS = "config.yaml", ("made_of.json", "events.jsonl", "summary.json", "state", "run.lock")
#: seconds since 1970 below which a moment is none: a log whose times were counted from its beginning
_EARLIEST = 10**9
#: folders within folders that are looked into
MOST_DEEP = 4


@dataclass(frozen=True)
class ListedRun:
    """One run as a list shows it; what is unknown is empty or None.

    Attributes:
        folder: The run folder.
        kind: ``search`` or ``retrain``.
        of: The space and strategy of a search, the network of a training.
        task: The task.
        seed: The seed.
        state: ``finished``, ``running``, ``interrupted`` or ``damaged``.
        step: Steps or trials done.
        total: Steps or trials of the whole run.
        psnr: The last validation PSNR in dB; of a search by trials the best of a trial.
        changed: Seconds since 1970 when the run last wrote.
        problem: What is wrong with a damaged run, in a sentence.
    """

    folder: Path
    kind: str = ""
    of: str = ""
    task: str = ""
    seed: int | None = None
    state: str = "damaged"
    step: int = 0
    total: int | None = None
    psnr: float | None = None
    changed: float | None = None
    problem: str = ""

    @property
    def progress(self) -> str:
        """Steps done and steps of the whole run, as ``150/300``."""
        return f"{self.step}/{self.total}" if self.total is not None else str(self.step or "")

    @property
    def date(self) -> str:
        """When the run last wrote, in local time."""
        return "" if self.changed is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(self.changed))


def list_runs(root: str | Path) -> list[ListedRun]:
    """Find the runs in a folder and in its sub-folders, experiments among them; damaged ones too.

    Args:
        root: The folder, which may be a run itself.

    Returns:
        The runs by path.

    Raises:
        UsageError: There is no such folder.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}; name the one that your runs are in")
    return [describe_run(found) for found in _run_folders(folder, MOST_DEEP)]


def describe_run(folder: Path) -> ListedRun:
    """Describe the run in a folder."""
    run = read_run(folder)
    status = run_status(run)
    problem = "; ".join(run.problems) or _what_is_missing(run)
    return ListedRun(
        folder,
        kind=run.kind,
        of=_subject(run),
        task=str(run.setting("task") or ""),
        seed=seed if isinstance(seed := run.setting("seed"), int) else None,
        state="damaged" if problem else _state(run),
        step=status.step,
        total=run.total,
        psnr=_psnr(run),
        changed=_changed(run),
        problem=problem,
    )


def _run_folders(folder: Path, deep: int) -> Iterator[Path]:
    if is_run_folder(folder):
        yield folder
    elif deep:
        try:
            inner = sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
        except OSError:  # it may not be read
            return
        for path in inner:
            if not path.name.startswith("."):
                yield from _run_folders(path, deep - 1)


def is_run_folder(folder: Path) -> bool:
    """Whether a folder is a run, or what is left of one, rather than a folder of runs."""
    if is_experiment_folder(folder):
        return False
    return (folder / CONFIG).is_file() or any((folder / name).exists() for name in REMAINS)


def _what_is_missing(run: RunFolder) -> str:
    if not (run.folder / CONFIG).is_file():
        return f"it has no {CONFIG}"
    return "" if run.kind in ("search", "retrain") else f"its {CONFIG} does not say what kind of run it is"


def _subject(run: RunFolder) -> str:
    names = ("space", "strategy") if run.kind == "search" else ("model",)
    return " ".join(str(name) for key in names if (name := run.setting(key)))


def _state(run: RunFolder) -> str:
    if run.finished:
        return "finished"
    return "running" if living_owner(run.folder) is not None else "interrupted"


def _psnr(run: RunFolder) -> float | None:
    validation = run.last("validation").get("psnr")
    if validation is not None and is_finite_number(validation):
        return float(validation)
    trials = (e.get("psnr") for e in run.events if e.get("kind") == "trial")
    return max((float(value) for value in trials if value is not None and is_finite_number(value)), default=None)


def _changed(run: RunFolder) -> float | None:
    moments = [float(t["time"]) for t in run.timing[-1:] if is_finite_number(t.get("time")) and t["time"] > _EARLIEST]
    files = [p for name in ("summary.json", "events.jsonl", CONFIG) if (p := run.folder / name).is_file()]
    return max(moments) if moments else max((p.stat().st_mtime for p in files), default=None)
