"""The sets on which models are evaluated, one row each; the all-in-one task makes several of one data set."""

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
from nas.registry import TASKS
from nas.tasks import get_task
from nas.tasks.degradations import MIXED_KINDS, kind_of

if TYPE_CHECKING:
    from nas.tasks import Task

#: what the all-in-one task is tested on where an image may be degraded in any way (DSRIR): three noises, rain, haze
TESTED_DEGRADATIONS = ("sigma 15", "sigma 25", "sigma 50", "rain", "haze")
#: the set of the row that holds the mean over these five
AVERAGE = "average"


@dataclass(frozen=True)
class BenchmarkSet:
    """The images whose mean makes one row.

    Attributes:
        name: What the column ``set`` of the row says, e.g. "Set5" or "CBSD68 sigma 15".
        pairs: Its images.
        task: The task, with the protocol by which these images are scored.
    """

    name: str
    pairs: tuple[Pair, ...]
    task: Task


def benchmark_sets(
    name: str,
    task: Task,
    data: str | Path | None,
    clean: str | Path | None = None,
    degraded: str | Path | None = None,
) -> list[BenchmarkSet]:
    """Open a data set as the sets that get a row: itself, or for the all-in-one task one set a degradation.

    In the all-in-one task a set of clean images ("CBSD68") is tested at three noise levels ("CBSD68 sigma 15"), stored
    pairs are tested as they are, and images without a degradation of their own (the sample set) under all of
    ``TESTED_DEGRADATIONS``.

    Args:
        name: Of the data set, as for ``nas.data.benchmark_set``.
        task: What is being restored.
        data: Folder of the data sets; not needed for "sample".
        clean: Folder of the clean images of this set, in place of ``data``.
        degraded: Folder of their degraded images.

    Returns:
        At least one set, each with at least one image.

    Raises:
        UsageError: There is no such data set.
        NasError: It is damaged.
    """
    pairs = benchmark_set(name, task, data, clean, degraded)
    if task.protocol.plane:
        pairs = [replace(p, degraded=None) for p in pairs]
    if task.family != "all_in_one":
        return [BenchmarkSet(name, tuple(pairs), task)]
    stored = [p for p in pairs if p.stored]
    unpaired = [p for p in pairs if not p.stored]
    noisy = [p for p in unpaired if p.degradation]
    free = [p for p in unpaired if not p.degradation]
    found = []
    if stored:
        scored_by = _on_luma(task) if degradation_of(stored[0]) == "rain" else task
        found.append(BenchmarkSet(name if not unpaired else f"{name} pairs", tuple(stored), scored_by))
    for degradation in TESTED_DEGRADATIONS:
        chosen = free + (noisy if kind_of(degradation) == "noise" else [])
        if chosen:
            scored_by = _on_luma(task) if degradation == "rain" else task
            tested = tuple(replace(p, degradation=degradation) for p in chosen)
            found.append(BenchmarkSet(f"{name} {degradation}", tested, scored_by))
    return found


def shrunk_sets(names: Iterable[str], task: Task, data: str | Path | None) -> list[str]:
    """Sets of the user's own that super-resolution is measured on without stored inputs.

    Their images are shrunk before a network enlarges them again, so nothing that is restored is larger than they are.

    Args:
        names: Of data sets.
        task: What is being restored.
        data: Folder of the data sets.

    Returns:
        Those of the names that no task has among its benchmark sets.
    """
    if task.scale == 1:
        return []
    known = {"sample", *(name for other in TASKS.names() for name in get_task(other).sets)}
    own = [name for name in names if name not in known]
    return [name for name in own if not any(pair.stored for pair in benchmark_set(name, task, data))]


def images_hash(pairs: Iterable[Pair]) -> str:
    """Tell apart sets that have the same name and hold different images.

    Args:
        pairs: The images of a set. A file that cannot be read counts as empty; scoring will say what is wrong with it.

    Returns:
        Twelve hexadecimal digits of a SHA-256 over names and contents, the same on every machine.
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
    """DSRIR scores rain on Y and all else on RGB; every other protocol treats all degradations alike."""
    return replace(task, protocol=replace(task.protocol, luma="y")) if task.protocol.name == "dsrir" else task


def average_row(rows: Sequence[EvaluationRow]) -> EvaluationRow:
    """Average the rows of one model as DSRIR does: a plain mean, in which three noise levels count three times.

    Args:
        rows: The rows of one model in the all-in-one task, one a degradation.

    Returns:
        A row of set "average" where the rows are of three noise levels, rain and haze, else of "mean of <n>". PSNR and
        SSIM are None unless every row has them.
    """

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
        exact=None if all(r.exact is None for r in rows) else sum(r.exact or 0 for r in rows),
        protocol=f"mean of {len(rows)} rows ({names}), {protocols}",
    )


def _is_whole(rows: Sequence[EvaluationRow]) -> bool:
    """Whether these are the five rows that DSRIR averages: three noise levels, rain, haze."""
    noisy = [r for r in rows if " sigma " in r.set]
    rest = " ".join(r.set.casefold() for r in rows if r not in noisy)
    named = any(w in rest for w in ("rain", "derain")) and any(w in rest for w in ("haze", "hazy", "sots"))
    return len(rows) == 5 and len(noisy) == 3 and named


def degradation_of(pair: Pair) -> str:
    """Find out how an image of the all-in-one task is degraded.

    Args:
        pair: Its own label decides, else the names of the folders of stored pairs.

    Returns:
        "noise", "rain", "haze" or "other".
    """
    if pair.degradation:
        return kind_of(pair.degradation)
    if not pair.stored:
        return "other"
    path = (pair.degraded or pair.target).as_posix().casefold()
    words = re.findall(r"(?<![a-z])rain|hazy|haze|noisy|noise", path)  # "train" does not mean rain
    return {"rai": "rain", "haz": "haze", "noi": "noise"}[words[-1][:3]] if words else "other"


def by_degradation(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Group the pairs of the all-in-one task.

    Args:
        pairs: Images of the all-in-one task; one without a degradation of its own belongs to every kind.

    Returns:
        Kind ("noise", "rain", "haze", "other") -> its pairs; kinds without pairs are left out.
    """
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.stored or pair.degradation:
            groups.setdefault(degradation_of(pair), []).append(pair)
        else:
            for kind in MIXED_KINDS:
                groups.setdefault(kind, []).append(replace(pair, degradation=kind))
    return {k: groups[k] for k in (*MIXED_KINDS, "other") if k in groups}
