"""The run folder: configuration, states, events and results of one search or one training."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nas.config.reading import parse_stored, to_yaml
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.documents import is_document, parse_json, read_json, read_text, read_yaml
from nas.errors import NasError, UsageError
from nas.files import remove_partial_files, write_text
from nas.train import distributed
from nas.train.lock import FILE as LOCK_FILE
from nas.train.lock import RunLock

S = TypeVar("S", bound=Settings)
#: kind of a run -> the class of its settings
SETTINGS_BY_KIND: dict[str, type[Settings]] = {"search": SearchSettings, "retrain": RetrainSettings}
#: file with what was changed when the run was resumed, a line for each time
HISTORY = "history.jsonl"
#: what a run consists of before its first state: nothing in it would be lost
BEGINNINGS = frozenset(
    {
        *("config.yaml", "space.json", "data.json", "genotype.json", "made_of.json", "launch.json", "init_from.json"),
        *(HISTORY, "events.jsonl", "timing.jsonl", "tensorboard", "state", LOCK_FILE, f".{LOCK_FILE}.lock"),
        "weights.best.safetensors",
    }
)


class Run:
    """A folder that belongs to one search or one training.

    It holds config.yaml (``kind`` and the whole effective configuration), state/, events.jsonl and tensorboard/, at
    the end genotype.json, weights.safetensors and summary.json, and launch.json if several ranks train together.
    Rank 0 alone writes: on the others the methods that write do nothing.

    Attributes:
        folder: Where it lies.
        kind: "search" or "retrain".
        settings: The whole effective configuration.
        lock: Keeps other processes from working on it, see ``held``.
        notes: Sentences for the user, shown when the work goes on.
    """

    def __init__(self, folder: Path, kind: str, settings: Settings) -> None:
        self.folder, self.kind, self.settings = folder, kind, settings
        self.lock = RunLock(folder)
        self.notes: list[str] = []
        self._begun = False  # whether the lock was taken by ``begin``

    @classmethod
    def create(
        cls,
        folder: str | Path,
        kind: str,
        settings: Settings,
        launch: str | None = None,
        files: Mapping[str, str] | None = None,
    ) -> Run:
        """Make a new run folder and lock it. A run that never came to its first state is made anew.

        Args:
            folder: Where; its parents are made too.
            kind: "search" or "retrain".
            settings: The whole effective configuration.
            launch: Content of launch.json; None for none.
            files: Names and contents of further files that the run needs. They are written before config.yaml, which
                makes the folder a run, so that a run never lacks one.

        Raises:
            UsageError: The folder already holds a run, which is never written over, or another process works on it.
            NasError: It cannot be written to.
        """
        run = cls(Path(folder), kind, settings)
        run._refuse_earlier_run()
        try:
            run.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            wrong = isinstance(error, (FileExistsError, NotADirectoryError))  # a file stands where a folder should
            failure = UsageError if wrong else NasError
            raise failure(f"{str(folder)!r} cannot be made ({error.strerror}); choose another --out") from None
        if not os.access(folder, os.W_OK):
            raise NasError(f"{str(folder)!r} cannot be written to; choose another --out")
        run.lock.acquire()
        try:
            run._refuse_earlier_run()  # one that was begun meanwhile
            run._write_beginning({**({"launch.json": launch} if launch is not None else {}), **(files or {})})
        except BaseException:
            run.lock.release()
            raise
        return run

    def _refuse_earlier_run(self) -> None:
        if not (self.folder / "config.yaml").exists():
            return
        ours = (self.folder / "made_of.json").is_file()  # and not a config.yaml of the user's
        states = any(self.states.glob("step-*"))
        if not ours or states or any(p.name not in BEGINNINGS for p in self.folder.iterdir()) or self._has_trials():
            raise UsageError(
                f"{str(self.folder)!r} already contains a run; continue it with --resume "
                f"{self.folder} or choose another "
                "--out"
            )

    def _has_trials(self) -> bool:
        events = self.folder / "events.jsonl"
        return events.is_file() and '"kind": "trial"' in events.read_text(encoding="utf-8", errors="replace")

    def _write_beginning(self, files: Mapping[str, str]) -> None:
        if (self.folder / "config.yaml").exists():  # of a run without a state, which is made anew
            for name in BEGINNINGS - {LOCK_FILE, f".{LOCK_FILE}.lock", "state", "tensorboard", "config.yaml"}:
                (self.folder / name).unlink(missing_ok=True)
            shutil.rmtree(self.folder / "tensorboard", ignore_errors=True)
        for name, content in files.items():
            self.write_text(name, content)
        self.write_text("config.yaml", f"kind: {self.kind}\n" + to_yaml(self.settings))

    @classmethod
    def begin(cls, folder: str | Path, kind: str, settings: Settings, files: Mapping[str, str] | None = None) -> Run:
        """``create``, except that a run goes on in its own folder when torchrun restarts it after a rank has died."""
        run = cls(Path(folder), kind, settings)
        distributed.lead(lambda: run._begin(files))
        run._begun = True
        return run

    def _begin(self, files: Mapping[str, str] | None) -> None:
        launch = {"launch": distributed.launch(), "ranks": distributed.ranks()}
        known, config = self.folder / "launch.json", self.folder / "config.yaml"
        if launch["launch"] and known.is_file() and config.is_file():
            before = read_json(known)
            same = config.read_text(encoding="utf-8") == f"kind: {self.kind}\n" + to_yaml(self.settings)
            if same and before.get("launch") == launch["launch"]:
                self.lock.acquire()
                return
        text = json.dumps(launch) + "\n" if launch["launch"] else None
        self.lock = self.create(self.folder, self.kind, self.settings, text, files).lock

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from working on the run for the time of the block; it may be nested.

        ``begin`` takes the lock already, so that no other process comes between.

        Raises:
            UsageError: Another process works on it; the message says which.
        """
        if self._begun:  # the lock is taken already, and given back by this block
            self._begun = False
        else:
            distributed.lead(self.lock.acquire)
        distributed.lead(self._sweep)
        try:
            yield
        finally:
            if distributed.leads():
                self.lock.release()

    def _sweep(self) -> None:
        """Delete what was left by a process that was killed while it wrote."""
        for folder in (self.folder, self.states):
            remove_partial_files(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Open an existing run.

        Raises:
            UsageError: The folder holds no run, or its configuration has unknown or wrong settings.
            NasError: Its configuration cannot be read.
        """
        folder = Path(folder)
        file = folder / "config.yaml"
        if not file.is_file():
            raise UsageError(f"{str(folder)!r} is not a run folder: it has no config.yaml")
        try:
            tree = read_yaml(file)
        except UsageError as error:  # the file is not the user's own
            raise NasError(str(error)) from None
        if not isinstance(tree, dict) or tree.get("kind") not in SETTINGS_BY_KIND:
            raise NasError(f"{str(file)!r} does not say what kind of run it is; was it written by 'nas'?")
        kind = tree.pop("kind")
        return cls(folder, kind, parse_stored(SETTINGS_BY_KIND[kind], tree))

    def expect(self, kind: type[S]) -> S:
        """The settings, typed.

        Args:
            kind: The class of settings of the wanted kind of run.

        Raises:
            UsageError: The run is of another kind.
        """
        if not isinstance(self.settings, kind):
            raise UsageError(f"{str(self.folder)!r} is a {self.kind} run, which this command cannot continue")
        return self.settings

    @property
    def states(self) -> Path:
        """Folder of the saved states."""
        return self.folder / "state"

    @property
    def weights_file(self) -> Path:
        """The weights that the run leaves behind."""
        return self.folder / "weights.safetensors"

    @property
    def best_file(self) -> Path:
        """The weights of the best validation of a training."""
        return self.folder / "weights.best.safetensors"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.folder / "summary.json").is_file()

    def complete(self, files: Mapping[str, str]) -> None:
        """Write those of the files that are not there, as a process that died early may have left a run."""
        for name, content in files.items():
            if not is_document(self.folder / name):
                self.write_text(name, content)

    def newest_step(self) -> int:
        """Step of the newest saved state; 0 where there is none."""
        steps = [int(p.stem.removeprefix("step-")) for p in self.states.glob("step-[0-9]*.sha256")]
        return max(steps, default=0)

    def change(self, settings: Settings, entry: Mapping[str, Any]) -> None:
        """Go on with other settings: ``history.jsonl`` gets a line, a finished run is unfinished again.

        Args:
            settings: The new configuration.
            entry: What is to be remembered.
        """
        self.settings = settings
        if not distributed.leads():
            return
        before = self.history()
        if not before or {**before[-1], "time": ""} != {**entry, "time": ""}:
            lines = "".join(json.dumps(e) + "\n" for e in [*before, dict(entry)])
            self.write_text(HISTORY, lines)
        (self.folder / "summary.json").unlink(missing_ok=True)
        self.write_text("config.yaml", f"kind: {self.kind}\n" + to_yaml(settings))

    def history(self) -> list[dict[str, Any]]:
        """What was changed when the run was resumed, in order; [] for a run that went on as it began."""
        path = self.folder / HISTORY
        if not is_document(path):
            return []
        found, damaged = [], 0
        for line in read_text(path).splitlines():
            try:
                entry = parse_json(line, "a line of the history")
            except UsageError:
                entry = None
            if isinstance(entry, dict):
                found.append(entry)
            else:
                damaged += 1
        note = f"{damaged} line(s) of {str(path)!r} cannot be read and are left out"
        if damaged and note not in self.notes:
            self.notes.append(note)
        return found

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run atomically; returns its path."""
        path = self.folder / name
        return write_text(path, text) if distributed.leads() else path

    def write_summary(self, summary: dict[str, Any]) -> Path:
        """Write the last file of a run, whose presence makes it a finished one; returns its path."""
        return self.write_text("summary.json", json.dumps(summary, indent=2) + "\n")

    def finish(self, summary: dict[str, Any], started: float) -> float:
        """``write_summary``, with the wall time of this session.

        Args:
            summary: What came out: scores, hashes.
            started: ``time.monotonic()`` at the start of the session.

        Returns:
            Seconds since then.
        """
        seconds = time.monotonic() - started
        self.write_summary({**summary, "seconds_of_last_part": round(seconds, 1)})
        return seconds

    def summary(self) -> dict[str, Any]:
        """What ``write_summary`` wrote: ``weights``, ``scores`` and more.

        Raises:
            NasError: The run is not finished, or its summary is damaged; the message says how to finish it.
        """
        if not self.finished:
            raise NasError(f"run {str(self.folder)!r} is not finished; continue it with --resume {self.folder}")
        path = self.folder / "summary.json"
        document = read_json(path)
        shape = {"weights": str, "scores": dict}
        if not isinstance(document, dict) or any(not isinstance(document.get(k), kind) for k, kind in shape.items()):
            raise NasError(
                f"{str(path)!r} is not the summary of a run; delete it, and --resume {self.folder} makes it again"
            )
        return document
