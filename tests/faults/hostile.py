"""Small files that would hang a command or eat its memory: each is refused in a sentence, quickly and cheaply.

Every file goes through the command line in a process whose processor time and memory are measured.
"""

from __future__ import annotations

import random
import resource
import shutil
from pathlib import Path

from tests.faults.forks import Ended, nas
from tests.faults.hostile_files import FILES, Hostile
from tests.faults.tally import Tallies, Tally

#: seconds of processor time and MiB beyond the imports that a refusal may take
SECONDS, MEMORY = 2.0, 300.0
#: seconds after which a process that takes no time of its own is taken to wait for something that never comes
WAITS = 120.0
#: bytes that a process may take before its system refuses it more
MOST_MEMORY = 6 * 2**30


class Scene:
    """A folder with photos, pairs and an interrupted run, into which hostile files are put one after the other."""

    def __init__(self, folder: Path) -> None:
        import numpy as np

        from nas.images import write_image

        self.folder, self._count = folder, 0
        self._usual: dict[str, float] = {}
        for number in range(6):
            write_image(folder / f"photos/{number}.png", np.full((192, 192, 3), 40 * number, dtype=np.uint8))
        for name in ("a", "b"):
            write_image(folder / f"{name}.png", np.full((96, 96, 3), 90, dtype=np.uint8))
        words = "search --space jsm --task sr_x2 --cells 1 --width 8 --batch 1 --patch 32 --threads 1 --steps 2"
        words += f" --set data.validation=1 --data {folder}/photos --out {folder}/whole"
        found = nas(*words.split(" "), log=folder / "log")
        if found.code != 0:
            raise RuntimeError(found.told[-500:])
        (folder / "whole/summary.json").unlink()

    def problem(self, hostile: Hostile, line: str) -> str:
        """Put one file there, give it to one command; what was wrong with its end, "" if nothing."""
        self._count += 1
        run, out = self.folder / "run", self.folder / f"out{self._count}"
        shutil.copytree(self.folder / "whole", run)
        file = self.folder / hostile.file
        usual = self._usual_cost(line) if "{run}" in line else 0.0
        self._remove(file)
        hostile.make(file)
        given = {"file": file, "run": run, "out": out, "photos": self.folder / "photos", "folder": file.parent}
        ended = nas(
            *(w.format(**given) for w in line.split(" ")), log=self.folder / "log", hangs=WAITS, before=_bounded
        )
        ran = Path(f"{file}.ran").exists()
        self._remove(file)
        shutil.rmtree(run)
        shutil.rmtree(out, ignore_errors=True)
        what = _wrong(ended, hostile.lives, usual) or ("it ran" if ran else "")
        return f"{hostile.name}, {line.partition(' ')[0]}: {what}" if what else ""

    def _usual_cost(self, line: str) -> float:
        """Seconds that a command takes with a run in which nothing is wrong."""
        if line not in self._usual:
            words = [w.format(run=self.folder / "run", out=self.folder / "usual") for w in line.split(" ")]
            self._usual[line] = nas(*words, log=self.folder / "log").cpu
        return self._usual[line]

    def _remove(self, file: Path) -> None:
        if file.parent != self.folder and self.folder / "run" not in file.parents:
            shutil.rmtree(file.parent, ignore_errors=True)
        else:
            file.unlink(missing_ok=True)


def _bounded() -> None:
    """Keep what is tried here from taking the memory of the whole machine."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))


def _wrong(ended: Ended, lives: bool, usual: float) -> str:
    if ended.code is None:
        return "hung"
    cost = f"{ended.cpu:.1f} s and {ended.memory:.0f} MiB"
    if ended.code not in ((0, 1, 2) if lives else (1, 2)):
        return f"code {ended.code} after {cost}: {ended.told[-300:]!r}"
    if "Traceback" in ended.told or "run again with --debug" in ended.told:
        return f"no sentence of ours: {ended.told[-300:]!r}"
    if not ended.told.strip():
        return "nothing was said"
    return f"took {cost}" if ended.cpu > SECONDS + usual or ended.memory > MEMORY else ""


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Give hostile files to commands.

    Args:
        folder: For scratch; it must exist.
        tries: How many pairs of file and command, drawn at random; all of them where there are no more.
        seed: Of the draw.

    Returns:
        A tally for each kind of file.
    """
    cases = [(hostile, line) for hostile in FILES for line in hostile.lines]
    if tries < len(cases):
        cases = random.Random(seed).sample(cases, tries)
    scene, tallies = Scene(folder), Tallies()
    for hostile, line in cases:
        tallies.setdefault(hostile.name, Tally()).note(scene.problem(hostile, line))
    return tallies
