"""The run folder: configuration, states, events, and what came out of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nas.config.reading import parse, to_yaml
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.errors import NasError, UsageError
from nas.files import write_text
from nas.train import distributed

S = TypeVar("S", bound=Settings)
KINDS: dict[str, type[Settings]] = {"search": SearchSettings, "retrain": RetrainSettings}


class Run:
    """A folder that belongs to one search or one training.

    config.yaml (``kind`` and the whole effective configuration), state/, events.jsonl, tensorboard/,
    and at the end genotype.json, weights.safetensors, summary.json; launch.json if several ranks train together.
    Rank 0 alone writes: on the others the methods that write do nothing.
    """

    def __init__(self, folder: Path, kind: str, settings: Settings) -> None:
        self.folder, self.kind, self.settings = folder, kind, settings

    @classmethod
    def create(cls, folder: str | Path, kind: str, settings: Settings, launch: str | None = None) -> Run:
        """Make a new run folder; one that already holds a run is never written over. ``launch``: for launch.json."""
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
        """``create``; but a run that torchrun's agent restarts, after a rank has died, goes on with its own folder."""
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
        """Open an existing run; a folder that holds none is a UsageError."""
        folder = Path(folder)
        file = folder / "config.yaml"
        if not file.is_file():
            raise UsageError(f"{str(folder)!r} is not a run folder: it has no config.yaml")
        try:
            tree = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise NasError(f"{str(file)!r} is not valid YAML: {' '.join(str(error).split())}") from None
        if not isinstance(tree, dict) or tree.get("kind") not in KINDS:
            raise NasError(f"{str(file)!r} does not say what kind of run it is; is it one of ours?")
        kind = tree.pop("kind")
        return cls(folder, kind, parse(KINDS[kind], tree))

    def expect(self, kind: type[S]) -> S:
        """The settings, when the run is of the given kind."""
        if not isinstance(self.settings, kind):
            raise UsageError(f"{str(self.folder)!r} is a {self.kind} run, which this verb cannot continue")
        return self.settings

    @property
    def states(self) -> Path:
        """Folder of the saved states."""
        return self.folder / "state"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.folder / "summary.json").is_file()

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run atomically."""
        path = self.folder / name
        if not distributed.leads():
            return path
        return write_text(path, text)

    def write_summary(self, summary: dict[str, Any]) -> Path:
        """The last thing a run writes; its presence means the run is finished."""
        return self.write_text("summary.json", json.dumps(summary, indent=2) + "\n")

    def summary(self) -> dict[str, Any]:
        """What ``write_summary`` wrote; an unfinished run is a NasError that says how to finish it."""
        if not self.finished:
            raise NasError(f"run {str(self.folder)!r} is not finished; continue it with --resume {self.folder}")
        document: dict[str, Any] = json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))
        return document
