"""Finding pairs in the folder layouts of restoration data sets.

Known are: DIV2K (``DIV2K_train_HR``, ``DIV2K_train_LR_bicubic/X2/0001x2.png``), benchmark (``HR``,
``LR_bicubic/X2/<name>x2.png``), two folders of equal size (rain/norain, hazy/clear, input/target, ...),
one folder of side-by-side files, a CSV list, and a plain folder of clean images (sub-folders included). For
made-up haze, a folder ``depth`` beside the clean images may hold their depth maps under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas.data.pair_lists import read_pair_list
from nas.data.pairs import Pair
from nas.data.prepared_record import fill_in
from nas.data.sample_set import sample_pairs
from nas.errors import NasError, UsageError
from nas.images.files import image_info, is_image_name, read_image
from nas.tasks.task import Task, get_task

#: (degraded, clean) folder names that belong together
FOLDER_PAIRS = (
    ("rain", "norain"),
    ("rainy", "clean"),
    ("rain", "clean"),
    ("hazy", "clear"),
    ("hazy", "gt"),
    ("haze", "clear"),
    ("hazy", "GT"),
    ("input", "target"),
    ("input", "groundtruth"),
    ("input", "gt"),
    ("input", "GT"),
    ("lq", "gt"),
    ("LQ", "GT"),
    ("LQ", "HQ"),
    ("degraded", "clean"),
    ("noisy", "clean"),
    ("noisy", "gt"),
    ("blur", "sharp"),
    ("low", "high"),
    ("LR", "HR"),
)
#: degraded folder names that only weather tasks can mean
_WEATHER = frozenset({"rain", "rainy", "hazy", "haze"})
#: stored inputs inside a plain folder are not clean images
_DEGRADED = re.compile(r"(^|/)(\w+_)?LR_\w+/")
LISTS = (".csv", ".txt")
LAYOUTS = ("div2k", "benchmark", "folders", "side_by_side", "list", "plain")


def list_images(folder: Path) -> list[Path]:
    """All image files below a folder, hidden ones left out, sorted by path.

    Raises:
        NasError: The folder may not be read.
    """
    try:
        found = (p for p in folder.rglob("*") if p.is_file() and is_image_name(p))
        return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    except PermissionError as error:
        raise NasError(f"folder {str(folder)!r} may not be read; change its permissions") from error


def find_layout(path: str | Path, task: str | Task, split: str = "train") -> tuple[str, Path]:
    """Guess the layout of a data set.

    Args:
        path: A folder, or a list of pairs.
        task: What the pairs are for.
        split: Which sub-folders are wanted where there are several, see ``find_pairs``.

    Returns:
        One of LAYOUTS, and the folder (or list) it begins at.

    Raises:
        UsageError: There is no such path, it is another file, or its pairs are for another task.
    """
    path, task = Path(path), get_task(task)
    if path.is_file():
        if path.suffix.lower() in LISTS:
            return "list", path
        raise UsageError(f"{str(path)!r} is a file; give a folder of images or a .csv list of pairs")
    if not path.is_dir():
        raise UsageError(f"no data at {str(path)!r}; check the path, or leave it out to use the sample set")
    if _div2k_clean(path, split) is not None:
        return "div2k", path
    inside = [path, path / split, *([path / "test"] if split == "train" else [path / "train"])]
    for folder in inside:
        if (folder / "HR").is_dir() and not (folder / "LR").is_dir():
            return "benchmark", folder
        two = two_folders(folder)
        if two is not None:
            if two[0].name in _WEATHER and not task.paired:
                raise UsageError(
                    f"{str(folder)!r} holds {two[0].name} pairs, which are not for {task.name}; "
                    f"give a folder of clean images"
                )
            return "folders", folder
    if task.paired and _looks_side_by_side(path):
        return "side_by_side", path
    return "plain", path


def find_pairs(
    path: str | Path,
    task: str | Task,
    split: str = "train",
    layout: str | None = None,
    clean_half: str = "left",
    partners: str = "all",
) -> list[Pair]:
    """All pairs of a data set for a task; stored degraded images are used where they are there.

    Args:
        path: A folder, or a list of pairs.
        task: What the pairs are for.
        split: Chooses between ``train`` and ``valid`` or ``test`` sub-folders where there are several.
        layout: One of LAYOUTS; None: it is guessed.
        clean_half: "left" (as JDNet has it) or "right", of side-by-side files.
        partners: "all": every image must have its stored partner where some have one; "any": those without one are
            degraded at run time.

    Returns:
        The pairs, sorted by name; never none.

    Raises:
        UsageError: Nothing is found, or an argument is none of the above.
        NasError: A partner is missing; the message names the first such file.
    """
    path, task = Path(path), get_task(task)
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"unknown layout {layout!r}; known: {', '.join(LAYOUTS)}")
    if clean_half not in ("left", "right"):
        raise UsageError(f"the clean half of side-by-side files is 'left' or 'right', not {clean_half!r}")
    found, root = find_layout(path, task, split)
    kind = layout or found
    root = root if kind == found else path
    if kind == "list":
        return fill_in(read_pair_list(root, task), task)
    if kind == "div2k":
        clean = _div2k_clean(root, split)
        if clean is None:
            raise UsageError(f"{str(path)!r} holds no DIV2K_{split}_HR folder; check the path")
        pairs = _stored(clean, clean.parent / clean.name.replace("_HR", "_" + task.stored), task, partners == "all")
    elif kind == "benchmark":
        pairs = _stored(root / "HR", root / task.stored, task, partners == "all")
    elif kind == "folders":
        two = two_folders(root)
        if two is None:
            raise UsageError(f"{str(path)!r} holds no two folders of pairs such as rain/norain or input/target")
        pairs = match_folders(*two)
    elif kind == "side_by_side":
        pairs = [Pair(_name(p, root), p, halves=clean_half) for p in list_images(root)]
    else:
        pairs = _plain(root)
    if task.family in ("dehaze", "all_in_one") and (root / "depth").is_dir():
        maps = {_name(p, root / "depth"): p for p in list_images(root / "depth")}
        pairs = [p if p.stored else replace(p, depth=maps.get(p.name)) for p in pairs]
    if not pairs:
        raise UsageError(f"no images below {str(path)!r}; give a folder with PNG, BMP, TIFF or JPEG files")
    return fill_in(pairs, task)


def _plain(root: Path) -> list[Pair]:
    """The clean images of a folder: no stored inputs, no depth maps."""
    files = [p for p in list_images(root) if not _DEGRADED.search(p.relative_to(root).as_posix())]
    pairs = [Pair(_name(p, root), p) for p in files]
    return [p for p in pairs if not _is_depth_of(p, pairs)]


def benchmark_set(name: str, task: str | Task, root: str | Path | None = None) -> list[Pair]:
    """The pairs of a benchmark set.

    Args:
        name: Of the set: a folder, or a list of pairs with or without its ending. "sample" is the test part of the
            photographs inside scikit-image.
        task: What the pairs are for.
        root: Folder of the set's folder (``<root>/<name>`` or ``<root>/benchmarks/<name>``), or the set itself; not
            needed for "sample".

    Raises:
        UsageError: The set is not there; the message says which are.
    """
    task = get_task(task)
    if name == "sample":
        return sample_pairs("test", task)
    if root is None:
        raise UsageError(
            f"where is set {name!r}? give the folder of benchmark sets with --data, or use the set 'sample'"
        )
    root = Path(root)
    for listing in (root, root / name):
        if listing.suffix.lower() in LISTS and listing.is_file() and name in (listing.name, listing.stem):
            return find_pairs(listing, task)
    tried = [root / name, root / "benchmarks" / name, root.parent / name]
    if root.name == name:
        tried.insert(0, root)
    for folder in tried:
        if folder.is_dir():
            pairs = find_pairs(folder, task, split="test")
            if task.family == "all_in_one" and find_layout(folder, task, "test")[0] == "benchmark":
                pairs = [replace(p, degradation="noise") for p in pairs]  # a set of clean images tests denoising
            return pairs
    known = ", ".join(known_sets(root)) or "none"
    raise UsageError(f"set {name!r} is not below {str(root)!r}; sets there: {known}")


def known_sets(root: str | Path | None = None) -> list[str]:
    """Names that ``benchmark_set`` would find below ``root``; "sample" is always one."""
    names = ["sample"]
    for folder in [] if root is None else [Path(root), Path(root) / "benchmarks"]:
        if folder.is_dir():
            names += sorted(
                p.name
                for p in folder.iterdir()
                if (p / "HR").is_dir() or two_folders(p) is not None or two_folders(p / "test") is not None
            )
    return list(dict.fromkeys(names))


def match_folders(degraded: Path, clean: Path, strict: bool = True) -> list[Pair]:
    """Pair two folders by name: equal stems, ``rain-1`` with ``norain-1``, ``<scene>_<level>`` with ``<scene>``.

    Args:
        degraded: Folder of the degraded images.
        clean: Folder of the clean ones.
        strict: Every degraded image must have a partner; otherwise those without one are left out.

    Raises:
        NasError: A partner is missing (``strict``).
    """
    targets = {_name(p, clean): p for p in list_images(clean)}
    pairs, lonely = [], []
    for file in list_images(degraded):
        name = _name(file, degraded)
        target = next((targets[c] for c in _candidates(name) if c in targets), None)
        if target is None:
            lonely.append(file)
        else:
            pairs.append(Pair(name, target, file))
    if lonely and strict:
        raise NasError(
            f"{len(lonely)} of {len(lonely) + len(pairs)} images lack a partner in {str(clean)!r}, "
            f"the first is {str(lonely[0])!r}; remove them or add their partners"
        )
    return pairs


def _candidates(name: str) -> list[str]:
    head = name.rsplit("/", 1)
    folder, stem = (head[0] + "/", head[1]) if len(head) == 2 else ("", name)
    names = [stem, re.sub(r"x\d$", "", stem), stem.replace("rain", "norain", 1), re.sub(r"^\w+-", "", stem)]
    while "_" in stem:  # RESIDE: 0025_0.8_0.1 or 1400_1 belong to the clear 0025, 1400
        stem = stem.rsplit("_", 1)[0]
        names.append(stem)
    return [folder + n for n in names]


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).with_suffix("").as_posix()


def _is_depth_of(pair: Pair, pairs: list[Pair]) -> bool:
    """Whether this is the depth map (``depth/a``) of another image (``a``) of the same plain folder."""
    folder, _, name = pair.name.partition("/")
    return folder == "depth" and any(p.name == name for p in pairs)


def _stored(clean: Path, degraded_root: Path, task: Task, strict: bool) -> list[Pair]:
    """HR folder and the folder of its stored LR images, if the task has one and it is there; all or none."""
    targets = list_images(clean)
    folder = degraded_root / f"X{task.scale}"
    if not task.stored or not folder.is_dir():
        return [Pair(_name(p, clean), p) for p in targets]
    stored = {_name(p, folder): p for p in list_images(folder)}
    pairs, lonely = [], []
    for target in targets:
        name = _name(target, clean)
        partner = stored.get(f"{name}x{task.scale}") or stored.get(name)
        pairs.append(Pair(name, target, partner))
        if partner is None:
            lonely.append(target)
    if lonely and strict:
        raise NasError(
            f"{len(lonely)} of {len(targets)} images have no partner in {str(folder)!r}, "
            f"the first is {lonely[0].name!r}; add them, or remove that folder so that all are made from HR"
        )
    return pairs


def _div2k_clean(path: Path, split: str) -> Path | None:
    """The ``<set>_<split>_HR`` folder at or in ``path``."""
    if re.fullmatch(r"\w+_(train|valid|test)_HR", path.name) and path.is_dir():
        return path
    wanted = {"train": ("train",), "valid": ("valid",), "test": ("valid", "test")}.get(split, (split,))
    for part in wanted:
        for folder in sorted(path.glob(f"*_{part}_HR")):
            if folder.is_dir():
                return folder
    return None


def two_folders(path: Path) -> tuple[Path, Path] | None:
    """The (degraded, clean) sub-folders of ``path``, by their names; None where there are no such two."""
    for degraded, clean in FOLDER_PAIRS:
        if (path / degraded).is_dir() and (path / clean).is_dir():
            return path / degraded, path / clean
    return None


def _looks_side_by_side(path: Path) -> bool:
    """Whether the first images' two halves show the same scene: coarse thumbnails that correlate strongly."""
    import numpy as np

    files: Sequence[Path] = list_images(path)[:3]
    for file in files:
        info = image_info(file)
        if info.width % 2 or info.width < 32 or info.height < 16:
            return False
        image = read_image(file).astype(np.float64)
        grey = image.mean(axis=2) if image.ndim == 3 else image
        half = info.width // 2
        cells = [part[: part.shape[0] // 8 * 8, : half // 8 * 8] for part in (grey[:, :half], grey[:, half:])]
        coarse = [c.reshape(c.shape[0] // 8, 8, -1, 8).mean(axis=(1, 3)).ravel() for c in cells]
        if min(c.std() for c in coarse) == 0 or np.corrcoef(coarse[0], coarse[1])[0, 1] < 0.6:
            return False
    return bool(files)
