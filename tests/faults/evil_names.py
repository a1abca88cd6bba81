"""Names that lead elsewhere, in lists, tables, studies and documents: nothing is written outside, no input replaced."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.forks import nas
from tests.faults.tally import Tallies, Tally
from tests.faults.works import make_photos

#: names as an attacker writes them, or a careless person; {top} is an absolute folder
NAMES = (
    "../../../x", "..", ".", "../x", "{top}/precious", "/x", "a/../../../../x", "..\\..\\x", "~/x", "-rf", ".hidden",
    "a\nb",
    "a\x1b[31mb", "\u202etxt", "x" * 300, "é" * 140, "CON", "$\\frac{1}$", "=HYPERLINK(\"http://x\";\"y\")", "+1", "@x",
    "<script>alert(1)</script>", "[red]x", "nan", "%s%n", "a,b", "'", '"', " ", "{top}/precious.png",
)  # fmt: skip
SEARCH = (
    "search --space {space} --task sr_x2 --cells 1 --width 8 --batch 1 --patch 32 --threads 1 --strategy random "
    "--trials 2 --set search.trial_steps=1 --set data.validation=1 --data {photos}"
)  # fmt: skip


class Scene:
    """A tree of files that must not change, and a working folder in it."""

    def __init__(self, folder: Path) -> None:
        self.top, self.here = folder / "top", folder / "top/a/b/here"
        self.here.mkdir(parents=True)
        self.photos = make_photos(self.top)
        self.log = folder / "log"
        (self.top / "precious").write_text("precious")
        shutil.copy(self.photos / "0.png", self.top / "precious.png")
        self.before = self._digests()

    def run(self, line: list[str]) -> str:
        """Run a command in the working folder; what it did wrong, "" if nothing."""
        ended = nas(*line, log=self.log, before=lambda: os.chdir(self.here))
        try:
            if ended.code not in (0, 1, 2):
                return f"code {ended.code}: {ended.told[-300:]!r}"
            if "Traceback" in ended.told or "run again with --debug" in ended.told:
                return f"no sentence of ours: {ended.told[-400:]!r}"
            changed = {name for name, _ in self.before.items() ^ self._digests().items()}
            return f"changed {sorted(changed)[:3]}" if changed else ""
        finally:
            self.forget()

    def forget(self) -> None:
        """Empty the working folder."""
        shutil.rmtree(self.here, ignore_errors=True)
        self.here.mkdir(parents=True, exist_ok=True)

    def _digests(self) -> dict[str, str]:
        """Every file and folder outside of the working folder with its content."""
        found = {}
        for path in self.top.rglob("*"):
            if self.here not in (path, *path.parents):
                content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
                found[str(path.relative_to(self.top))] = content
        return found


def _pairs(scene: Scene, name: str) -> Path:
    """A list of pairs: images that are reached by absolute paths, through ``..``, and one of the evil name."""
    listing = scene.here / "pairs.csv"
    odd = scene.here / "sub" / name.replace("/", "_").replace("\0", "")[:80]
    odd.parent.mkdir(exist_ok=True)
    try:
        shutil.copy(scene.photos / "1.png", f"{odd}.png")
    except OSError:
        odd = scene.photos / "1"
    with listing.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow([str(scene.photos / "0.png"), str(scene.photos / "4.png")])
        rows.writerow([f"../../../sets/photos/{2}.png", f"../../../sets/photos/{3}.png"])
        rows.writerow([f"{odd}.png", str(scene.photos / "5.png")])
    return listing


def _rows(scene: Scene, name: str) -> Path:
    """Rows of an evaluation in which model, task, set and command have the evil name."""
    from nas.evaluation.rows import EvaluationRow, write_rows

    file = scene.here / "rows.csv"
    rows = [
        EvaluationRow(f"{name}{i}", "sr_x2", name, 5, 30.0 + i, 0.9, parameters=1 + i, multiply_adds=2) for i in (0, 1)
    ]
    rows.append(EvaluationRow("m", name, name, 5, float("nan"), 0.9, parameters=5, multiply_adds=9))
    write_rows(file, rows)
    return file


def _space(scene: Scene, name: str) -> Path:
    """The document of a space whose name is evil."""
    import nas as package

    document = {**package.load_space("jsm").document, "name": name}
    file = scene.here / "space.json"
    file.write_text(json.dumps(document))
    return file


def _genotype(scene: Scene, name: str) -> Path:
    """A genotype that says that it comes from a space, a run and a strategy of the evil name."""
    from dataclasses import replace

    from nas.space import load_genotype

    found = replace(load_genotype("jsnet_released"), space_name=name).with_provenance(
        run=name, strategy=name, task=name
    )
    file = scene.here / "genotype.json"
    file.write_text(json.dumps(found.to_json()))
    return file


def _saved(scene: Scene, name: str) -> list[str]:
    words = [
        "evaluate",
        "identity",
        "--task",
        "denoise_color_25",
        "--data",
        str(_pairs(scene, name)),
        "--sets",
        "pairs",
    ]
    return [*words, "--out", "rows.csv", "--save-images", "images"]


def _search(scene: Scene, name: str, *more: str, space: str = "jsm") -> list[str]:
    return [*(w.format(space=space, photos=scene.photos) for w in SEARCH.split()), *more]


#: what is given the names: words of a command, made in the scene
CASES: dict[str, Callable[[Scene, str], list[str]]] = {
    "--save-images, list of absolute and ../ paths": _saved,
    "prepare, list of absolute and ../ paths": lambda s, n: [
        "data", "prepare", str(_pairs(s, n)), "--task", "denoise_color_25", "--out", "out", "--sub-image", "16",
    ],
    "compare, names in rows": lambda s, n: ["compare", str(_rows(s, n)), "--out", "out"],
    "report, names in rows": lambda s, n: ["report", str(_rows(s, n)), "--out", "out/page.html"],
    "name of a study": lambda s, n: _search(s, n, "--storage", "journal", f"--study={n}"),
    "name of a space": lambda s, n: _search(s, n, "--dry-run", space=str(_space(s, n))),
    "names in a genotype": lambda s, n: ["show", str(_genotype(s, n)), "--out", "out"],
    "training of such a genotype": lambda s, n: [
        "retrain", str(_genotype(s, n)), "--task", "sr_x2", "--data", str(s.photos), "--cells", "1", "--width", "8",
        "--batch", "1", "--patch", "32", "--steps", "1", "--set", "data.validation=1",
    ],
}  # fmt: skip


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Give evil names to commands.

    Args:
        folder: For scratch; it must exist.
        tries: How many pairs of name and command, drawn at random; all of them where there are no more.
        seed: Of the draw.
    """
    scene = Scene(folder)
    names = [name.format(top=scene.top) if "{top}" in name else name for name in NAMES]
    every = [(what, name) for what in CASES for name in names]
    if tries < len(every):
        every = random.Random(seed).sample(every, tries)
    tallies = Tallies()
    for what, name in every:
        words = CASES[what](scene, name)
        problem = scene.run(words)
        tallies.setdefault(what, Tally()).note(f"{what}, {name[:60]!r}: {problem}" if problem else "")
    return tallies
