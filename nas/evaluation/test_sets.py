"""The cells of an evaluation: which images of a set belong to one row, and the mean row of the all-in-one task."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.data import Pair, benchmark_set
from nas.evaluation.rows import EvaluationRow
from nas.tasks.degradations import MIXED_KINDS, kind_of

if TYPE_CHECKING:
    from nas.tasks import Task

#: what the all-in-one task is tested on where an image may be degraded at will: three noises, rain, haze (DSRIR)
COLUMNS = ("sigma 15", "sigma 25", "sigma 50", "rain", "haze")
AVERAGE = "average"


@dataclass(frozen=True)
class Cell:
    """One row to be: the name in its column ``set``, its pairs, and the task with the protocol that judges them."""

    name: str
    pairs: tuple[Pair, ...]
    task: Task


def cells(name: str, task: Task, data: str | Path | None) -> list[Cell]:
    """The rows that benchmark set ``name`` makes: one, or for the all-in-one task one a degradation.

    There, a set of clean images ("CBSD68") is tested at three noise levels ("CBSD68 sigma 15"), stored pairs as
    they are, and images without any degradation of their own (the sample set) under all of COLUMNS.
    """
    pairs = benchmark_set(name, task, data)
    if task.protocol.plane:
        pairs = [replace(p, degraded=None) for p in pairs]
    if task.family != "all_in_one":
        return [Cell(name, tuple(pairs), task)]
    stored = [p for p in pairs if p.stored]
    clean = [p for p in pairs if not p.stored]
    noisy = [p for p in clean if p.degradation]
    free = [p for p in clean if not p.degradation]
    found = []
    if stored:
        judge = _on_luma(task) if degradation_of(stored[0]) == "rain" else task
        found.append(Cell(name if not clean else f"{name} pairs", tuple(stored), judge))
    for column in COLUMNS:
        chosen = free + (noisy if kind_of(column) == "noise" else [])
        if chosen:
            judge = _on_luma(task) if column == "rain" else task
            found.append(Cell(f"{name} {column}", tuple(replace(p, degradation=column) for p in chosen), judge))
    return found


def content(pairs: Iterable[Pair]) -> str:
    """Twelve hexadecimal digits for names and files of the pairs: sets of one name may hold different images.

    Equal on every machine; a file that cannot be read counts as empty, and its cell will say what is wrong with it.
    """
    whole = hashlib.sha256()
    for pair in pairs:
        whole.update(repr((pair.name, pair.halves, pair.degradation)).encode())
        for file in (pair.target, pair.degraded, pair.depth):
            whole.update(b"-" if file is None else _digest(file))
    return whole.hexdigest()[:12]


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return b""


def _on_luma(task: Task) -> Task:
    """DSRIR judges rain on Y and the rest on RGB; every other protocol treats all alike."""
    return replace(task, protocol=replace(task.protocol, luma="y")) if task.protocol.name == "dsrir" else task


def average_row(rows: Sequence[EvaluationRow]) -> EvaluationRow:
    """The plain mean of the cells of one model, as DSRIR averages: three noise levels count three times."""

    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return float(np.mean(known)) if len(known) == len(rows) else None

    names = "; ".join(r.set for r in rows)
    protocols = " / ".join(dict.fromkeys(r.protocol for r in rows))
    return replace(
        rows[0],
        set=AVERAGE if _is_whole(rows) else f"mean of {len(rows)}",
        data=hashlib.sha256("".join(r.data for r in rows).encode()).hexdigest()[:12],
        images=sum(r.images or 0 for r in rows),
        psnr=mean(r.psnr for r in rows),
        ssim=mean(r.ssim for r in rows),
        psnr_b=None,
        protocol=f"mean of {len(rows)} rows ({names}), {protocols}",
    )


def _is_whole(rows: Sequence[EvaluationRow]) -> bool:
    """Whether these are what DSRIR averages: one set under three noises, one of rain, one of haze."""
    noisy = [r for r in rows if " sigma " in r.set]
    rest = " ".join(r.set.casefold() for r in rows if r not in noisy)
    named = any(w in rest for w in ("rain", "derain")) and any(w in rest for w in ("haze", "hazy", "sots"))
    return len(rows) == 5 and len(noisy) == 3 and named


def degradation_of(pair: Pair) -> str:
    """ "noise", "rain" or "haze" of an all-in-one pair, from its label or the names of its folders; else "other"."""
    if pair.degradation:
        return kind_of(pair.degradation)
    if not pair.stored:
        return "other"
    path = (pair.degraded or pair.target).as_posix().casefold()
    words = re.findall(r"(?<![a-z])rain|hazy|haze|noisy|noise", path)  # "train" is no rain
    return {"rai": "rain", "haz": "haze", "noi": "noise"}[words[-1][:3]] if words else "other"


def by_degradation(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Pairs of the all-in-one task by kind; an image without a degradation of its own stands in every kind."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.stored or pair.degradation:
            groups.setdefault(degradation_of(pair), []).append(pair)
        else:
            for kind in MIXED_KINDS:
                groups.setdefault(kind, []).append(replace(pair, degradation=kind))
    return {k: groups[k] for k in (*MIXED_KINDS, "other") if k in groups}
