"""Hostile files by kind: what each does to whoever believes it, its writer, and the commands that are given it."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: how the configuration of a search begins in its run folder
HEAD = "kind: search\n"
GENOTYPE = (
    "show {file}",
    "profile {file} --task sr_x2",
    "retrain {file} --task sr_x2 --dry-run",
    "evaluate {file} --task sr_x2 --sets sample",
    "export {file} --out {out}.onnx",
    "search --space {file} --task sr_x2 --dry-run",
)
YAML = (
    "search --space jsm --task sr_x2 --config {file} --dry-run",
    "search --space {file} --task sr_x2 --dry-run",
    "retrain jsnet_released --task sr_x2 --config {file} --dry-run",
    "ablate --space {file} --task sr_x2 --dry-run",
    "show {file}",
)
PAIRS = (
    "data check {file} --task denoise_color_25",
    "data prepare {file} --task denoise_color_25 --out {out}",
    "search --space jsm --task denoise_color_25 --data {file} --dry-run",
    "retrain jsnet_released --task denoise_color_25 --data {file} --dry-run",
    "evaluate identity --task denoise_color_25 --sets {file}",
)
WEIGHTS = (
    "evaluate {file} --task sr_x2 --sets sample",
    "profile {file} --task sr_x2",
    "export {file} --out {out}.onnx",
    "restore {file} {photos} --out {out}",
    "retrain {file} --task sr_x2 --dry-run",
)
CHECKPOINT = (
    "import jsnet {file} --task sr_x2 --out {out}",
    "retrain jsnet_released --task sr_x2 --init-from {file} --data {photos} --dry-run",
    "evaluate {file} --task sr_x2 --sets sample",
    "restore {file} {photos} --out {out}",
)
ROWS = ("compare {file} --out {out}", "report {file} --out {out}.html")
#: commands that read a run folder, of which one file is replaced
RUN = ("show {run}", "search --resume {run}", "derive {run} --out {out}.json")
#: the one that goes on with the run
RESUME = RUN[1:2]
#: those that pass over what they cannot read
READERS = ("show {run}", "report {run} --out {out}.html", "watch {run} --once", "derive {run} --out {out}.json")
#: those that make a page of a run, whatever can be read of it
PAGES = READERS[1:3]
IMAGES = (
    "data check {folder} --task sr_x2",
    "data prepare {folder} --task sr_x2 --out {out}",
    "evaluate bicubic --task sr_x2 --data {folder} --sets {folder}",
    "retrain jsnet_released --task sr_x2 --data {folder} --dry-run",
    "restore bicubic {folder} --out {out}",
)


@dataclass(frozen=True)
class Hostile:
    """A kind of file, and the commands that are given it.

    Attributes:
        name: What it does to whoever believes it.
        file: Name of the file; below ``run/`` it takes the place of one of a run.
        make: Writes it.
        lines: The commands.
        lives: Whether a command may also pass it over, and end well within the same bounds.
    """

    name: str
    file: str
    make: Callable[[Path], object]
    lines: tuple[str, ...]
    lives: bool = False


def alias_bomb(levels: int = 9, width: int = 9) -> str:
    """Lists of lists of aliases: width to the power of levels values in a few hundred letters."""
    lines = ["a0: &a0 [" + ",".join(["x"] * width) + "]"]
    lines += [f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * width) + "]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def merge_bomb(levels: int = 24) -> str:
    """Mappings that merge the one before twice."""
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def many_anchors(count: int = 60_000) -> str:
    """Anchors that nothing refers to."""
    return "".join(f"a{i}: &a{i} 1\n" for i in range(count))


def many_keys(count: int) -> str:
    """One JSON object of many keys."""
    return "{" + ",".join(f'"k{i}":{i}' for i in range(count)) + "}"


def many_nodes(count: int) -> str:
    """A genotype in form whose one cell has very many choices."""
    choices = ",".join(f'{{"from":0,"to":{i},"block":"x"}}' for i in range(count))
    return f'{{"format":"nas.genotype/1","cells":{{"normal":[{choices}]}}}}'


def deflated_pickle(path: Path) -> None:
    """A zip archive like that of torch.save, whose pickle unfolds to 300 MB of empty lists."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("archive/data.pkl", "w") as part:
            part.write(b"\x80\x02(")
            for _ in range(150):
                part.write(b"]" * 2_000_000)
            part.write(b"t.")
        archive.writestr("archive/version", "3\n")


def plain_pickle_bomb(path: Path) -> None:
    """The older form of torch.save: a pickle of very many empty lists, not packed."""
    path.write_bytes(b"\x80\x02(" + b"]" * 8_000_000 + b"t.")


def repeated_pickle(path: Path) -> None:
    """A pickle that doubles a tuple forty times by its memo, in a valid archive."""
    body = b"\x80\x02)q\x00" + b"".join(
        b"0h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60)
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", body + b".")
        archive.writestr("archive/version", "3\n")


def claiming_tensor(path: Path) -> None:
    """A state dict whose tensor of a few bytes claims 10^5 x 10^5 values by strides of zero."""
    import torch

    torch.save({"head.weight": torch.zeros(1).expand(100_000, 100_000)}, path)


def claiming_safetensors(path: Path) -> None:
    """A header that claims 10^5 x 10^5 values which the file does not hold."""
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [100_000, 100_000], "data_offsets": [0, 40_000_000_000]}}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 64)


def long_header(path: Path) -> None:
    """A header that claims to be as long as the address space."""
    path.write_bytes(struct.pack("<Q", 2**63 - 1) + b"{}")


def crowded_header(path: Path) -> None:
    """A valid header of 200,000 empty tensors."""
    header = json.dumps(
        {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(200_000)}
    ).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def code_pickle(path: Path) -> None:
    """A pickle that would run a command."""

    class Run:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {path}.ran",)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": Run()}, protocol=2))
        archive.writestr("archive/version", "3\n")


def _png(side: int, *parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of side x side pixels in colour, of the given parts."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    every = [(b"IHDR", header), *parts, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in every
    )


def _tiff(side: int, size: int, following: int) -> bytes:
    """The one directory of a TIFF of side x side grey pixels, of so many bytes, and where the next directory is."""
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, side)]
    packed = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in [*tags, (279, 4, size)]]
    return b"II*\0" + struct.pack("<IH", 8, len(packed)) + b"".join(packed) + struct.pack("<I", following)


def vast_png(path: Path) -> None:
    """A PNG of 60,000 x 60,000 pixels in half a megabyte at most."""
    path.parent.mkdir(exist_ok=True)

    path.write_bytes(_png(60_000, (b"IDAT", zlib.compress(b"\0" * 4_000_000, 9))))


def tiff_in_circles(path: Path) -> None:
    """A TIFF whose first directory names itself as the next one."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_tiff(64, 4096, following=8))


def vast_tiff(path: Path) -> None:
    """A TIFF that claims 60,000 x 60,000 pixels in one strip."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_tiff(60_000, 4_000_000_000, following=0))


def vast_bmp(path: Path) -> None:
    """A BMP that claims 60,000 x 60,000 pixels and ends after its header."""
    path.parent.mkdir(exist_ok=True)
    body = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 2835, 2835, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + body)


def wordy_png(path: Path) -> None:
    """A PNG of 96 x 96 pixels whose compressed text unfolds to 200 MB."""
    path.parent.mkdir(exist_ok=True)

    words = b"words\0\0" + zlib.compress(b"x" * 200_000_000, 9)
    pixels = zlib.compress((b"\0" + b"\x55" * 288) * 96, 9)
    path.write_bytes(_png(96, (b"zTXt", words), (b"IDAT", pixels)))


def cut_jpeg(path: Path) -> None:
    """A JPEG that ends in the middle of its pixels."""
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    Image.effect_noise((256, 256), 80).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:4000])


def crowded_torch(path: Path, zipped: bool = True) -> None:
    """A file of torch.save with 60,000 tensors of one value, which share a storage."""
    import torch

    one = torch.zeros(1)
    torch.save({f"t{i}": one[:] for i in range(60_000)}, path, _use_new_zipfile_serialization=zipped)


def crowded_zip(path: Path) -> None:
    """A zip archive of 60,000 empty parts."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("archive/version", "3\n")
        for number in range(60_000):
            archive.writestr(f"archive/data/{number}", b"")


def sparse_tensor(path: Path) -> None:
    """A sparse tensor that would fill 4 EB."""
    import torch

    torch.save({"w": torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), [1.0], (10**9, 10**9))}, path)


def _text(text: str | Callable[[], str]) -> Callable[[Path], object]:
    return lambda path: path.write_text(text if isinstance(text, str) else text(), encoding="utf-8")


def _linked(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def _within(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        make(path)

    return write


def _state(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """A file as the newest state of a run, with the digest that belongs to it."""

    def write(path: Path) -> None:
        from nas.files import file_digest

        path.parent.mkdir(exist_ok=True)
        make(path)
        path.with_suffix(".sha256").write_text(file_digest(path))

    return write


WEIGHTS_AND_MORE = (*WEIGHTS, *CHECKPOINT[:2])
WORKER = ("worker --storage {file} --study s",)
EVERYTHING = (*GENOTYPE[:1], YAML[0], PAIRS[0], WEIGHTS[0], CHECKPOINT[0], ROWS[0])
FILES: tuple[Hostile, ...] = (
    Hostile("alias bomb", "bomb.yaml", _text(alias_bomb), YAML),
    Hostile("merge bomb", "bomb.yaml", _text(merge_bomb), YAML),
    Hostile("alias bomb as config.yaml", "run/config.yaml", _text(lambda: HEAD + alias_bomb()), RUN),
    Hostile("merge bomb as config.yaml", "run/config.yaml", _text(lambda: HEAD + merge_bomb()), RUN),
    Hostile("alias bomb in a page", "run/config.yaml", _text(lambda: HEAD + alias_bomb()), PAGES, True),
    Hostile("deep YAML", "deep.yaml", _text("a: " + "[" * 50_000), YAML),
    Hostile("wide YAML", "wide.yaml", _text(lambda: "a: [" + "1," * 900_000 + "]"), YAML),
    Hostile("JSON of 60,000 keys", "keys.json", _text(lambda: many_keys(60_000)), GENOTYPE),
    Hostile("genotype of a million nodes", "nodes.json", _text(lambda: many_nodes(1_000_000)), GENOTYPE),
    Hostile("genotype of 12,000 nodes", "nodes.json", _text(lambda: many_nodes(12_000)), GENOTYPE),
    Hostile("deep JSON", "deep.json", _text("[" * 500_000), GENOTYPE),
    Hostile("integer of a million digits", "digits.json", _text('{"format": ' + "9" * 1_000_000 + "}"), GENOTYPE),
    Hostile("list with a thousand million repeats", "pairs.csv", _text("a.png,b.png,1000000000\n"), PAIRS),
    Hostile("list with many repeats a line", "pairs.csv", _text("a.png,b.png,90000\n" * 1000), PAIRS),
    Hostile("list of a repeat of 10,000 digits", "pairs.csv", _text("a.png,b.png," + "9" * 10_000), PAIRS),
    Hostile("list of over-long names", "pairs.csv", _text(f"{'x' * 5000}.png,b.png\n"), PAIRS),
    Hostile("list of one vast line", "pairs.csv", _text(lambda: "a.png," * 2_000_000), PAIRS),
    Hostile("list of rubbish lines", "pairs.csv", _text(lambda: "x|y;z,w\tv u\n" * 60_000), PAIRS),
    Hostile("deflated pickle", "packed.pt", deflated_pickle, CHECKPOINT),
    Hostile("deflated pickle as state", "run/state/step-000000009.pt", _state(deflated_pickle), RESUME),
    Hostile("pickle of 8 million lists", "lists.pt", plain_pickle_bomb, CHECKPOINT),
    Hostile("pickle that doubles itself", "double.pt", repeated_pickle, CHECKPOINT),
    Hostile("pickle that runs a command", "code.pt", code_pickle, CHECKPOINT),
    Hostile("tensor of 10^5 x 10^5", "vast.pt", claiming_tensor, CHECKPOINT),
    Hostile("tensor of 10^5 x 10^5 as state", "run/state/step-000000009.pt", _state(claiming_tensor), RESUME),
    Hostile("safetensors of 10^5 x 10^5", "vast.safetensors", claiming_safetensors, WEIGHTS_AND_MORE),
    Hostile("safetensors with a wrong header", "header.safetensors", long_header, WEIGHTS_AND_MORE),
    Hostile("safetensors of 200,000 tensors", "crowd.safetensors", crowded_header, WEIGHTS_AND_MORE),
    Hostile("pipe", "pipe.json", os.mkfifo, EVERYTHING),
    Hostile("pipe as weights", "pipe.safetensors", os.mkfifo, WEIGHTS_AND_MORE),
    Hostile("pipe as list", "pipe.csv", os.mkfifo, (*PAIRS, *ROWS)),
    Hostile("pipe as config.yaml", "run/config.yaml", os.mkfifo, RUN),
    Hostile("pipe as config.yaml in a page", "run/config.yaml", os.mkfifo, PAGES, True),
    Hostile("pipe as events", "run/events.jsonl", os.mkfifo, READERS, True),
    Hostile("pipe as space.json", "run/space.json", os.mkfifo, RESUME),
    Hostile("pipe as genotype.json", "run/genotype.json", os.mkfifo, READERS, True),
    Hostile("pipe as summary.json", "run/summary.json", os.mkfifo, READERS, True),
    Hostile("pipe as image", "photos2/x.png", lambda p: (p.parent.mkdir(), os.mkfifo(p)), IMAGES),
    Hostile("/dev/zero", "zero.json", _linked("/dev/zero"), EVERYTHING),
    Hostile("/dev/zero as weights", "zero.safetensors", _linked("/dev/zero"), WEIGHTS_AND_MORE),
    Hostile("/dev/zero as list", "zero.csv", _linked("/dev/zero"), (*PAIRS, *ROWS)),
    Hostile("/dev/zero as config.yaml", "run/config.yaml", _linked("/dev/zero"), RUN),
    Hostile("/dev/zero as config.yaml in a page", "run/config.yaml", _linked("/dev/zero"), PAGES, True),
    Hostile("/dev/zero as events", "run/events.jsonl", _linked("/dev/zero"), READERS, True),
    Hostile("/dev/zero as summary.json", "run/summary.json", _linked("/dev/zero"), READERS, True),
    Hostile("deep JSON as summary.json", "run/summary.json", _text("[" * 3_000_000), READERS, True),
    Hostile("events of one line without end", "run/events.jsonl", _text(lambda: "x" * 60_000_000), READERS, True),
    Hostile("events nested deeply", "run/events.jsonl", _text(lambda: "[" * 3_000_000 + "\n"), READERS, True),
    Hostile("rows of a million columns", "rows.csv", _text(lambda: "model," * 1_000_000 + "\n"), ROWS),
    Hostile("rows of one cell of 20 MB", "rows.csv", _text(lambda: "model,task,set\n" + "x" * 20_000_000), ROWS),
    Hostile("PNG of 60,000 x 60,000", "photos3/x.png", vast_png, IMAGES),
    Hostile("TIFF in circles", "photos4/x.tif", tiff_in_circles, IMAGES),
    Hostile("TIFF of 60,000 x 60,000", "photos5/x.tif", vast_tiff, IMAGES),
    Hostile("BMP of 60,000 x 60,000", "photos6/x.bmp", vast_bmp, IMAGES),
    Hostile("PNG with 200 MB of text", "photos7/x.png", wordy_png, IMAGES, True),
    Hostile("JPEG that is cut", "photos8/x.jpg", cut_jpeg, IMAGES),
    Hostile("/dev/zero as image", "photos9/x.png", _within(_linked("/dev/zero")), IMAGES),
    Hostile("anchors without end", "many.yaml", _text(many_anchors), YAML),
    Hostile("YAML of one vast string", "long.yaml", _text(lambda: "a: " + "x" * 30_000_000), YAML),
    Hostile("YAML of many documents", "pages.yaml", _text("--- {}\n" * 100_000), YAML),
    Hostile("YAML of foreign tags", "tags.yaml", _text("a: !!python/object/apply:os.system ['true']"), YAML),
    Hostile("JSON of one vast string", "long.json", _text(lambda: '"' + "x" * 30_000_000 + '"'), GENOTYPE),
    Hostile("JSON of empty lists", "lists.json", _text(lambda: "[" + "[]," * 500_000 + "[]]"), GENOTYPE),
    Hostile("JSON of endless numbers", "nan.json", _text('{"format": 1e999, "cells": [NaN, -Infinity]}'), GENOTYPE),
    Hostile("JSON of half letters", "half.json", _text('{"format": "\\ud800"}'), GENOTYPE),
    Hostile("60,000 tensors", "crowd.pt", crowded_torch, CHECKPOINT),
    Hostile("60,000 tensors, older form", "crowd.pt", lambda path: crowded_torch(path, False), CHECKPOINT),
    Hostile("zip of 60,000 parts", "parts.pt", crowded_zip, CHECKPOINT),
    Hostile("sparse tensor of 4 EB", "sparse.pt", sparse_tensor, CHECKPOINT),
    Hostile("rows of an open quote", "rows.csv", _text(lambda: 'model,task,set\n"' + "x\n" * 9_000_000), ROWS),
    Hostile("rows of bytes 0", "rows.csv", _text("model,task,set\n" + "\0" * 1_000_000), ROWS),
    Hostile("pipe as journal", "pipe.journal", os.mkfifo, WORKER),
    Hostile("/dev/zero as journal", "zero.journal", _linked("/dev/zero"), WORKER),
    Hostile("journal of one line without end", "line.journal", _text(lambda: "x" * 60_000_000 + "\n"), WORKER),
    Hostile("journal nested deeply", "deep.journal", _text(lambda: "[" * 3_000_000 + "\n"), WORKER),
    Hostile("journal of unknown entries", "odd.journal", _text('{"op_code": 99, "worker_id": "x"}\n' * 1000), WORKER),
    *(
        Hostile(f"{what} as {name}", f"run/{name}", make, lines, True)
        for name, lines in (
            ("made_of.json", READERS[:2] + RESUME),
            ("events.jsonl", RESUME),
            ("history.jsonl", READERS[:2] + RESUME),
            ("timing.jsonl", READERS[:3] + RESUME),
            ("run.lock", RESUME),
            ("data.json", RESUME),
            ("launch.json", RESUME),
        )
        for what, make in (
            ("pipe", os.mkfifo),
            ("/dev/zero", _linked("/dev/zero")),
            ("deep JSON", _text(lambda: "[" * 3_000_000 + "\n")),
        )
    ),
)  # fmt: skip
