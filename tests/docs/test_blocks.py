"""The commands of README and manual run, at tiny budgets, on small images.

Every block of commands has a comment on the line above it: ``<!-- run -->``, then its commands are carried out here,
page by page in a folder that holds what the pages speak of (``photos``, ``benchmarks``, ``runs/search``, ...); or
``<!-- not run: REASON -->``, then they are only parsed (``test_commands.py``); or ``<!-- output of: COMMAND -->``.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from nas import registry
from nas.cli import main
from nas.space import BLOCKS, SKELETONS
from tests.cli.running import succeed
from tests.docs.markdown import ROOT, Block, blocks, pages, text_of
from tests.docs.test_commands import NOT_COMMANDS, commands

PAGES = [p for p in pages() if p == "README.md" or p.startswith("docs/")]
BLOCKS_OF = {p: [b for b in blocks(text_of(p)) if b.language not in NOT_COMMANDS and any(commands(b))] for p in PAGES}
RUN = {p: [b for b in found if b.comment == "run"] for p, found in BLOCKS_OF.items()}
#: command -> options that make it small; an option that the page gives too is replaced
SMALL = {
    "search": {"--steps": 2, "--batch": 1, "--patch": 32, "--cells": 1, "--trials": 2, "--workers": 2, "--time": "1s"},
    "retrain": {"--steps": 2, "--batch": 1, "--patch": 32, "--cells": 1},
    "ablate": {"--steps": 2, "--batch": 1, "--patch": 32, "--cells": 1, "--seeds": 2, "--time": "1s", "--trials": 2},
    "noise": {"--steps": 2, "--batch": 1, "--patch": 32, "--cells": 1, "--seeds": 2, "--genotypes": 2},
}
#: options that every command of this name gets, whether or not the page has them
ALWAYS = {
    "search": ["--set", "data.validation=1", "--set", "search.trial_steps=1"],
    "retrain": ["--set", "data.validation=1"],
    "ablate": ["--set", "data.validation=1", "--set", "search.trial_steps=1", "--set", "retrain.steps=1"],
    "noise": ["--set", "data.validation=1"],
}
#: options that are left out, because they matter on larger machines or for longer trainings only
LEFT_OUT = {"--jobs"}


def small(words: list[str]) -> list[str]:
    """A command of the manual at a tiny budget; a resumed run gets two steps more than it had."""
    given, made = {**SMALL.get(words[0], {}), **({"--steps": 4} if "--resume" in words else {})}, []
    for i, word in enumerate(words):
        before = words[i - 1] if i else ""
        if word not in LEFT_OUT and before not in LEFT_OUT:
            made.append(str(given[before]) if before in given else word)
    if "--resume" in words or words[0] not in SMALL:
        return made
    needed = [o for o in ("--steps", "--batch", "--patch") if o not in words]
    needed += ["--cells"] if "jsm" in words and "--cells" not in words else []
    made += [w for o in needed for w in (o, str(given[o]))]
    scale = re.search(r"_x([3-8])", " ".join(words))
    if scale:  # a degraded patch of 16 pixels, as for the scale 2
        made[made.index("--patch") + 1] = str(16 * int(scale[1]))
    own = ["--set", "search.supernet_steps=2"] if "supernet" in words else []
    place = [] if {"--out", "--dry-run"} & set(words) else ["--out", "runs/unnamed"]
    return [*made, *place, *own, *ALWAYS[words[0]]]


def written(words: list[str]) -> Path | None:
    """The run folder that a command makes and that must not be there before."""
    if words[0] in (*SMALL, "demo") and "--out" in words:
        return Path(words[words.index("--out") + 1])
    return None


def images(folder: Path, count: int, size: int) -> None:
    """Small photographs, each another part of one picture."""
    folder.mkdir(parents=True)
    picture = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    for i in range(count):
        cv2.imwrite(str(folder / f"photo{i}.png"), picture[50 * i : 50 * i + size, 120 : 120 + size])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages speak of: images, finished runs, a file of rows, and the plug-ins and documents they show."""
    folder = tmp_path_factory.mktemp("prepared")
    for name, count in {"photos": 4, "T91": 4, "data/A": 3, "data/B": 3}.items():
        images(folder / name, count, 64)
    for name, count in {"Set5": 2, "Set14": 1, "B100": 1}.items():
        images(folder / "benchmarks" / name, count, 48)
    shutil.copy(folder / "photos" / "photo0.png", folder / "holiday.png")
    (folder / "results").mkdir()
    (folder / "results" / "benchmark").symlink_to(ROOT / "results" / "benchmark")
    for page in PAGES:
        for block in blocks(text_of(page)):
            first = block.lines[0]
            if block.language in ("python", "yaml") and first.startswith("# ") and first.endswith((".py", ".yaml")):
                (folder / first[2:]).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def sandbox(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the commands run; what plug-ins registered is forgotten afterwards."""
    every = [*vars(registry).values(), *BLOCKS.values(), SKELETONS]
    registries = [r for r in every if isinstance(r, registry.Registry)]
    before = {id(r): set(r.names()) for r in registries}
    yield tmp_path_factory.mktemp("sandbox") / "work"
    for one in registries:
        for name in set(one.names()) - before[id(one)]:
            one.remove(name)
    for name in [n for n in sys.modules if n.startswith("nas_plugin_")]:
        del sys.modules[name]


#: commands that make what many pages speak of, in this order
FIRST = (
    "search --space jsm --task sr_x2 --data photos --width 8 --cells 1 --out runs/search",
    "retrain runs/search --task sr_x2 --data photos --out runs/derived",
    "evaluate searched=runs/derived bicubic --sets Set5 Set14 --task sr_x2 --data benchmarks --out rows.csv",
)


@pytest.fixture(scope="module")
def finished(prepared: Path) -> Path:
    """The prepared folder with the runs of ``FIRST``."""
    with chdir(prepared):
        for line in FIRST:
            with pytest.raises(SystemExit) as ended:
                main(small(line.split()))
            assert not ended.value.code, line
    for name in ("a", "b", "large"):
        shutil.copytree(prepared / "runs" / "derived", prepared / "runs" / name)
    return prepared


@pytest.mark.parametrize("page", [p for p, found in RUN.items() if found])
def test_the_commands_of_a_page_run(
    page: str, finished: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(sandbox, ignore_errors=True)
    shutil.copytree(finished, sandbox, symlinks=True)
    monkeypatch.chdir(sandbox)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for block in RUN[page]:
        for _, *words in commands(block):
            words = small(words)
            out = written(words)
            if out is not None:
                shutil.rmtree(out, ignore_errors=True)
            succeed(capsys, *words)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_commands_is_run_or_says_why_not(page: str) -> None:
    for block in BLOCKS_OF[page]:
        assert is_marked(block), f"{page}: mark the block that begins with {block.lines[0]!r}: run, or not run: REASON"


def is_marked(block: Block) -> bool:
    return block.comment == "run" or block.comment.startswith(("output of: ", "not run: "))


def test_reasons_are_the_exception_among_what_is_cheap() -> None:
    assert sum(b.comment == "run" for page in BLOCKS_OF.values() for b in page) >= 30
