"""Wrong command lines: every command with every kind of bad value ends with exit code 1 or 2 and one sentence."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

from tests.faults.forks import nas
from tests.faults.tally import Tallies, Tally

#: values that are wrong wherever a path of something that exists is expected
PATHS = (
    "", " ", "nowhere", "nowhere/at/all", "{folder}", "{folder}/text.txt", "{folder}/empty", "{folder}/noise.bin",
    "{folder}/pipe", "/dev/null", "/dev/zero", "x" * 300, "/" + "x" * 5000, "a\nb", "../../../../nowhere", "~nobody/x",
    "{folder}/loop", "{folder}/closed", "-", "$x$", "²", "\udcff",
)  # fmt: skip
NUMBERS = (
    "",
    " ",
    "0",
    "-1",
    "1.5",
    "nope",
    "9" * 400,
    "1e999",
    "nan",
    "inf",
    "²",
    "0x10",
    "1,2",
    "-0",
    "1e3x",
    "None",
)
DEVICES = ("", "gpu", "cuda:-1", "cuda:99", "meta", "tpu", "cpu:0:0", "mps:9", "CPU ", "xla", "cuda:x")
LISTS = ("", ",", ",,", "a,,b", " , ", "0", "-1", "1,1", "9" * 400, "nope")
#: what is put into {bad}, and the lines that it is put into
LINES: tuple[tuple[tuple[str, ...], str], ...] = (
    (PATHS, "search --space {bad} --task sr_x2 --dry-run"),
    (PATHS, "search --space jsm --task sr_x2 --data {bad} --dry-run"),
    (PATHS, "search --space jsm --task sr_x2 --config {bad} --dry-run"),
    (PATHS, "search --resume {bad}"),
    (PATHS, "search --space jsm --task {bad} --dry-run"),
    (PATHS, "search --space jsm --task sr_x2 --strategy {bad} --dry-run"),
    (PATHS, "search --space jsm --task sr_x2 --set {bad} --dry-run"),
    (PATHS, "search --space jsm --task sr_x2 --plugin {bad} --dry-run"),
    (PATHS, "derive {bad}"),
    (PATHS, "retrain {bad} --task sr_x2 --dry-run"),
    (PATHS, "retrain jsnet_released --task sr_x2 --data {bad} --dry-run"),
    (PATHS, "retrain jsnet --task sr_x2 --init-from {bad} --dry-run"),
    (PATHS, "retrain --resume {bad}"),
    (PATHS, "evaluate {bad} --task sr_x2"),
    (PATHS, "evaluate bicubic --task sr_x2 --sets {bad}"),
    (PATHS, "evaluate bicubic --task sr_x2 --sets Set5 --data {bad}"),
    (PATHS, "evaluate bicubic --task {bad}"),
    (PATHS, "compare {bad} --out {folder}/out"),
    (PATHS, "report {bad} --out {folder}/out.html"),
    (PATHS, "show {bad}"),
    (PATHS, "profile {bad} --task sr_x2"),
    (PATHS, "import jsnet {bad} --task sr_x2 --out {folder}/out.safetensors"),
    (PATHS, "import {bad} {folder}/noise.bin --task sr_x2 --out {folder}/out.safetensors"),
    (PATHS, "export {bad} --out {folder}/out.onnx"),
    (PATHS, "data check {bad} --task sr_x2"),
    (PATHS, "data prepare {bad} --task sr_x2 --out {folder}/out"),
    (PATHS, "list {bad}"),
    (PATHS, "watch {bad} --once"),
    (PATHS, "noise --resume {bad}"),
    (PATHS, "ablate --resume {bad}"),
    (NUMBERS, "search --space jsm --task sr_x2 --steps {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --time {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --batch {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --patch {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --cells {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --width {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --threads {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --lr {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --strategy random --trials {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --max-params {bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --set train.steps={bad} --dry-run"),
    (NUMBERS, "search --space jsm --task sr_x2 --set seed={bad} --dry-run"),
    (NUMBERS, "retrain jsnet_released --task sr_x2 --steps {bad} --dry-run"),
    (NUMBERS, "evaluate bicubic --task sr_x2 --tile {bad}"),
    (NUMBERS, "profile jsnet --task sr_x2 --size {bad}"),
    (NUMBERS, "bench data --rounds {bad}"),
    (NUMBERS, "bench search-step --rounds {bad}"),
    (NUMBERS, "data check {folder}/photos --task sr_x2 --patch {bad}"),
    (NUMBERS, "data check {folder}/photos --task derain --clean-half {bad}"),
    (LISTS, "search --space jsm --task sr_x2 --seeds {bad} --dry-run"),
    (LISTS, "ablate --space jsm --task sr_x2 --strategies {bad} --dry-run"),
    (LISTS, "noise --space jsm --task sr_x2 --genotypes {bad} --dry-run"),
    (LISTS, "noise --space jsm --task sr_x2 --seeds {bad} --dry-run"),
    (DEVICES, "search --space jsm --task sr_x2 --device {bad} --dry-run"),
    (DEVICES, "retrain jsnet_released --task sr_x2 --device {bad} --dry-run"),
    (DEVICES, "evaluate bicubic --task sr_x2 --device {bad}"),
    (DEVICES, "profile jsnet --task sr_x2 --device {bad} --latency"),
    (DEVICES, "bench models --device {bad}"),
)  # fmt: skip


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[None]:
    """Put files of every useless kind into a folder, and make it the working directory."""
    import numpy as np

    from nas.images import write_image

    before = Path.cwd()
    (folder / "text.txt").write_text("hello\n")
    (folder / "empty").write_bytes(b"")
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 40)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0)
    for number in range(3):
        write_image(folder / f"photos/{number}.png", np.full((96, 96, 3), 90 * number, dtype=np.uint8))
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        (folder / "closed").chmod(0o700)


def command_problem(words: list[str], log: Path) -> str:
    """Run a command; what was wrong with its end, "" if nothing."""
    ended = nas(*words, log=log)
    shown = [word[:80] for word in words]
    if ended.code == 0:
        return ""
    if ended.code not in (1, 2):
        return f"{shown}: {'hung' if ended.code is None else f'exit code {ended.code}'}"
    if "run again with --debug" in ended.told or "Traceback" in ended.told:
        return f"{shown}: {ended.told[-300:]!r}"
    return "" if ended.told.strip() else f"{shown}: nothing was said"


def cases() -> list[tuple[str, str]]:
    """Line and bad value of every try."""
    return [(line, bad) for values, line in LINES for bad in values]


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Try wrong command lines.

    Args:
        folder: For scratch; it must exist.
        tries: How many of them, drawn at random; all of them where there are no more.
        seed: Of the draw.

    Returns:
        A tally for each command.
    """
    every = cases()
    if tries < len(every):
        every = random.Random(seed).sample(every, tries)
    tallies = Tallies()
    with scratch(folder):
        for line, bad in every:
            words = [w.format(bad=bad.format(folder=folder), folder=folder) for w in line.split(" ")]
            name = " ".join(words[:2]) if words[0] in ("data", "bench") else words[0]
            tallies.setdefault(name, Tally()).note(command_problem(words, folder / "log"))
    return tallies
