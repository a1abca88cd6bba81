"""Going on with a run: what is changed on purpose, what has changed unasked, and what is remembered of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from nas.config.changes import STEPS, TRIALS, Changes, changes_between, extends, refuse_fixed
from nas.config.reading import build
from nas.config.runs import SearchSettings, Settings
from nas.data import Pair
from nas.errors import NasError, UsageError
from nas.registry import STRATEGIES
from nas.tasks import Task
from nas.train.made_of import FILE, MadeOf, made_of
from nas.train.recorded import recorded_images
from nas.train.recorded_images import Found, ImageRecord, record_images
from nas.train.run import Run
from nas.train.schedules import learning_rate
from nas.train.training_data import find_split, open_training_data

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Resumption(Generic[S]):
    """A run that is to go on.

    Attributes:
        run: The run; its own settings are still those of before.
        before: Its settings so far.
        settings: The new settings, with paths as they are found here.
        stored: The new settings as config.yaml will hold them.
        changes: What the user changes.
        force: Whether to go on although something differs.
        notes: Sentences for the user.
    """

    run: Run
    before: S
    settings: S
    stored: S
    changes: Changes
    force: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the run is finished and nothing is asked of it."""
        return self.run.finished and not self.changes

    def stands(self, steps: int) -> str:
        """How far the run is, for a dry run; ``steps`` is where it would end."""
        done, folder = self.run.newest_step(), self.run.folder
        if self.done:
            return f"run {folder} is finished at step {done}; there is nothing to do"
        return f"run {folder} stands at step {done} and would go on to {steps}"


def open_resumption(
    folder: str | Path, kind: type[S], flags: Mapping[str, Any], assign: Iterable[str] = (), force: bool = False
) -> Resumption[S]:
    """Open a run and apply changes to its settings; nothing is written.

    Args:
        folder: The run folder.
        kind: The class of its settings.
        flags: Settings by name (``train__steps=500``), as ``build`` takes them.
        assign: Assignments ``a.b=value``.
        force: Go on although images, space, plug-ins or versions differ from the recorded ones.

    Raises:
        UsageError: It is no such run, a setting is wrong or cannot be changed, or there would be nothing to do.
    """
    run = Run.open(folder)
    typed = run.expect(kind)
    record = MadeOf.read(run.folder)
    plugins = flags.get("plugins") or _located(typed.plugins, record, "plugins")
    before = build(kind, {**typed.model_dump(mode="json"), "plugins": plugins})
    if before.train.teacher is not None:
        (teacher,) = _located([before.train.teacher], record, "train.teacher")
        before = before.model_copy(update={"train": before.train.model_copy(update={"teacher": teacher})})
    after = build(kind, before.model_dump(mode="json"), assign, **flags)
    changes = changes_between(before, after)
    if flags.get("plugins") and plugins != typed.plugins:
        changes["plugins"] = (typed.plugins, plugins)
    refuse_fixed(before, changes, str(folder))
    _refuse_idle(run, before, changes)
    for key in ("data.batch", "train.accumulate"):
        if key in changes and before.data.stages:
            raise UsageError(f"--resume {folder} cannot change {key!r}: its data.stages set the batch of every phase")
    stored = after if "plugins" in changes else after.model_copy(update={"plugins": typed.plugins})
    found = Resumption(run, before, after, stored, changes, force)
    found.notes.extend(_schedule_notes(before, after, run.newest_step()))
    return found


def accept(
    resumption: Resumption[S],
    task: Task,
    parts: Mapping[str, float],
    structure: Mapping[str, str | None],
    *,
    dry_run: bool = False,
) -> S:
    """Compare what the run is made of now with what it was made of, and write down what changes.

    Args:
        resumption: The run and the changes.
        task: What it trains for.
        parts: Parts of the data besides the validation images, with their shares.
        structure: Hashes of "space" and "genotype" as they are now; None where that is unknown.
        dry_run: Write nothing.

    Returns:
        The settings to go on with, with the paths of the images as they are found here. ``resumption.run.notes`` are
        sentences for the user.

    Raises:
        UsageError: Something differs and ``force`` is not set; the message names it.
    """
    run = resumption.run
    record = MadeOf.read(run.folder)
    settings, found = _find_images(resumption, task, parts, record)
    notes = [_going_on(run, settings), *resumption.notes]
    now = made_of(settings, None, structure)
    differences = [] if record is None else record.differences(now)
    differences += found.differences()
    notes += found.notes()
    empty = [part for part, pairs in found.parts.items() if not pairs and part in parts]
    if empty and resumption.force:
        raise UsageError(f"no image of {' and '.join(empty)} of run {str(run.folder)!r} is left; start a new run")
    if record is None:
        notes.append("the run was begun by an earlier version, which recorded no digests: its images are taken by name")
    if differences and not resumption.force:
        raise UsageError(
            f"run {str(run.folder)!r} is not what it was: {'; '.join(differences)}; restore it (or name the folder of "
            "its images by --data), or give --force to continue anyway"
        )
    notes += [f"going on although {clause} (--force)" for clause in differences]
    if dry_run:
        run.notes = [*notes[1:], *_change_sentences(resumption.changes)]
        return settings
    if resumption.changes or differences:
        run.change(resumption.stored, _entry(resumption, differences))
    _write_record(run, record, now, settings, found)
    run.notes = notes
    return settings


def _going_on(run: Run, settings: Settings) -> str:
    """The first line of a run that goes on."""
    by_trials = isinstance(settings, SearchSettings) and not STRATEGIES.get(settings.strategy).differentiable
    end = f"{settings.search.trials} trials" if by_trials else f"{settings.train.steps:,} steps"  # type: ignore[attr-defined]
    stands = f"goes on after step {run.newest_step():,} of {end}"
    return f"{run.kind} {run.folder} for {settings.task} {stands}; on {settings.device}"


def _write_record(run: Run, record: MadeOf | None, now: MadeOf, settings: Settings, found: Found) -> None:
    images: dict[str, list[ImageRecord]] = found.images
    if record is not None:
        now = replace(
            now,
            structure={**record.structure, **now.structure},
            files={**record.files, **now.files},
            paths={**record.paths, **now.paths},
        )
    text = now.with_images(images).to_text()
    if record is None or text != record.to_text():
        run.write_text(FILE, text)
    names = {part: sorted(pair.name for pair in pairs) for part, pairs in found.parts.items()}
    if found.missing or not (run.folder / "data.json").is_file():
        run.write_text("data.json", json.dumps(names, indent=2) + "\n")


def _find_images(
    resumption: Resumption[S], task: Task, shares: Mapping[str, float], record: MadeOf | None
) -> tuple[S, Found]:
    """The images at the typed place, or where they were when the run began."""
    run, settings = resumption.run, resumption.settings
    recorded = recorded_images(run.folder)
    if recorded is None:
        resumption.notes.append("the run has no record of its images, so they are split as if it began now")
        fresh = open_training_data(settings, task, shares).parts
        return settings, Found(fresh, record_images(fresh), [], [], [], [])
    candidates = [settings]
    kept = record.paths.get("data.path", []) if record is not None else []
    if settings.data.path and kept and "data.path" not in resumption.changes:
        elsewhere = settings.model_copy(update={"data": settings.data.model_copy(update={"path": kept})})
        candidates.append(elsewhere)
    first: tuple[S, Found] | None = None
    failure: NasError | None = None
    for candidate in candidates:
        try:
            found = find_split(candidate, task, shares, recorded)
        except NasError as error:
            failure = failure or error
            continue
        if not found.differences():
            if candidate is not settings:
                there = ", ".join(candidate.data.path)
                resumption.notes.append(f"the images of the run are taken from {there}, where it began")
            return candidate, found
        first = first or (candidate, found)
    if first is None:
        where = " nor at ".join([", ".join(c.data.path) for c in candidates if c.data.path])
        raise UsageError(
            f"the images of run {str(run.folder)!r} are not found at {where} ({failure}); name their folder by --data"
        )
    return first


def new_record(settings: Settings, parts: Mapping[str, Iterable[Pair]], structure: Mapping[str, str | None]) -> str:
    """Content of made_of.json of a run that begins."""
    return made_of(settings, parts, structure).to_text()


def _located(typed: list[str], record: MadeOf | None, key: str) -> list[str]:
    """Paths as they were typed, or, of those that are not there, the absolute ones of the record."""
    kept = {Path(p).name: p for p in (record.paths.get(key, []) if record is not None else [])}
    return [p if Path(p).exists() else kept.get(Path(p).name, p) for p in typed]


def _refuse_idle(run: Run, before: Settings, changes: Changes) -> None:
    """Refuse changes after which there is nothing to do, or less than was done."""
    done = run.newest_step()
    by_trials = isinstance(before, SearchSettings) and not STRATEGIES.get(before.strategy).differentiable
    key = TRIALS if by_trials else STEPS
    if key in changes and (changes[key][1] < done or (run.finished and changes[key][1] < changes[key][0])):
        stands = max(done, changes[key][0] if run.finished else 0)
        raise UsageError(f"run {str(run.folder)!r} has done {stands} already, more than {key} {changes[key][1]}")
    if run.finished and changes and not extends(changes):
        flag = "--trials" if by_trials else "--steps"
        raise UsageError(
            f"run {str(run.folder)!r} is finished, so {', '.join(map(repr, changes))} would change nothing; give more "
            f"{flag} to continue it"
        )


def _schedule_notes(before: Settings, after: Settings, step: int) -> list[str]:
    """What a change of length or rate does to the learning rate at the step from which the run goes on."""
    old, new = before.train, after.train
    if step == 0 or new.schedule.unit == "epoch" or (isinstance(after, SearchSettings) and after.search.trials > 1):
        return []
    rates = [learning_rate(t.schedule, t.optimizer.lr, min(step, t.steps), t.steps) for t in (old, new)]
    if (old.steps, old.optimizer, old.schedule) == (new.steps, new.optimizer, new.schedule) or rates[0] == rates[1]:
        return []
    return [
        f"from step {step} on the schedule {new.schedule.name!r} is that of a training of {new.steps} steps from the "
        f"start: the learning rate goes from {rates[0]:.3g} to {rates[1]:.3g}"
    ]


def _change_sentences(changes: Changes) -> list[str]:
    return [f"{key}: {before!r} -> {after!r}" for key, (before, after) in changes.items()]


def _entry(resumption: Resumption[S], differences: list[str]) -> dict[str, Any]:
    return {
        "step": resumption.run.newest_step(),
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "changes": {key: list(pair) for key, pair in resumption.changes.items()},
        "forced": differences,
    }
