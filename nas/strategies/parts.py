"""The parts of a campaign: runs that are begun, continued or left alone, and the CPU time that each has taken."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, is_dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from nas.config import RetrainSettings, SearchSettings, TrainSettings, build
from nas.errors import Interrupted, NasError, UsageError
from nas.registry import load_plugin
from nas.strategies.search import search
from nas.train.retrain import retrain

CAMPAIGN_FILE = "campaign.yaml"
#: folder of one small file a part
WORK = "work"


@dataclass(frozen=True)
class Part:
    """One run of a campaign, in the folder of this name: a search, or a training of what ``settings.model`` names."""

    name: str
    settings: SearchSettings | RetrainSettings


class Work:
    """CPU seconds of every part, all threads and finished child processes, summed over its sessions.

    A session that was killed leaves no figure; the part is then marked, so that nobody takes the sum for whole.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] | None = None) -> None:
        self._folder = folder / WORK
        self._clock = clock or cpu_seconds

    @contextmanager
    def measured(self, part: str) -> Iterator[None]:
        """Adds what happens inside to the part's sum, also when it ends badly."""
        entry = self._read(part) or {"cpu_seconds": 0.0, "whole": True, "running": False}
        if entry["running"]:  # the last session of this part never came to an end
            entry["whole"] = False
        entry["running"] = True
        self._write(part, entry)
        start = self._clock()
        try:
            yield
        finally:
            entry["cpu_seconds"] = round(entry["cpu_seconds"] + self._clock() - start, 2)
            entry["running"] = False
            self._write(part, entry)

    def seconds(self, part: str) -> float | None:
        """What the part has taken; None where a session was lost or the part never ran."""
        entry = self._read(part)
        return float(entry["cpu_seconds"]) if entry is not None and entry["whole"] else None

    def _read(self, part: str) -> dict[str, Any] | None:
        path = self._folder / f"{part}.json"
        if not path.is_file():
            return None
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return entry

    def _write(self, part: str, entry: dict[str, Any]) -> None:
        self._folder.mkdir(exist_ok=True)
        write_json(self._folder / f"{part}.json", entry)


def cpu_seconds() -> float:
    """CPU time of this process and of its finished children, user and system, all threads."""
    children = os.times()  # which counts in ticks of 10 ms: too coarse for a step of this process
    return time.process_time() + children.children_user + children.children_system


def finish(folder: Path, part: Part, work: Work) -> Path:
    """Bring one part to its end: kept when finished, continued from its last state when begun, else begun."""
    run = folder / part.name
    if (run / "summary.json").is_file():
        return run
    action: Callable[..., Any] = search if isinstance(part.settings, SearchSettings) else retrain
    begun = (run / "config.yaml").is_file()
    if begun and not any((run / "state").glob("step-*.sha256")):
        (run / "config.yaml").unlink()  # killed before its first state: nothing to continue from
        begun = False
    with work.measured(part.name), _interrupted_as_whole(folder):
        if begun:
            action(resume=run)
        else:
            action(part.settings, out=run)
    return run


def finish_all(folder: Path, chains: Sequence[Sequence[Part]], plugins: Sequence[str], jobs: int = 1) -> None:
    """Bring all parts to their end, those of one chain one after the other, ``jobs`` chains at a time.

    More than one job means as many processes; give each its share of the cores (``threads``). The first failure
    ends the campaign, whose finished and begun parts stay for a resume.
    """
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one process is needed")
    waiting = [c for c in chains if not all((folder / part.name / "summary.json").is_file() for part in c)]
    if min(jobs, len(waiting)) <= 1:
        for chain in waiting:
            _finish_chain(folder, chain, plugins)
        return
    with ProcessPoolExecutor(min(jobs, len(waiting)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_finish_chain, folder, chain, plugins) for chain in waiting]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finish_chain(folder: Path, chain: Sequence[Part], plugins: Sequence[str]) -> None:
    for plugin in plugins:
        load_plugin(plugin)
    for part in chain:
        finish(folder, part, Work(folder))


@contextmanager
def _interrupted_as_whole(folder: Path) -> Iterator[None]:
    """Ctrl-C and a polite kill end a part in order, with a message that names the campaign, not the part."""

    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted("", number)

    before: Any = None
    with suppress(ValueError):  # not in the main thread: then signals are somebody else's
        before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as ended:
        number = getattr(ended, "exit_code", 128 + signal.SIGINT) - 128
        raise Interrupted(f"interrupted; continue with 'nas search --resume {folder}'", number) from ended
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def retraining(name: str, base: SearchSettings, model: Path, seed: int) -> Part:
    """The training of what run folder ``model`` found, by the campaign's recipe."""
    recipe = base.retrain.model_dump(include=set(TrainSettings.model_fields))
    settings = RetrainSettings(
        task=base.task,
        seed=seed,
        device=base.device,
        threads=base.threads,
        data=base.data,
        plugins=base.plugins,
        model=str(model),
        network=dict(base.retrain.network),
        train=TrainSettings.model_validate(recipe),
    )
    return Part(name, settings)


def random_genotype(name: str, base: SearchSettings, seed: int) -> Part:
    """A random genotype of the space (under its limits), drawn without training anything."""
    settings = build(
        SearchSettings, base.model_dump(mode="json"), strategy="random", seed=seed, search__trials=1,
        search__objectives=["psnr"], search__estimator="train",
    )  # fmt: skip
    # the time limit of a search has no meaning here, and the trial belongs to no shared study
    train = settings.train.model_copy(update={"time": None})
    study = settings.study.model_copy(update={"storage": None, "workers": 0})
    return Part(name, settings.model_copy(update={"train": train, "study": study}))


def begin(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``campaign.yaml``; a folder that holds a campaign or a run is never written over."""
    for name in (CAMPAIGN_FILE, "config.yaml"):
        if (folder / name).exists():
            raise UsageError(
                f"{str(folder)!r} already holds a run; continue it with --resume {folder} or choose another --out"
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / CAMPAIGN_FILE, yaml.safe_dump(_plain(document), sort_keys=False))


def read_document(folder: Path) -> dict[str, Any]:
    """What ``begin`` wrote; a folder without it is a UsageError."""
    path = folder / CAMPAIGN_FILE
    if not path.is_file():
        raise UsageError(f"{str(folder)!r} is not the folder of a campaign: it has no {CAMPAIGN_FILE}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise NasError(f"{str(path)!r} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or "kind" not in document:
        raise NasError(f"{str(path)!r} does not say what kind of campaign it is; is it one of ours?")
    return document


def write_text(path: Path, text: str) -> Path:
    """Written beside and moved into place."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def write_json(path: Path, content: Any) -> Path:
    """JSON of plain values and dataclasses, atomically."""
    return write_text(path, json.dumps(_plain(content), indent=2) + "\n")


def _plain(content: Any) -> Any:
    if is_dataclass(content) and not isinstance(content, type):
        return _plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(k): _plain(v) for k, v in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [_plain(v) for v in content]
    return str(content) if isinstance(content, Path) else content
