"""Looking a data set over before hours are spent on it: all that is wrong with it, a sentence each."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.layouts import LISTS, find_layout, find_pairs, list_images, match_folders, two_folders
from nas.data.pair_lists import read_pair_list
from nas.data.pairs import Pair, is_synthetic, load_clean, load_stored
from nas.errors import NasError, UsageError
from nas.images.files import ImageInfo, image_info, is_image_name, read_image
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
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: neither errors nor warnings; notes do not count."""
        return all(f.severity == "note" for f in self.findings)

    def add(self, severity: str, path: Path, sentence: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(severity, path, sentence))

    def to_text(self) -> str:
        """Some lines for a terminal: what is there, then the findings, errors first."""
        kinds = ", ".join(f"{n} {'RGB' if c == 3 else 'grey'}" for c, n in sorted(self.channels.items()))
        lines = [f"{self.path}: {self.images} images ({kinds or 'none'}), {self.megapixels:.1f} megapixels"]
        if self.smallest and self.largest:
            lines.append(f"sizes {'x'.join(map(str, self.smallest))} to {'x'.join(map(str, self.largest))}")
        if self.task:
            lines.append(f"task {self.task}: {self.pairs} usable pairs, layout {self.layout or 'unknown'}")
        count = len(self.findings)
        order = {"error": 0, "warning": 1, "note": 2}
        lines += [f"{f.severity}: {f.sentence}" for f in sorted(self.findings, key=lambda f: order[f.severity])]
        lines.append(f"{count} finding{'s' * (count > 1)}" if count else "nothing wrong found")
        return "\n".join(lines)


def check_folder(path: str | Path, task: str | Task | None = None, clean_half: str = "left") -> FolderReport:
    """Read every image of a data set and report what is there and what is wrong; nothing is written.

    Args:
        path: A folder, or a list of pairs.
        task: For which the pairs are checked too: missing partners, sizes that do not fit the scale, HR and LR
            swapped, grey images for a colour task. A list of pairs needs one.
        clean_half: "left" or "right", the half of side-by-side files that is taken as the clean one; the report says
            when the other one looks cleaner.

    Raises:
        UsageError: There is neither a folder nor a list of pairs, or a list without a task.
    """
    path = Path(path)
    listing = path.is_file() and path.suffix.lower() in LISTS
    if listing and task is None:
        raise UsageError(f"{str(path)!r} is a list of pairs; say for which task with --task")
    if not listing and not path.is_dir():
        raise UsageError(f"no folder at {str(path)!r}; give a folder of images or a .csv list of pairs")
    report = FolderReport(path)
    if listing:
        _check_list(path, get_task(task or ""), report)
        return report
    try:
        entries = sorted(path.rglob("*"))
    except OSError as error:
        report.add("error", path, f"folder {str(path)!r} may not be read ({error}); change its permissions")
        return report
    infos = _check_files(entries, path, report)
    if task is not None:
        _check_task(path, get_task(task), infos, report, clean_half)
    return report


def _check_list(path: Path, task: Task, report: FolderReport) -> None:
    """The lines of a list of pairs, then the files they name."""
    report.task, report.layout = task.name, "list"
    problems: list[str] = []
    try:
        pairs = read_pair_list(path, task, problems)
    except NasError as error:
        report.add("error", path, str(error))
        return
    for sentence in problems:
        report.add("error", path, sentence)
    files = sorted({f for p in pairs for f in (p.target, p.degraded) if f is not None})
    infos = _check_files(files, path, report)
    _check_pairs(pairs, task, infos, report)
    if is_synthetic(pairs, task):
        report.add("note", path, f"{str(path)!r} has lines without a degraded image; they would be synthetic inputs")


def _check_files(entries: list[Path], path: Path, report: FolderReport) -> dict[Path, ImageInfo]:
    """Every file on its own, then duplicates among the readable ones."""
    infos: dict[Path, ImageInfo] = {}
    pixels: dict[str, Path] = {}
    stems: dict[Path, Path] = {}
    for entry in entries:
        if entry.is_dir():
            if _is_empty(entry, report):
                report.add("warning", entry, f"folder {str(entry)!r} is empty; remove it or fill it")
            continue
        if not is_image_name(entry):
            if not _own(entry):
                report.add("warning", entry, f"{str(entry)!r} is not an image and is ignored; move it elsewhere")
            continue
        report.images += 1
        try:
            info = image_info(entry)
            image = read_image(entry)
        except NasError as error:
            report.add("error", entry, str(error))
            continue
        infos[entry] = info
        _count(report, info)
        name = repr(str(entry))
        if info.bits == 16:
            report.add("warning", entry, f"{name} has 16 bits; it is rounded to 8 bits when it is used")
        if info.palette:
            report.add("warning", entry, f"{name} has a colour palette; it is expanded to RGB when it is used")
        stem = entry.with_suffix("")
        if stem in stems:
            report.add("error", entry, f"{name} and {stems[stem].name!r} share a name; remove or rename one")
        stems.setdefault(stem, entry)
        digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        if digest in pixels:
            twin = str(pixels[digest])
            report.add("warning", entry, f"{name} shows the same pixels as {twin!r}; remove one of the two")
        pixels.setdefault(digest, entry)
    if not report.images and path.is_dir():
        report.add("error", path, f"no images below {str(path)!r}; add PNG, BMP, TIFF or JPEG files")
    return infos


def _own(file: Path) -> bool:
    """Hidden files, and what ``nas data prepare`` leaves beside its images: the record and the cache."""
    return file.name.startswith(".") or file.name == "prepared.jsonl" or file.parent.name == "cache"


def _is_empty(folder: Path, report: FolderReport) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        report.add("error", folder, f"folder {str(folder)!r} may not be read; change its permissions")
        return False


def _count(report: FolderReport, info: ImageInfo) -> None:
    size = (info.width, info.height)
    report.channels[info.channels] += 1
    report.bits[info.bits] += 1
    report.megapixels += info.width * info.height / 1e6
    if report.smallest is None or size[0] * size[1] < report.smallest[0] * report.smallest[1]:
        report.smallest = size
    if report.largest is None or size[0] * size[1] > report.largest[0] * report.largest[1]:
        report.largest = size


def _check_task(path: Path, task: Task, infos: dict[Path, ImageInfo], report: FolderReport, clean_half: str) -> None:
    report.task = task.name
    try:
        report.layout, root = find_layout(path, task)
        folders = two_folders(root) if report.layout == "folders" else None
        if folders is not None:
            pairs = match_folders(*folders, strict=False)
            _lonely(folders[0], folders[1], pairs, report)
        else:
            pairs = find_pairs(path, task, partners="any", clean_half=clean_half)
            _lonely_stored(pairs, report, task)
    except PermissionError as error:
        report.add("error", path, f"{str(error.filename or path)!r} may not be read; change its permissions")
        return
    except NasError as error:
        if report.images:
            report.add("error", path, str(error))
        return
    _check_pairs(pairs, task, infos, report)
    if report.layout == "side_by_side":
        _check_halves(path, [p for p in pairs if p.target in infos], task, report, clean_half)
    if is_synthetic(pairs, task):
        report.add("note", path, f"{str(path)!r} has no pairs; {task.name} would train on synthetic inputs")


def _check_pairs(pairs: list[Pair], task: Task, infos: dict[Path, ImageInfo], report: FolderReport) -> None:
    for pair in pairs:
        if pair.target in infos and (pair.degraded is None or pair.degraded in infos):
            _check_pair(pair, task, infos, report)
    wrong = {f.path for f in report.findings if f.severity == "error"}
    report.pairs = sum(p.target not in wrong and p.degraded not in wrong for p in pairs)


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


def _lonely(degraded: Path, clean: Path, pairs: list[Pair], report: FolderReport) -> None:
    for folder, other, used in (
        (degraded, clean, {p.degraded for p in pairs}),
        (clean, degraded, {p.target for p in pairs}),
    ):
        for file in list_images(folder):
            if file not in used:
                report.add(
                    "error",
                    file,
                    f"{str(file)!r} has no partner in {str(other)!r}; add it or remove this one",
                )


def _lonely_stored(pairs: list[Pair], report: FolderReport, task: Task) -> None:
    """Clean images without a stored input where others have one, and the other way round."""
    folders = {p.degraded.parent for p in pairs if p.degraded is not None}
    if not folders:
        return
    for pair in pairs:
        if pair.degraded is None and not pair.halves:
            report.add(
                "error",
                pair.target,
                f"{str(pair.target)!r} has no x{task.scale} partner; add it or remove this one",
            )
    used = {p.degraded for p in pairs}
    for folder in sorted(folders):
        for file in list_images(folder):
            if file not in used:
                report.add("error", file, f"{str(file)!r} has no HR partner; add it or remove this one")


def _check_pair(pair: Pair, task: Task, infos: dict[Path, ImageInfo], report: FolderReport) -> None:
    target, name = infos[pair.target], repr(str(pair.target))
    if task.channels == 3 and target.channels == 1:
        report.add(
            "note",
            pair.target,
            f"{name} is grey; {task.name} refuses it in training and repeats it in tests",
        )
    if pair.halves and target.width % 2:
        report.add("error", pair.target, f"side-by-side image {name} has odd width {target.width}; cut it again")
    if min(target.height, target.width) < 2 * task.scale:
        report.add("error", pair.target, f"{name} measures only {target.width} x {target.height}; remove it")
    if pair.degraded is None:
        return
    size = infos[pair.degraded]
    if size.channels != target.channels:
        kinds = {1: "grey", 3: "in colour"}
        report.add(
            "warning",
            pair.degraded,
            f"{str(pair.degraded)!r} is {kinds[size.channels]}, its partner {name} {kinds[target.channels]}; "
            "make it again",
        )
    wanted = (target.height // task.scale, target.width // task.scale)
    if (size.height, size.width) == wanted:
        return
    if task.scale > 1 and size.height >= target.height * task.scale and size.width >= target.width * task.scale:
        sentence = f"{name} is smaller than its input {str(pair.degraded)!r}; HR and LR folders seem swapped"
    else:
        sentence = (
            f"{str(pair.degraded)!r} measures {size.width} x {size.height}, not {wanted[1]} x {wanted[0]} "
            f"as {name} asks at scale {task.scale}; make it again"
        )
    report.add("error", pair.degraded, sentence)
