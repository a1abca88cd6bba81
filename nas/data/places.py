"""Every image below a folder with what its path says of it: side, scale, split, and the key that its partner shares."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from nas.data.roles import CLEAN, DEGRADED, Role, file_role, folder_role

#: share of the smaller of two folders whose names must be found in the other for the two to belong together
ALIKE = 0.5


@dataclass(frozen=True)
class Placed:
    """One image file and what its path says.

    Attributes:
        file: The file.
        side: CLEAN, DEGRADED, DEPTH, RESULT or "".
        certain: Whether the side is meant even where no counterpart is seen.
        role: Of the folder (or file name) that tells the side.
        scale: Down-sampling factor; None where the path has none.
        split: "train", "valid", "test" or "".
        home: Path of the folder that tells the side, relative to the root; of a file that tells it itself, its folder.
        anchor: What stands above that folder, and what else its name says: files of one anchor belong together.
        inner: The folders below ``home``, without those of scales, without case.
        place: Folders for the name of the pair: all but those that tell side, scale or split.
        rel: Path relative to the root without its ending.
        by_name: Whether the side was told by the names of the files.
    """

    file: Path
    side: str
    certain: bool
    role: Role
    scale: int | None
    split: str
    home: str
    anchor: str
    inner: str
    place: str
    rel: str
    by_name: bool = False

    @cached_property
    def stem(self) -> str:
        """Name of the file without its ending."""
        return PurePosixPath(self.rel).name

    @property
    def key(self) -> str:
        """What a partner of the same name has too."""
        return _join(self.inner, self.stem.casefold())

    @property
    def core(self) -> str:
        """What a partner has too whose name tells its own side: ``baby_GT`` and ``baby_LR``."""
        return _join(self.inner, file_role(self.stem)[1])

    @property
    def name(self) -> str:
        """Name of a pair that is called like this image."""
        return _join(self.place, self.stem)

    @property
    def variant(self) -> tuple[str, str]:
        """Images of one side and scale that come from one folder, or bear names of one kind."""
        return (self.home.casefold(), " ".join(self.role.words) if self.by_name else "")


def place_files(files: Iterable[Path], root: Path) -> list[Placed]:
    """What the paths of images say, the names of the files themselves included where the folders say nothing."""
    folders: dict[Path, Placed] = {}
    rows = []
    for file in files:
        parent = file.parent
        if parent not in folders:
            folders[parent] = _of_folder(parent.relative_to(root).parts, file)
        found = folders[parent]
        rel = file.relative_to(root).with_suffix("").as_posix()
        scale = found.scale
        if scale is None and found.side != CLEAN:
            scale = file_role(file.stem)[0].scale if found.side == DEGRADED else None
        rows.append(replace(found, file=file, rel=rel, scale=scale))
    return [_scaled(r) if not r.side and r.scale is not None else r for r in _told_by_names(rows)]


def _scaled(row: Placed) -> Placed:
    """An image in a folder that tells a scale and no side (X2): an input, if there are clean images of its name."""
    parts = PurePosixPath(row.rel).parts[:-1]
    at = next((i for i, p in enumerate(parts) if _only_scale(folder_role(p)) and "srf" not in p.casefold()), None)
    if at is None:
        return row
    anchor = [p.casefold() for p in parts[:at] if not _says_nothing(folder_role(p))]
    inner = [p for p in parts[at + 1 :] if not _says_nothing(folder_role(p))]
    home = "/".join(parts[: at + 1])
    return replace(
        row,
        side=DEGRADED,
        certain=True,
        home=home,
        anchor="/".join([*anchor, "[]"]),
        inner="/".join(inner).casefold(),
        place="/".join([*parts[:at], *parts[at + 1 :]]),
    )


def below(files: Iterable[Path], root: Path, side: str) -> list[Placed]:
    """The images of a folder that someone said to be the clean or the degraded one; folders of scales still count."""
    rows = []
    for row in place_files(files, root):
        parts = PurePosixPath(row.rel).parts[:-1]
        roles = [folder_role(p) for p in parts]
        kept = [p for p, r in zip(parts, roles, strict=True) if not _only_scale(r)]
        inner = "/".join(kept)
        scale = row.scale
        if scale is None and side == DEGRADED:
            scale = file_role(row.stem)[0].scale
        rows.append(replace(row, side=side, certain=True, scale=scale, home="", inner=inner.casefold(), place=inner))
    return rows


def alike(one: Sequence[Placed], other: Sequence[Placed]) -> bool:
    """Whether two sets of images share so many names that they are pairs: by ``key`` or by ``core``."""
    if not one or not other:
        return False
    if _overlap({r.key for r in one}, {r.key for r in other}) >= ALIKE:
        return True
    return _overlap({r.core for r in one}, {r.core for r in other}) >= ALIKE


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / min(len(one), len(other)) if one and other else 0.0


def look_alike(rows: Iterable[Placed]) -> tuple[str, list[str]] | None:
    """The first folders side by side, or folder and files beside it, that share so many names as pairs would.

    Returns:
        The folder above them and their names, "." for the files in it; None where there are no such folders.
    """
    by_parent: dict[str, dict[str, list[Placed]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        parts = row.rel.split("/")
        for depth in range(len(parts)):
            unit = parts[depth] if depth + 1 < len(parts) else "."
            by_parent["/".join(parts[:depth])][unit].append(_in_unit(row, parts[depth + 1 : -1]))
    for parent in sorted(by_parent):
        units = by_parent[parent]
        owners: dict[str, set[str]] = defaultdict(set)
        for unit in sorted(units):
            near = {other for row in units[unit] for name in (row.key, row.core) for other in owners[name]}
            found = [other for other in sorted(near) if alike(units[other], units[unit])]
            if found:
                first = found[0]
                return parent, [u for u in sorted(units) if u == first or alike(units[u], units[first])]
            for row in units[unit]:
                owners[row.key].add(unit)
                owners[row.core].add(unit)
    return None


def _in_unit(row: Placed, folders: Sequence[str]) -> Placed:
    """An image with a key that is relative to one folder above it."""
    return replace(row, inner="/".join(p.casefold() for p in folders if not _says_nothing(folder_role(p))))


def units_below(rows: Iterable[Placed], parent: str) -> dict[str, list[Placed]]:
    """Images without a side by the folder directly below ``parent`` in which they lie; "." for the files in it.

    Their keys are relative to that folder, so that they compare with those of images that have a side.
    """
    units: dict[str, list[Placed]] = defaultdict(list)
    start = PurePosixPath(parent)
    for row in rows:
        path = PurePosixPath(row.rel)
        if not path.is_relative_to(start):
            continue
        parts = path.relative_to(start).parts
        unit = parts[0] if len(parts) > 1 else "."
        units[unit].append(_in_unit(row, parts[1:-1]))
    return dict(units)


def _of_folder(parts: tuple[str, ...], file: Path) -> Placed:
    """What the folders above an image say, as a pattern for all images of that folder."""
    roles = [folder_role(p) for p in parts]
    sided = [i for i, r in enumerate(roles) if r.side]
    at = sided[-1] if sided else None
    role = Role() if at is None else roles[at]
    scale = next((r.scale for r in reversed(roles) if r.scale is not None), None)
    split = next((r.split for r in roles if r.split), "")
    names = [
        part
        for i, (part, r) in enumerate(zip(parts, roles, strict=True))
        if i != at and not _only_scale(r) and not _only_split(r)
    ]
    cut = 0 if at is None else at
    above = [
        p.casefold() for p, r in list(zip(parts, roles, strict=True))[:cut] if not (_only_scale(r) or _only_split(r))
    ]
    inner = [
        p.casefold() for p, r in list(zip(parts, roles, strict=True))[cut + (at is not None) :] if not _says_nothing(r)
    ]
    home = "/".join(parts if at is None else parts[: at + 1])
    if at is not None and at + 1 < len(parts) and parts[at + 1].isdigit() and scale is None:
        number = int(parts[at + 1])  # LR/2/..., as only a folder directly below a side may be called
        scale = number if 2 <= number <= 8 else None
        inner = inner[1:] if scale else inner
        names = [n for n in names if n != parts[at + 1]] if scale else names
    anchor = "/".join([*above, f"[{role.rest}]"])
    return Placed(file, role.side, role.certain, role, scale, split, home, anchor, "/".join(inner), "/".join(names), "")


def _told_by_names(rows: list[Placed]) -> list[Placed]:
    """Sides of the images in folders that tell none, by names such as ``baby_HR`` and ``baby_LR`` in one folder."""
    folders: dict[Path, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if not row.side:
            folders[row.file.parent].append(index)
    for indices in folders.values():
        for index, side in _sides_in_one_folder([rows[i] for i in indices]).items():
            row = rows[indices[index]]
            role = file_role(row.stem)[0]
            parent = PurePosixPath(row.rel).parent.as_posix()
            own = replace(role, rest="")
            rows[indices[index]] = replace(
                row,
                side=side,
                certain=role.certain and side == DEGRADED,
                role=own,
                scale=role.scale if role.scale is not None and side == DEGRADED else row.scale,
                home="" if parent == "." else parent,
                anchor=f"{parent.casefold()}/[names]",
                inner="",
                by_name=True,
            )
    return rows


def _sides_in_one_folder(rows: Sequence[Placed]) -> dict[int, str]:
    """Position -> side of the images of one folder that are pairs by their names; {} where they are not."""
    by_core: dict[str, list[tuple[int, Role]]] = defaultdict(list)
    for index, row in enumerate(rows):
        role, core = file_role(row.stem)
        by_core[core].append((index, role))
    both = {c for c, found in by_core.items() if {CLEAN, DEGRADED} <= {r.side for _, r in found if r.words}}
    single = {
        c
        for c, found in by_core.items()
        if c not in both
        and len(found) > 1
        and len({r.side for _, r in found}) > 1
        and any(not r.side for _, r in found)
    }
    strong = any(
        r.words and r.words[0] in ("hr", "lr", "gt", "lq", "hq", "noisy", "clean") for c in both for _, r in by_core[c]
    )
    if not (both and (strong or len(both) >= ALIKE * len(by_core))):
        both = set()
    if len(single) < ALIKE * len(by_core):
        single = set()
    sides: dict[int, str] = {}
    for core in both:
        sides.update({i: r.side for i, r in by_core[core] if r.side and r.words})
    for core in single:
        known = {r.side for _, r in by_core[core] if r.side}
        if len(known) == 1:
            other = CLEAN if known == {DEGRADED} else DEGRADED
            sides.update({i: r.side or other for i, r in by_core[core]})
    if both or single:  # those whose partner is missing belong to the pairs too
        sides.update({i: r.side for found in by_core.values() for i, r in found if r.side and i not in sides})
    return sides or _one_side(by_core)


def _one_side(by_core: dict[str, list[tuple[int, Role]]]) -> dict[int, str]:
    """All images of a folder on one side, where (nearly) all their names say so: ``part1/0001_hr``, ``down/0001x2``."""
    found = [(i, r) for entries in by_core.values() for i, r in entries]
    for side in (CLEAN, DEGRADED):
        told = [i for i, r in found if r.side == side]
        if len(told) >= 0.9 * len(found) and len(told) > 0:
            return dict.fromkeys(told, side)
    return {}


def _only_scale(role: Role) -> bool:
    return role.scale is not None and not role.side and not role.rest


def _only_split(role: Role) -> bool:
    return bool(role.split) and not role.side and not role.rest


def _says_nothing(role: Role) -> bool:
    """Folders such as ``x2``, ``images`` and ``train``, which name no part of the set."""
    return not role.side and not role.rest


def _join(*parts: str) -> str:
    return "/".join(p for p in parts if p)
