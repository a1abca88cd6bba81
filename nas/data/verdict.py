"""One verdict on a data set for ``nas data check``, training and evaluation: which pairs can be used, and why not all.

Headers are read, and of files that seem cut the pixels too: whatever stops a training at its first step or an
evaluation at one of its images is told here, all of it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.data.found import Fault, Note, refuse
from nas.data.layouts import look
from nas.data.pairs import Pair
from nas.data.source import Source
from nas.errors import NasError
from nas.images.files import ImageInfo, image_info, read_image
from nas.images.orientation import seems_cut
from nas.tasks.task import Task, get_task


@dataclass
class Verdict:
    """Which pairs of some data sets can be used.

    Attributes:
        pairs: Those that can.
        faults: Why the others cannot.
        notes: What was seen and not used.
        layout: Of the first data set.
        infos: Headers of all images that could be read.
        rejected: Pairs that cannot be used.
    """

    pairs: list[Pair] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    layout: str = ""
    infos: dict[Path, ImageInfo] = field(default_factory=dict)
    rejected: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair, faults: Sequence[Fault]) -> None:
        """Add a pair, to those that can be used where there is nothing wrong with it."""
        (self.rejected if faults else self.pairs).append(pair)
        self.faults += faults

    @property
    def files(self) -> set[Path]:
        """All files of pairs, and those that are wrong."""
        pairs = [*self.pairs, *self.rejected]
        files = {f for p in pairs for f in (p.target, p.degraded, p.depth) if f is not None}
        return files | {f.file for f in self.faults}

    @property
    def total(self) -> int:
        """Number of images of which there is a pair or a fault."""
        return len({str(p.target) for p in [*self.pairs, *self.rejected]} | {f.item for f in self.faults})

    def usable(self, skip_unfit: bool = False) -> list[Pair]:
        """The pairs that can be used.

        Args:
            skip_unfit: Leave out what cannot; else it is an error.

        Raises:
            UsageError: Something is too small, or grey for a task in colour.
            NasError: Something else cannot be used, or nothing is left; the message names all offenders.
        """
        usage = bool(self.faults) and all(f.kind in ("small", "grey") for f in self.faults)
        if not skip_unfit or not self.pairs:
            refuse(self.faults, self.total, usage)
        return self.pairs

    def measurable(self) -> list[Pair]:
        """The pairs that an evaluation opens: files that cannot be read fail there, beside sets that can be measured.

        Raises:
            UsageError: Images are smaller than one pixel of the input.
            NasError: Images have no partner, or one of another size; the message names all of them.
        """
        faults = [f for f in self.faults if f.kind != "file"]
        refuse(faults, self.total, bool(faults) and all(f.kind == "small" for f in faults), skip="")
        return sorted([*self.pairs, *self.rejected], key=lambda p: p.name)

    def left_out(self) -> str:
        """A sentence on what ``skip_unfit`` leaves out, with the number of each kind; "" for nothing."""
        if not self.faults:
            return ""
        words = {
            "partner": "without partner",
            "twin": "with the name of another",
            "file": "unreadable",
            "size": "of a size that does not fit",
            "small": "too small",
            "grey": "grey",
            "line": "lines of a list with faults",
        }
        items: dict[str, set[str]] = {}
        for fault in self.faults:
            items.setdefault(fault.kind, set()).add(fault.item)
        parts = ", ".join(f"{len(found)} {words.get(kind, kind)}" for kind, found in items.items())
        count = len({f.item for f in self.faults})
        return f"{count} image{'s are' if count > 1 else ' is'} left out as unfit ({parts})"


def judge(sources: Sequence[Source], task: str | Task, patch: int | None = None, training: bool = True) -> Verdict:
    """Look at data sets as training or evaluation will.

    Args:
        sources: Where the images are.
        task: What they are for.
        patch: Side of the target patch, which no image may be smaller than; None to ask for one pixel of the input.
        training: Whether grey images are refused for a task in colour; an evaluation repeats them.

    Returns:
        The verdict; nothing is raised for an image.

    Raises:
        UsageError: There is no such data, its folders cannot be told apart, or it is for another task.
        NasError: A folder may not be read.
    """
    task = get_task(task)
    verdict = Verdict()
    for source in sources:
        found = look(source, task)
        verdict.layout = verdict.layout or found.layout
        verdict.notes += found.notes
        verdict.faults += found.faults
        verdict.rejected += found.unpaired
        for pair in found.pairs:
            verdict.add(pair, _faults_of(pair, task, training, verdict.infos))
    verdict.faults = list({(f.file, f.sentence): f for f in verdict.faults}.values())
    require_patch(verdict, task, patch or task.scale)
    return verdict


def require_patch(verdict: Verdict, task: Task, patch: int) -> None:
    """Reject the pairs of a verdict that are smaller than a target patch of so many pixels."""
    pairs, verdict.pairs = verdict.pairs, []
    for pair in pairs:
        info = verdict.infos[pair.target]
        width = info.width // 2 if pair.halves else info.width
        fault = None
        if min(info.height // task.scale, width // task.scale) * task.scale < patch:
            sentence = (
                f"image {str(pair.target)!r} measures {width} x {info.height}, too small for patch {patch}; "
                "remove it or choose a smaller patch"
            )
            fault = Fault(pair.target, sentence, "small", pair)
        verdict.add(pair, [] if fault is None else [fault])


def _faults_of(pair: Pair, task: Task, training: bool, infos: dict[Path, ImageInfo]) -> list[Fault]:
    """What is wrong with the files of one pair, whatever the patch."""
    faults = []
    files = [file for file in (pair.target, pair.degraded, pair.depth) if file is not None]
    for file in files:
        try:
            infos[file] = infos.get(file) or _read(file)
        except NasError as error:
            faults.append(Fault(file, str(error), "file", pair))
    if faults:
        return faults
    info, name = infos[pair.target], repr(str(pair.target))
    if pair.halves and info.width % 2:
        sentence = f"side-by-side image {name} has odd width {info.width}; cut it again"
        faults.append(Fault(pair.target, sentence, "size", pair))
    if training and task.channels == 3 and info.channels == 1:
        sentence = f"image {name} is grey but task {task.name!r} trains on colour; remove it"
        faults.append(Fault(pair.target, sentence, "grey", pair))
    return [*faults, *_partner_faults(pair, infos, task)]


def _read(file: Path) -> ImageInfo:
    """The header of an image; a file that seems cut is decoded, since a header says nothing of what follows it."""
    info = image_info(file)
    if seems_cut(file):
        read_image(file)
    return info


def _partner_faults(pair: Pair, infos: dict[Path, ImageInfo], task: Task) -> list[Fault]:
    if pair.degraded is None:
        return []
    target, size = infos[pair.target], infos[pair.degraded]
    name, other = repr(str(pair.target)), repr(str(pair.degraded))
    wanted = (target.height // task.scale, target.width // task.scale)
    if (size.height, size.width) == wanted:
        return []
    if task.scale > 1 and size.height >= target.height * task.scale and size.width >= target.width * task.scale:
        sentence = f"{name} is smaller than its input {other}; HR and LR folders seem swapped"
    else:
        sentence = (
            f"{other} measures {size.width} x {size.height}, not {wanted[1]} x {wanted[0]} as {name} asks at scale "
            f"{task.scale}; check that the two belong together"
        )
    return [Fault(pair.degraded, sentence, "size", pair)]
