"""Putting the two sides of a data set together: which folder is whose partner, and which of several inputs are used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from nas.data.found import Fault, Found
from nas.data.inputs import choose_clean, choose_inputs
from nas.data.pairs import Pair
from nas.data.partners import Matched, match
from nas.data.places import Placed, alike, units_below
from nas.data.roles import CLEAN, DEGRADED, RESULT, file_role
from nas.errors import UsageError
from nas.tasks.task import Task


@dataclass
class Group:
    """The images of one data set, or of one scene of it, by side.

    Attributes:
        anchor: What they have in common, see ``nas.data.places.Placed``.
        clean: Those of the clean side.
        degraded: Those of the degraded side, at all scales and of all kinds.
        said: Whether someone said which folder is which.
        inferred: Whether one side is known only from the other's name and from the names of its files.
    """

    anchor: str
    clean: list[Placed] = field(default_factory=list)
    degraded: list[Placed] = field(default_factory=list)
    said: bool = False
    inferred: bool = False


def grouped(rows: Iterable[Placed]) -> list[Group]:
    """Images that have a side, by what they have in common."""
    groups: dict[str, Group] = {}
    for row in rows:
        if row.side in (CLEAN, DEGRADED):
            group = groups.setdefault(row.anchor, Group(row.anchor))
            (group.clean if row.side == CLEAN else group.degraded).append(row)
    return list(groups.values())


def give_sides(groups: list[Group], unknown: list[Placed], root: Path) -> tuple[list[Group], list[Placed]]:
    """Complete the groups of which one side alone is known by name.

    Args:
        groups: As ``grouped`` makes them.
        unknown: The images without a side, and the results of programs.
        root: The folder of the set, for errors.

    Returns:
        The groups that have clean images, and the images that are in none. Where a name alone says little ("low",
        "rain") and no folder has files of the same names, it said nothing.

    Raises:
        UsageError: Several folders have files of the same names as one that is known.
    """
    rest = [r for r in unknown if r.side != RESULT]
    results = [r for r in unknown if r.side == RESULT]
    both = [g for g in groups if g.clean and g.degraded]
    clean = [g for g in groups if not g.degraded]
    topics = [
        g for g in both if not any(r.certain for r in (*g.clean, *g.degraded)) and not match(g.clean, g.degraded).pairs
    ]
    whole = [g for g in both if g not in topics]
    sideless = [_sideless(r) for g in topics for r in (*g.clean, *g.degraded)]  # "clear" and "low" as in a photo album
    for group in (g for g in groups if not g.clean):
        partners = [g for g in clean if alike(g.clean, group.degraded)]
        if len(partners) == 1:
            partners[0].degraded += group.degraded
            continue
        rest = _other_side(group, rest, root)
        if group.clean:
            whole.append(group)
        elif not all(r.certain for r in group.degraded):
            sideless += [_sideless(r) for r in group.degraded]
    for group in clean:
        if not group.degraded:
            rest = _other_side(group, rest, root)
        if group.degraded or all(r.certain for r in group.clean):
            whole.append(group)
        else:
            sideless += [_sideless(r) for r in group.clean]
    return whole, [*rest, *sideless, *results]


def _other_side(group: Group, rest: list[Placed], root: Path) -> list[Placed]:
    """Give a group the one folder beside it that has files of the same names; what is left of ``rest``."""
    known = group.clean or group.degraded
    side = DEGRADED if group.clean else CLEAN
    found: dict[str, list[Placed]] = {}
    for parent in sorted({_parent(r) for r in known}):
        units = units_below(rest, parent)
        for unit, rows in units.items():
            # one of several folders may have some names of an input by chance; the folder of the inputs itself not
            if alike(known, rows) and (side == DEGRADED or unit == "." or len(units) == 1):
                found["/".join(p for p in (parent, unit) if p)] = rows
    if not found:
        return rest
    if len(found) > 1:
        names = sorted({r.home for r in known} | {f.removesuffix("/.") for f in found})
        raise UsageError(
            f"in {str(root)!r}, {', '.join(map(repr, names))} contain files of the same names "
            "and cannot be told apart; "
            f"say which are pairs with --clean DIR --degraded DIR, or --clean DIR alone for a folder of clean images"
        )
    ((home, rows),) = found.items()
    home = home.removesuffix("/.").removesuffix(".")
    taken = [replace(r, side=side, home=home, certain=False, place=_place(r, home)) for r in rows]
    (group.degraded if side == DEGRADED else group.clean).extend(taken)
    group.inferred = True
    files = {r.file for r in taken}
    return [r for r in rest if r.file not in files]


def _parent(row: Placed) -> str:
    """The folder in which the other side of an image is looked for."""
    if not row.home:
        return ""
    parent = PurePosixPath(row.home).parent.as_posix()
    return "" if parent == "." else parent


def _place(row: Placed, home: str) -> str:
    path = PurePosixPath(row.rel).parent
    return path.relative_to(home).as_posix().removeprefix(".") if home else path.as_posix().removeprefix(".")


def _sideless(row: Placed) -> Placed:
    return replace(row, side="", home="", certain=False)


def assemble(groups: Sequence[Group], task: Task, found: Found, root: Path) -> None:
    """Turn groups into pairs, faults and notes of ``found``.

    Args:
        groups: Each with clean images.
        task: What the pairs are for.
        found: Where results go.
        root: The folder of the set.

    Raises:
        UsageError: Several folders of clean images or of inputs cannot be told apart, or are for another task.
    """
    labels = []
    kept = _of_scale(groups, task, found, root)
    chosen = []
    for group in kept:
        inputs = choose_inputs(group.clean, group.degraded, task, found, root, said=group.said, inferred=group.inferred)
        chosen.append((choose_clean(group.clean, inputs, task, found, root), inputs))
    _refuse_repeats([clean for clean, inputs in chosen if not inputs], root)
    for clean, inputs in chosen:
        if clean:
            labels.append(_label(clean, inputs))
            _pair_up(clean, inputs, task, found)
    found.layout = labels[0] if labels else found.layout
    found.pairs = _with_own_names(found.pairs, root)


def _of_scale(groups: Sequence[Group], task: Task, found: Found, root: Path) -> list[Group]:
    """Without the groups that are for other scales, where one is for the task's: image_SRF_3, Test/4."""

    def scales(group: Group) -> set[int | None]:
        return {r.scale for r in (*group.clean, *group.degraded)} - {None}

    if task.scale == 1 or not any(task.scale in scales(g) for g in groups):
        return list(groups)
    others = [g for g in groups if scales(g) and task.scale not in scales(g) and g.clean[0].by_name]
    if others:
        count = sum(len(g.clean) + len(g.degraded) for g in others)
        names = ", ".join(sorted({repr(g.clean[0].home or ".") for g in others})[:4])
        found.note(root, f"{count} images in {names} are for other scales than {task.scale} and are left out")
    return [g for g in groups if g not in others]


def _refuse_repeats(groups: Sequence[Sequence[Placed]], root: Path) -> None:
    """UsageError where folders of clean images whose files tell their side show the same scenes."""
    named = [rows for rows in groups if rows and rows[0].by_name]
    for i, one in enumerate(named):
        for other in named[i + 1 :]:
            if alike(one, other):
                names = f"{one[0].home or '.'!r} and {other[0].home or '.'!r}"
                raise UsageError(
                    f"in {str(root)!r}, {names} contain clean images of the same names; give one "
                    "of them with --clean DIR"
                )


def _label(clean: Sequence[Placed], inputs: Sequence[Placed]) -> str:
    """The name of the layout of a group."""
    if clean[0].by_name or (inputs and inputs[0].by_name and not clean[0].role.side):
        return "names"
    words = clean[0].role.words
    if words == ("hr",) and clean[0].role.rest:
        return "div2k"
    plain_lr = bool(inputs) and not _stored_inputs(inputs[0])
    return "folders" if inputs and (plain_lr or words != ("hr",)) else "benchmark"


def _stored_inputs(row: Placed) -> bool:
    """Whether an image lies where the ready-made inputs of a benchmark do: LR_bicubic, LRx2, X2."""
    return (row.role.low and (row.scale is not None or bool(row.role.sort)) and row.role.words != ("lr",)) or (
        not row.role.words and row.scale is not None
    )


def _pair_up(clean: Sequence[Placed], inputs: Sequence[Placed], task: Task, found: Found) -> None:
    """The pairs of one group; those without a partner are faults where others have one."""
    if not inputs:
        matched = match(clean, [])
        add_twins(matched.twins, found)
        found.pairs += [Pair(clean_name(r), r.file) for r in matched.lonely_clean]
        return
    matched = match(clean, inputs)
    add_twins(matched.twins, found)
    uses = Counter(c for c, _ in matched.pairs)
    for target, row in matched.pairs:
        by_clean = (row.by_name or target.by_name or _stored_inputs(row)) and uses[target] == 1
        found.pairs.append(Pair(clean_name(target) if by_clean else row.name, target.file, row.file))
    _lonely(matched, clean, inputs, task, found)


def _lonely(matched: Matched, clean: Sequence[Placed], inputs: Sequence[Placed], task: Task, found: Found) -> None:
    here, there = str(clean[0].file.parent), str(inputs[0].file.parent)
    what, of = (f"x{task.scale} partner", "HR partner") if task.scale > 1 else ("partner", "partner")
    for row in matched.lonely_degraded:
        sentence = f"{str(row.file)!r} has no {of} in {here!r}; add it or remove this one"
        found.faults.append(Fault(row.file, sentence, "partner"))
    for row in matched.lonely_clean:
        pair = Pair(clean_name(row), row.file)
        found.unpaired.append(pair)
        sentence = f"{str(row.file)!r} has no {what} in {there!r}; add it or remove this one"
        found.faults.append(Fault(row.file, sentence, "partner", pair))


def add_twins(twins: Iterable[Sequence[Placed]], found: Found) -> None:
    """Faults of images whose names differ in the ending alone."""
    for group in twins:
        for row, other in zip(group, [group[-1], *group[:-1]], strict=True):
            sentence = f"{str(row.file)!r} and {other.file.name!r} share a name; remove or rename one"
            found.faults.append(Fault(row.file, sentence, "twin"))


def clean_name(row: Placed) -> str:
    """Name of a pair after its clean image, without what tells the side where the file's own name does."""
    if not row.by_name:
        return row.name
    core = file_role(row.stem)[1].rpartition("/")[2]
    at = row.stem.casefold().find(core)
    return "/".join(p for p in (row.place, row.stem[at : at + len(core)] if at >= 0 else core) if p)


def _with_own_names(pairs: Sequence[Pair], root: Path) -> list[Pair]:
    """Pairs of different folders that would have one name, named by their paths."""
    by_name: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_name[pair.name].append(pair)
    if all(len(found) == 1 for found in by_name.values()):
        return list(pairs)
    return [p if len(by_name[p.name]) == 1 else replace(p, name=_path_name(p, root)) for p in pairs]


def _path_name(pair: Pair, root: Path) -> str:
    file = pair.degraded if pair.degraded and pair.name.endswith(pair.degraded.stem) else pair.target
    rel = file.relative_to(root) if file.is_relative_to(root) else Path(*file.parts[-3:])
    return rel.with_suffix("").as_posix()
