"""A disk that becomes full at any moment: the command names the file, leaves no part of one, and goes on afterwards.

Where file systems may be mounted, the disk is a small one in memory; elsewhere the size of files is limited instead.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.faults.forks import Ended, nas
from tests.faults.tally import Tallies, Tally
from tests.faults.works import WORKS, Work, filled, folder_result, make_photos

#: MiB of a disk that is large enough
ENOUGH = 256


class Disk:
    """A disk whose size can be set; its ``folder`` is where files go.

    Args:
        folder: Where it is mounted; made here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._most = folder, 0
        folder.mkdir()
        self.real = os.geteuid() == 0 and self._mount(f"size={ENOUGH}m", new=True)

    def resize(self, kibibytes: int | None) -> None:
        """Make it hold so much more than a page and no more; None for enough."""
        self._most = 0 if kibibytes is None else kibibytes * 1024
        if self.real and not self._mount(f"size={ENOUGH * 1024 if kibibytes is None else kibibytes}k", new=False):
            raise RuntimeError("the disk cannot be made smaller")

    def limit(self) -> Callable[[], None] | None:
        """What a process must do so that the disk is small for it."""
        if self.real or not self._most:
            return None
        most = self._most
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    def close(self) -> None:
        """Take it away."""
        if self.real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def _mount(self, options: str, new: bool) -> bool:
        how = ["-t", "tmpfs", "-o", options, "tmpfs"] if new else ["-o", f"remount,{options}"]
        done = subprocess.run(["mount", *how, str(self.folder)], capture_output=True, check=False)
        return done.returncode == 0


def short_works(folder: Path, photos: Path) -> tuple[Work, ...]:
    """Commands that write one thing from what is there: a table, a page, a genotype, restored images, a network."""
    runs = []
    for name in ("search by gradients", "training"):
        work = next(work for work in WORKS if work.name == name)
        runs.append(folder / name.split()[0])
        if nas(*filled(work.words, photos, runs[-1]), log=folder / "log").code != 0:
            raise RuntimeError((folder / "log").read_text()[-500:])
    rows = folder / "rows.csv"
    evaluate = (
        "evaluate",
        "first=bicubic",
        "second=bicubic",
        "--task",
        "sr_x2",
        "--data",
        str(photos.parent),
        "--sets",
        "photos",
    )
    nas(*evaluate, "--out", str(rows), log=folder / "log")
    lines = {
        "derive": ("derive", str(runs[0]), "--out", "{out}/genotype.json"),
        "compare": ("compare", str(rows), "--out", "{out}"),
        "report": ("report", *map(str, runs), str(rows), "--out", "{out}/report.html"),
        "evaluate with images": (*evaluate, "--save-images", "{out}/images", "--out", "{out}/rows.csv"),
    }
    return tuple(Work(name, words, words, _files) for name, words in lines.items())


def _files(out: Path) -> str:
    """The names of the files that are there, and the images in them."""
    return f"{sorted(str(p.relative_to(out)) for p in out.rglob('*') if p.is_file())} {folder_result(out / 'images')}"


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Let commands run on disks that are too small by a random amount.

    Args:
        folder: For scratch; it must exist.
        tries: In all.
        seed: Of the sizes.
    """
    rng, log, photos = random.Random(seed), folder / "log", make_photos(folder)
    works = tuple(work for work in WORKS if not work.fresh)
    if tries > len(works):
        works += short_works(folder, photos)
    wholes: dict[str, tuple[str, int]] = {}
    disk = Disk(folder / "disk")
    tallies = Tallies()
    try:
        for number in range(tries):
            work, out = works[number % len(works)], disk.folder / "out"
            disk.resize(None)
            if work.name not in wholes:
                wholes[work.name] = _whole(work, photos, out, log)
            wanted, size = wholes[work.name]
            disk.resize(rng.randint(8, max(9, int(0.95 * size / 1024))))
            ended = nas(*filled(work.words, photos, out), log=log, before=disk.limit())
            problem = _problem(ended, disk.folder)
            disk.resize(None)
            problem = problem or _continued(work, photos, out, log, wanted)
            tallies.setdefault(work.name, Tally()).note(f"full disk, {work.name}: {problem}" if problem else "")
            _clear(out)
    finally:
        disk.close()
    return tallies


def _whole(work: Work, photos: Path, out: Path, log: Path) -> tuple[str, int]:
    """What a command leaves on a disk that is large enough, and the bytes of it."""
    ended = nas(*filled(work.words, photos, out), log=log)
    if ended.code != 0:
        raise RuntimeError(f"{work.name} fails without any fault: {ended.told[-500:]}")
    found = work.result(out), sum(p.stat().st_blocks * 512 for p in out.parent.rglob("*"))
    _clear(out)
    return found


def _clear(out: Path) -> None:
    for left in out.parent.glob("*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _problem(ended: Ended, disk: Path) -> str:
    if left := [p for p in disk.rglob("*") if ".partial" in p.name]:
        return f"left {left[0].relative_to(disk)}"
    if ended.code == 0:
        return ""  # it left out what it can do without
    if ended.code != 1:
        return f"code {ended.code}: {ended.told[-300:]}"
    if "Traceback" in ended.told or "--debug" in ended.told:
        return f"no sentence of ours: {ended.told[-500:]}"
    return "" if str(disk) in ended.told else f"names no file: {ended.told[-300:]}"


def _continued(work: Work, photos: Path, out: Path, log: Path, wanted: str) -> str:
    started = work.resume[0] not in ("search", "retrain") or (out / "config.yaml").exists()
    ended = nas(*filled(work.resume if started else work.words, photos, out), log=log)
    if ended.code != 0:
        return f"did not go on, code {ended.code}: {ended.told[-500:]}"
    found = work.result(out)
    return "" if found == wanted else f"went on to another result: {found[:200]} instead of {wanted[:200]}"
