"""Which of several folders of clean images and of stored inputs are used for a task, and which are only named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath

from nas.data.found import Found
from nas.data.partners import match
from nas.data.places import Placed
from nas.data.vocabulary import KINDS, SORTS
from nas.errors import NasError, UsageError
from nas.images.files import image_info
from nas.tasks.task import Task

#: how the inputs of an ordinary super-resolution task may have been made, the best first; "" is untold
_RANKS = {"bicubic": 0, "": 1, "unknown": 2, "mild": 3, "wild": 4, "difficult": 5}
_LOOKED_AT = 3  # pairs whose headers tell whether two folders fit

Variants = dict[tuple[str, str], list[Placed]]


def choose_inputs(
    clean: Sequence[Placed],
    degraded: Sequence[Placed],
    task: Task,
    found: Found,
    root: Path,
    said: bool = False,
    inferred: bool = False,
) -> list[Placed]:
    """The stored inputs of one kind that serve a task.

    Args:
        clean: The clean images of the group.
        degraded: All its degraded images.
        task: What they are for.
        found: Where notes go on inputs that are not used.
        root: The folder of the set, for errors.
        said: Whether someone said that these are the inputs: then only the scale of a folder excludes them.
        inferred: Whether their side is known only from their names' likeness: then their sizes must fit.

    Returns:
        Images of one folder and kind; none where inputs are to be made from the clean images.

    Raises:
        UsageError: Several kinds serve equally, or the pairs are for another task.
    """
    if not degraded:
        return []
    if not said:
        degraded = _of_kind(degraded, task, root, found)
        _refuse_inferred(clean, degraded, task, root, inferred)
    ranked: dict[tuple[int, int], Variants] = defaultdict(lambda: defaultdict(list))
    others: Variants = defaultdict(list)
    for row in degraded:
        rank = (0, 0) if said and row.scale in (None, task.scale) else _rank(row, task)
        (others if rank is None else ranked[rank])[row.variant].append(row)
    unfit: Variants = {}
    while ranked:
        rank = min(ranked)
        variants = ranked.pop(rank)
        if not said:
            _drop_unfit(variants, clean, task, unfit, inferred)
        if variants:
            chosen = _one_of(variants, clean, task, root)
            left = [rows for v in (variants, *ranked.values(), unfit) for k, rows in v.items() if rows is not chosen]
            _note_others(left, chosen, task, found, root)
            return chosen
    _note_none([*others.values(), *unfit.values()], task, found, root, unfit=bool(unfit))
    return []


def choose_clean(
    clean: Sequence[Placed], inputs: Sequence[Placed], task: Task, found: Found, root: Path
) -> list[Placed]:
    """The clean images that belong to the inputs, or from which inputs are made, where there are several kinds.

    Raises:
        UsageError: Several kinds serve equally.
    """
    variants: Variants = defaultdict(list)
    for row in clean:
        if row.scale in (None, task.scale):
            variants[row.variant].append(row)
    if not variants:
        if task.scale == 1 and len({r.variant for r in clean}) == 1 and len({r.scale for r in clean}) == 1:
            return list(clean)
        found.note(root, f"{len(clean)} clean images in {_homes(clean)} are for another scale and are left out")
        return []
    if len(variants) == 1:
        return next(iter(variants.values()))
    if not _same_names(list(variants.values())):
        return [row for rows in variants.values() for row in rows]
    scores = {key: (fits(rows, inputs, task) if inputs else 0) for key, rows in variants.items()}
    best = [key for key in variants if scores[key] == max(scores.values())]
    if len(best) > 1:
        best = _cropped_or_whole(best, variants, task)
    if len(best) > 1:
        raise UsageError(_cannot_tell(root, [variants[k] for k in best], "--clean"))
    chosen = variants[best[0]]
    left = [rows for key, rows in variants.items() if key != best[0]]
    for rows in left:
        found.note(root, f"{len(rows)} clean images in {_homes(rows)} are not used, since {_homes(chosen)} are")
    return chosen


def fits(clean: Sequence[Placed], degraded: Sequence[Placed], task: Task) -> int:
    """How well the sizes of two folders fit a task: 2 exactly, 1 but for less than the scale, 0 not.

    The headers of the first few pairs tell; with none that can be read, or no common names, it is 0.
    """
    scores = []
    for target, row in match(clean, degraded).pairs[:_LOOKED_AT]:
        try:
            large, small = image_info(target.file), image_info(row.file)
        except NasError:
            continue
        sides = ((large.height, small.height), (large.width, small.width))
        exact = all(a == b * task.scale for a, b in sides)
        scores.append(2 if exact else int(all(a // task.scale == b for a, b in sides)))
    return min(scores, default=0)


def _rank(row: Placed, task: Task) -> tuple[int, int] | None:
    """How well the name of an input suits a task, the best first; None where it is for another one."""
    role = row.role
    specific = sum(w in KINDS for w in role.words)
    if task.scale == 1:
        if row.scale is not None and row.scale > 1 and (role.low or not role.words):
            return None  # x2 at the end of the name of a rainy image says nothing
        return (1 if role.low else 0, 0 if role.kind and task.family.endswith(role.kind) else 1)
    if row.scale not in (None, task.scale):
        return None
    wanted = SORTS.get(task.stored.removeprefix("LR_").casefold(), "bicubic")
    sort = role.sort
    if wanted == "bicubic":
        return None if sort not in _RANKS else (_RANKS[sort], specific)
    return {wanted: (0, specific), "": (1, specific)}.get(sort)


def _of_kind(degraded: Sequence[Placed], task: Task, root: Path, found: Found) -> Sequence[Placed]:
    """Without weather and blur, where the task is about neither; UsageError where nothing else is there."""
    if task.paired:
        return degraded
    foreign = [r for r in degraded if r.role.kind and not r.role.low]
    kept = [r for r in degraded if not r.role.kind or r.role.low]
    if foreign and not kept:
        folder = PurePath(foreign[0].home).name or foreign[0].role.kind
        raise UsageError(
            f"{str(root)!r} contains {folder} pairs, which are not for {task.name}; give a folder of clean images"
        )
    if foreign:
        found.note(root, f"{len(foreign)} images in {_homes(foreign)} are not for {task.name} and are not used")
    return kept


def _refuse_inferred(
    clean: Sequence[Placed], degraded: Sequence[Placed], task: Task, root: Path, inferred: bool
) -> None:
    """UsageError where a folder of any name may be the inputs of a task that makes its own, or may be anything."""
    if inferred and task.scale == 1 and not task.paired and degraded and not degraded[0].role.side:
        one, other = (rows[0].home or "." for rows in (clean, degraded))
        raise UsageError(
            f"in {str(root)!r}, {other!r} contains files of the names in {one!r} and may be "
            "their degraded images or not; "
            f"say --clean {root / one} --degraded {root / other}, or --clean {root / one} alone"
        )


def _drop_unfit(variants: Variants, clean: Sequence[Placed], task: Task, unfit: Variants, inferred: bool) -> None:
    """Take out folders whose images are of another size, where the name alone does not say that they are inputs."""
    for key in list(variants):
        row = variants[key][0]
        unsure = inferred or len(variants) > 1 or (task.scale == 1 and row.role.low)
        if unsure and fits(clean, variants[key], task) == 0 and match(clean, variants[key]).pairs:
            unfit[key] = variants.pop(key)


def _one_of(variants: Variants, clean: Sequence[Placed], task: Task, root: Path) -> list[Placed]:
    """The one kind of input, or that whose name is the beginning of all others (``blur`` beside ``blur_gamma``)."""
    if len(variants) == 1:
        return next(iter(variants.values()))
    if not _same_names(list(variants.values())):  # parts of one set, e.g. hazy/part1 and more_hazy
        return [row for rows in variants.values() for row in rows]
    scores = {key: fits(clean, rows, task) for key, rows in variants.items()}
    best = [key for key in variants if scores[key] == max(scores.values())]
    shortest = min(best, key=lambda k: (len(k[0]), len(k[1])))
    if len(best) == 1 or all(k[0].startswith(shortest[0]) and k != shortest for k in best if k is not shortest):
        return variants[shortest if len(best) > 1 else best[0]]
    raise UsageError(_cannot_tell(root, [variants[k] for k in best], "--degraded"))


def _same_names(variants: Sequence[Sequence[Placed]]) -> bool:
    """Whether any two kinds hold images of one name."""
    seen: set[str] = set()
    for rows in variants:
        cores = {r.core for r in rows}
        if cores & seen:
            return True
        seen |= cores
    return False


def _cropped_or_whole(best: list[tuple[str, str]], variants: Variants, task: Task) -> list[tuple[str, str]]:
    """Of ``original`` and ``GTmod12`` the cropped ones for a scale that they were cropped for, else the whole ones."""
    whole = [k for k in best if all(w in ("original", "originals", "orig") for w in variants[k][0].role.words)]
    cropped = [k for k in best if k not in whole and "mod" in PurePath(variants[k][0].home).name.casefold()]
    if len(whole) == 1 and len(cropped) == 1 and len(best) == 2:
        number = "".join(c for c in folder_digits(variants[cropped[0]][0].home))
        return cropped if task.scale > 1 and number.isdigit() and int(number) % task.scale == 0 else whole
    return best


def folder_digits(path: str) -> str:
    """The digits at the end of the name of a folder: "12" of ``GTmod12``."""
    name = PurePath(path).name
    return name[len(name.rstrip("0123456789")) :]


def _note_others(
    left: Sequence[Sequence[Placed]], chosen: Sequence[Placed], task: Task, found: Found, root: Path
) -> None:
    for rows in left:
        found.note(
            root,
            f"{len(rows)} images in {_homes(rows)} are stored inputs too and are not used for {task.name}, since "
            f"{_homes(chosen)} are",
        )
    sort = chosen[0].role.sort
    if task.scale > 1 and sort in _RANKS and _RANKS[sort] > 1:
        found.note(
            root, f"the stored inputs in {_homes(chosen)} are used for {task.name}; they are '{sort}', not bicubic"
        )


def _note_none(left: Sequence[Sequence[Placed]], task: Task, found: Found, root: Path, unfit: bool) -> None:
    """Name the stored inputs that are passed over because none of them serves the task."""
    if task.scale == 1 and not unfit:
        return
    for rows in left:
        scale = rows[0].scale
        why = f"they are for x{scale}" if scale not in (None, task.scale) else "they do not fit the task"
        found.note(
            root,
            f"{len(rows)} images in {_homes(rows)} look like stored inputs and are not used for {task.name}: {why}; "
            "inputs are made from the clean images",
            "warning" if unfit and scale in (None, task.scale) and task.scale > 1 else "note",
        )


def _cannot_tell(root: Path, variants: Sequence[Sequence[Placed]], flag: str) -> str:
    names = ", ".join(repr(rows[0].home or ".") for rows in variants)
    return (
        f"in {str(root)!r}, {names} contain files of the same names and serve equally; say which is meant with --clean "
        f"DIR --degraded DIR ({flag} is what cannot be told)"
    )


def _homes(rows: Sequence[Placed]) -> str:
    def name(row: Placed) -> str:
        inner = row.rel.rpartition("/")[0]
        return inner or "."

    return ", ".join(sorted({repr(name(r)) for r in rows})[:4])
