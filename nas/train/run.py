"""The run folder: configuration, states, events and results of one search or one training."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nas.config.reading import parse_stored, to_yaml
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.errors import NasError, UsageError
from nas.files import write_text
from nas.train import distributed

S = TypeVar("S", bound=Settings)
#: kind of a run -> the class of its settings
SETTINGS_BY_KIND: dict[str, type[Settings]] = {"search": SearchSettings, "retrain": RetrainSettings}


class Run:
    """A folder that belongs to one search or one training.

    It holds config.yaml (``kind`` and the whole effective configuration), state/, events.jsonl and tensorboard/, at
    the end genotype.json, weights.safetensors and summary.json, and launch.json if several ranks train together.
    Rank 0 alone writes: on the others the methods that write do nothing.

    Attributes:
        folder: Where it lies.
        kind: "search" or "retrain".
        settings: The whole effective configuration.
    """

    def __init__(self, folder: Path, kind: str, settings: Settings) -> None:
        self.folder, self.kind, self.settings = folder, kind, settings

    @classmethod
    def create(cls, folder: str | Path, kind: str, settings: Settings, launch: str | None = None) -> Run:
        """Make a new run folder.

        Args:
            folder: Where; its parents are made too.
            kind: "search" or "retrain".
            settings: The whole effective configuration.
            launch: Content of launch.json; None for none.

        Raises:
            UsageError: The folder already holds a run, which is never written over.
            NasError: It cannot be written to.
        """
        folder = Path(folder)
        if (folder / "config.yaml").exists():
            raise UsageError(
                f"{str(folder)!r} already holds a run; continue it with --resume {folder} or choose another --out"
            )
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise NasError(f"{str(folder)!r} cannot be written to; choose another --out")
        run = cls(folder, kind, settings)
        if launch is not None:  # before config.yaml makes it a run, so that a run cut short here is known as ours
            run.write_text("launch.json", launch)
        run.write_text("config.yaml", f"kind: {kind}\n" + to_yaml(settings))
        return run

    @classmethod
    def begin(cls, folder: str | Path, kind: str, settings: Settings) -> Run:
        """``create``, except that a run goes on in its own folder when torchrun restarts it after a rank has died."""
        run = cls(Path(folder), kind, settings)
        distributed.lead(run._begin)
        return run

    def _begin(self) -> None:
        launch = {"launch": distributed.launch(), "ranks": distributed.ranks()}
        known, config = self.folder / "launch.json", self.folder / "config.yaml"
        if launch["launch"] and known.is_file() and config.is_file():
            before = json.loads(known.read_text(encoding="utf-8"))
            same = config.read_text(encoding="utf-8") == f"kind: {self.kind}\n" + to_yaml(self.settings)
            if same and before.get("launch") == launch["launch"]:
                return
        self.create(self.folder, self.kind, self.settings, json.dumps(launch) + "\n" if launch["launch"] else None)

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
            tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise NasError(f"{str(file)!r} is not valid YAML: {' '.join(str(error).split())}") from None
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
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.folder / "summary.json").is_file()

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
        """What ``write_summary`` wrote.

        Raises:
            NasError: The run is not finished; the message says how to finish it.
        """
        if not self.finished:
            raise NasError(f"run {str(self.folder)!r} is not finished; continue it with --resume {self.folder}")
        document: dict[str, Any] = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return document
