"""Looking a data set over before hours are spent on it: all that is wrong with it, a sentence each."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.kernel_check import compare_inputs, compares
from nas.data.pairs import Pair, is_synthetic, load_clean, load_stored
from nas.data.source import LISTS, Source
from nas.data.verdict import Verdict, judge
from nas.data.walk import Tree, walk
from nas.errors import NasError, UsageError
from nas.images.files import ImageInfo, read_with_info
from nas.tasks.task import Task, get_task

Array = NDArray[Any]
_HALVES = 16  # side-by-side files that are looked at, evenly spread


@dataclass(frozen=True)
class Finding:
    """One thing to know of a data set.

    Attributes:
        severity: "error" (training would fail or go wrong), "warning" (it would run, but on something else than it
            seems) or "note" (allowed, and good to know).
        path: The file or folder.
        sentence: What there is to know.
    """

    severity: str
    path: Path
    sentence: str


@dataclass
class FolderReport:
    """What ``check_folder`` saw.

    Attributes:
        path: The folder or list.
        task: Name of the task; "" without one.
        layout: One of ``nas.data.layouts.LAYOUTS``; "" without a task.
        images: Number of image files.
        pairs: Number of the task's pairs about which there is no error.
        megapixels: Of all readable images together.
        smallest: (width, height) of the image of fewest pixels.
        largest: (width, height) of the image of most pixels.
        channels: Number of images by their channels.
        bits: Number of images by their bits.
        bicubic: What stored low-resolution images are, one of ``nas.data.kernel_check.VERDICTS``; "" without any.
        bicubic_words: The same in a sentence.
        findings: What there is to know, in the order in which it was found.
    """

    path: Path
    task: str = ""
    layout: str = ""
    images: int = 0
    pairs: int = 0
    megapixels: float = 0.0
    smallest: tuple[int, int] | None = None
    largest: tuple[int, int] | None = None
    channels: Counter[int] = field(default_factory=Counter)
    bits: Counter[int] = field(default_factory=Counter)
    bicubic: str = ""
    bicubic_words: str = ""
    findings: list[Finding] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: neither errors nor warnings; notes do not count."""
        return all(f.severity == "note" for f in self.findings)

    def add(self, severity: str, path: Path, sentence: str) -> None:
        """Add a finding, unless it is there already."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.findings.append(Finding(severity, path, sentence))

    def to_text(self) -> str:
        """Some lines for a terminal: what is there, then the findings, errors first."""
        kinds = ", ".join(f"{n} {'RGB' if c == 3 else 'grey'}" for c, n in sorted(self.channels.items()))
        lines = [f"{self.path}: {self.images} images ({kinds or 'none'}), {self.megapixels:.1f} megapixels"]
        if self.smallest and self.largest:
            lines.append(f"sizes {'x'.join(map(str, self.smallest))} to {'x'.join(map(str, self.largest))}")
        if self.task:
            lines.append(f"task {self.task}: {self.pairs} usable pairs, layout {self.layout or 'unknown'}")
        if self.bicubic_words and self.bicubic_words not in self._said:
            lines.append(self.bicubic_words)
        count = len(self.findings)
        order = {"error": 0, "warning": 1, "note": 2}
        lines += [f"{f.severity}: {f.sentence}" for f in sorted(self.findings, key=lambda f: order[f.severity])]
        lines.append(f"{count} finding{'s' * (count > 1)}" if count else "nothing wrong found")
        return "\n".join(lines)


def check_folder(
    path: str | Path | None = None,
    task: str | Task | None = None,
    clean_half: str = "left",
    patch: int | None = None,
    usual_patch: int | None = None,
    split: str = "train",
    clean: str | Path | None = None,
    degraded: str | Path | None = None,
) -> FolderReport:
    """Read every image of a data set and report what is there and what is wrong; nothing is written.

    The pairs that it calls usable are those that training (with ``split="test"``: evaluation) uses, by the same code.

    Args:
        path: A folder, or a list of pairs; None with ``clean``.
        task: For which the pairs are checked too: missing partners, sizes that do not fit the scale, HR and LR
            swapped, grey images for a colour task. A list of pairs needs one.
        clean_half: "left" or "right", the half of side-by-side files that is taken as the clean one; the report says
            when the other one looks cleaner.
        patch: Side of the target patch of the training, which no image may be smaller than; None to ask for nothing.
        usual_patch: A patch for which a note says how many images are smaller, without ``patch``.
        split: "train" for training; "test" for evaluation, which repeats grey images for a task in colour.
        clean: Folder of clean images, whatever it is called, in place of ``path``.
        degraded: Folder of their degraded images.

    Raises:
        UsageError: There is neither a folder nor a list of pairs, or a list without a task.
    """
    source = _source(path, clean, degraded, split, clean_half)
    listing = source.path is not None and source.path.is_file()
    if listing and task is None:
        raise UsageError(f"{str(path)!r} is a list of pairs; say for which task with --task")
    report = FolderReport(source.root)
    verdict = None if task is None else _verdict(source, get_task(task), patch, report)
    trees = [] if listing else [walk(p) for p in (source.path or source.clean, source.degraded) if p is not None]
    files = sorted({f for tree in trees for f in tree.images})
    if listing and verdict is not None:
        pairs = [*verdict.pairs, *verdict.rejected]
        files = sorted({f for p in pairs for f in (p.target, p.degraded) if f is not None})
    for tree in trees:
        _check_tree(tree, report)
    infos = _check_files(files, report, None if verdict is None else verdict.files)
    if not report.images and not report.findings:
        report.add(
            "error", source.root, f"no images below {str(source.root)!r}; add PNG, BMP, TIFF, JPEG or WebP files"
        )
    if verdict is not None and report.images:
        _check_pairs(verdict, get_task(task or ""), infos, report, usual_patch if patch is None else None)
        if report.layout == "side_by_side":
            pairs = [p for p in verdict.pairs if p.target in infos]
            _check_halves(source.root, pairs, get_task(task or ""), report, clean_half)
    return report


def _source(
    path: str | Path | None, clean: str | Path | None, degraded: str | Path | None, split: str, clean_half: str
) -> Source:
    if clean is None and degraded is None:
        if path is None:
            raise UsageError("nothing to check; give a folder of images, a .csv list of pairs, or --clean DIR")
        path = Path(path)
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() in LISTS):
            raise UsageError(f"no folder at {str(path)!r}; give a folder of images or a .csv list of pairs")
        return Source(path, split=split, clean_half=clean_half)
    if path is not None:
        raise UsageError(f"{str(path)!r} and --clean or --degraded are two data sets; check one at a time")
    return Source.of_sides(clean, degraded, split)


def _verdict(source: Source, task: Task, patch: int | None, report: FolderReport) -> Verdict | None:
    """What training or evaluation says of the data set; what it refuses as a whole is one finding."""
    report.task = task.name
    try:
        verdict = judge([source], task, patch, training=source.split == "train")
    except NasError as error:
        report.add("error", source.root, str(error))
        return None
    report.layout = verdict.layout
    return verdict


def _check_tree(tree: Tree, report: FolderReport) -> None:
    """What lies in a folder beside images."""
    for folder in tree.empty:
        report.add("warning", folder, f"folder {str(folder)!r} is empty; remove it or fill it")
    for file in tree.others:
        report.add("warning", file, f"{str(file)!r} is not an image and is ignored; move it elsewhere")
    for place in tree.locked:
        report.add("error", place, f"{str(place)!r} cannot be read; change its permissions")


def _check_files(files: list[Path], report: FolderReport, used: set[Path] | None) -> dict[Path, ImageInfo]:
    """Every file on its own, then duplicates among the readable ones; what is wrong with files not used warns only."""
    infos: dict[Path, ImageInfo] = {}
    pixels: dict[str, Path] = {}
    stems: dict[Path, Path] = {}
    for entry in files:
        report.images += 1
        try:
            info, image = read_with_info(entry)
        except NasError as error:
            report.add("error" if used is None or entry in used else "warning", entry, str(error))
            continue
        infos[entry] = info
        _count(report, info)
        name = repr(str(entry))
        if info.bits == 16:
            report.add("warning", entry, f"{name} has 16 bits; it is rounded to 8 bits when it is used")
        if info.palette:
            report.add("warning", entry, f"{name} has a colour palette; it is expanded to RGB when it is used")
        stem = entry.with_suffix("")
        if used is None and stem in stems:
            report.add("error", entry, f"{name} and {stems[stem].name!r} share a name; remove or rename one")
        stems.setdefault(stem, entry)
        digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        if digest in pixels:
            twin = str(pixels[digest])
            report.add("warning", entry, f"{name} shows the same pixels as {twin!r}; remove one of the two")
        pixels.setdefault(digest, entry)
    return infos


def _count(report: FolderReport, info: ImageInfo) -> None:
    size = (info.width, info.height)
    report.channels[info.channels] += 1
    report.bits[info.bits] += 1
    report.megapixels += info.width * info.height / 1e6
    if report.smallest is None or size[0] * size[1] < report.smallest[0] * report.smallest[1]:
        report.smallest = size
    if report.largest is None or size[0] * size[1] > report.largest[0] * report.largest[1]:
        report.largest = size


def _check_pairs(
    verdict: Verdict, task: Task, infos: dict[Path, ImageInfo], report: FolderReport, usual_patch: int | None
) -> None:
    """The faults and notes of the verdict, and what is allowed and yet worth knowing of the pairs."""
    for fault in verdict.faults:
        report.add("error", fault.file, fault.sentence)
    for note in verdict.notes:
        if not note.counted:
            report.add(note.severity, note.path, note.sentence)
    known = {f.path for f in report.findings}  # of these no note is needed
    for pair in [*verdict.pairs, *verdict.rejected]:
        _check_channels(pair, task, infos, report, known)
    wrong = {f.path for f in report.findings if f.severity == "error"}
    usable = [p for p in verdict.pairs if p.target not in wrong and p.degraded not in wrong]
    report.pairs = len(usable)
    small = [p for p in usable if usual_patch and min(infos[p.target].height, infos[p.target].width) < usual_patch]
    if small:
        report.add(
            "note",
            report.path,
            f"{len(small)} images are smaller than the usual patch of {usual_patch} pixels, with which training "
            f"refuses them, e.g. {str(small[0].target)!r}; say --patch to check for another",
        )
    if verdict.pairs and is_synthetic(verdict.pairs, task):
        name = repr(str(report.path))
        what = (
            f"{name} has lines without a degraded image; they" if verdict.layout == "list" else f"{name} has no pairs; "
        )
        words = f"{what} would be" if verdict.layout == "list" else f"{what}{task.name} would train on"
        report.add("note", report.path, f"{words} synthetic inputs")
    _check_bicubic(usable, task, report)


def _check_bicubic(pairs: list[Pair], task: Task, report: FolderReport) -> None:
    """Say whether stored low-resolution images are what MATLAB's bicubic makes of the clean ones."""
    result = compare_inputs(pairs, task) if compares(task) else None
    if result is None:
        return
    report.bicubic, report.bicubic_words = result.verdict, result.sentence
    if not result.harmless:
        report.add("warning" if result.claimed else "note", report.path, result.sentence)


def _check_channels(
    pair: Pair, task: Task, infos: dict[Path, ImageInfo], report: FolderReport, known: set[Path]
) -> None:
    target, size = infos.get(pair.target), infos.get(pair.degraded or pair.target)
    if target is None or size is None:
        return
    name = repr(str(pair.target))
    if task.channels == 3 and target.channels == 1 and pair.target not in known:
        report.add("note", pair.target, f"{name} is grey; {task.name} repeats it in tests and refuses it in training")
    if pair.degraded is not None and size.channels != target.channels:
        kinds = {1: "grey", 3: "in colour"}
        report.add(
            "warning",
            pair.degraded,
            f"{str(pair.degraded)!r} is {kinds[size.channels]}, its partner {name} {kinds[target.channels]}; "
            "make it again",
        )


def _check_halves(path: Path, pairs: list[Pair], task: Task, report: FolderReport, clean_half: str) -> None:
    """Rain adds edges and haze takes them away; where most files say that the halves are the other way, warn."""
    other = "right" if clean_half == "left" else "left"
    seen = pairs[:: max(1, len(pairs) // _HALVES)][:_HALVES]
    odd = 0
    for pair in seen:
        try:
            clean, _ = load_clean(pair, task)
            degraded = load_stored(pair, task, clean.shape)
        except NasError:
            continue
        more_edges = degraded is not None and _edges(degraded) > _edges(clean)
        odd += more_edges if task.family == "dehaze" else not more_edges
    if task.family in ("derain", "dehaze") and 2 * odd > len(seen):
        report.add(
            "warning",
            path,
            f"the {clean_half} halves of {str(path)!r} are taken as the clean ones, but in {odd} of {len(seen)} files "
            f"the {other} half looks cleaner; say --clean-half {other}, in training --set data.clean_half={other}",
        )
    else:
        report.add("note", path, f"the {clean_half} halves of {str(path)!r} are taken as the clean ones")


def _edges(image: Array) -> float:
    return float(np.abs(np.diff(image.astype(np.float32), axis=1)).mean())
