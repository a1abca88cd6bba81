"""Commands that work for long, each with the command that goes on after a fault and with what it leaves at its end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SMALL = ("--task", "sr_x2", "--cells", "1", "--width", "8", "--batch", "1", "--patch", "32", "--threads", "1")


@dataclass(frozen=True)
class Work:
    """A command that is interrupted.

    Attributes:
        name: What it is called in the table.
        words: The command; {photos}, {out} are filled in.
        resume: The command that goes on, likewise.
        result: Digest of what an uninterrupted command leaves in its folder.
        fresh: Whether it is interrupted while Python starts.
    """

    name: str
    words: tuple[str, ...]
    resume: tuple[str, ...]
    result: Callable[[Path], str]
    fresh: bool = False


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def run_result(out: Path) -> str:
    """Log and scores of a run, its genotype and its weights."""
    summary = json.loads((out / "summary.json").read_text())
    words = json.dumps([summary["scores"], summary.get("weights"), summary.get("genotype")], sort_keys=True)
    return hashlib.sha256(words.encode() + (out / "events.jsonl").read_bytes()).hexdigest()


def study_result(out: Path) -> str:
    """How many trials a shared study has, none lost and none doubled: their order is that of their ends."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    trials = sorted(e["genotype"] for e in events if e["kind"] == "trial")
    return f"{len(trials)} trials, {len(set(trials))} genotypes"


def folder_result(out: Path) -> str:
    return _digest(*sorted(p for p in out.rglob("*.png") if not p.name.startswith(".")))


def rows_result(out: Path) -> str:
    rows = (out / "rows.csv").read_text().splitlines()
    return json.dumps(sorted(",".join(row.split(",")[:7]) for row in rows))


WORKS = (
    Work(
        "search by gradients",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--steps", "6", "--out", "{out}",
         "--set", "data.validation=1", "--set", "train.log_every=1", "--set", "train.checkpoint_every=2"),
        ("search", "--resume", "{out}"),
        run_result,
    ),
    Work(
        "search by trials",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "evolution", "--trials", "4",
         "--set", "search.trial_steps=2", "--set", "data.validation=1", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        run_result,
    ),
    Work(
        "search by random trials, unrecorded steps",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "random", "--trials", "3",
         "--set", "search.trial_steps=3", "--set", "data.validation=1", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        run_result,
    ),
    Work(
        "training",
        ("retrain", "jsnet_released", *SMALL, "--data", "{photos}", "--steps", "8", "--out", "{out}",
         "--set", "data.validation=1", "--set", "train.log_every=1", "--set", "train.validate_every=3",
         "--set", "train.checkpoint_every=2", "--set", "train.ema=0.9"),
        ("retrain", "--resume", "{out}"),
        run_result,
    ),
    Work(
        "shared study, a worker's loop",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "random", "--trials", "4",
         "--set", "search.trial_steps=2", "--set", "data.validation=1", "--storage", "{out}.journal",
         "--study", "s", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        study_result,
    ),
    Work(
        "prepare",
        ("data", "prepare", "{photos}", "--task", "sr_x2", "--out", "{out}", "--sub-image", "16"),
        ("data", "prepare", "{photos}", "--task", "sr_x2", "--out", "{out}", "--sub-image", "16"),
        folder_result,
    ),
    Work(
        "evaluate",
        ("evaluate", "first=bicubic", "second=bicubic", "--task", "sr_x2", "--data", "{photos}/..", "--sets", "photos",
         "--out", "{out}/rows.csv"),
        ("evaluate", "first=bicubic", "second=bicubic", "--task", "sr_x2", "--data", "{photos}/..", "--sets", "photos",
         "--out", "{out}/rows.csv"),
        rows_result,
    ),
    Work(
        "start-up",
        ("retrain", "jsnet_released", *SMALL, "--data", "{photos}", "--steps", "1", "--out", "{out}",
         "--set", "data.validation=0"),
        ("retrain", "--resume", "{out}"),
        run_result,
        fresh=True,
    ),
)  # fmt: skip


def make_photos(folder: Path, seed: int = 0) -> Path:
    """Six small images of noise; returns their folder."""
    import numpy as np

    from nas.images import write_image

    rng = np.random.default_rng(seed)
    for number in range(6):
        write_image(folder / f"sets/photos/{number}.png", rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    return folder / "sets/photos"


def filled(words: tuple[str, ...], photos: Path, out: Path) -> list[str]:
    """The words of a command with its folders in their places."""
    return [word.format(photos=photos, out=out) for word in words]
