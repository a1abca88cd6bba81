"""Fuzzed documents: every kind that is read, damaged at random, is read or refused in a sentence."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.tally import Tallies, Tally, refusal_problem

#: what people and programs write where something else belongs
WORDS = (
    "", "null", "~", "true", "-1", "0", "1e999", "-.inf", ".nan", "NaN", "9" * 5000, "9" * 40, "²", "½", "0x10",
    "1_000",
    "2020-01-01", "12:30:45", "!!timestamp x", "!!int abc", "!!binary x", "!!python/name:os.system", "&a [*a]", "*a",
    "<<: *a", "[]", "{}", "[[[]]]", "'", '"', "\\", "\0", "\x1b[31m", "\u202e", "\ud800", "é" * 300, "x" * 70_000,
    "../../x", "/dev/zero", "/dev/null", "C:\\x", "=1+1", "a,b,1000000000", "|", "# ", "- ", ": ", "? ", "%YAML 1.1\n",
    "---\n", "...\n", "\t", "\r\n", "$x^2$", "[red]", "<b>",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"), "", "x", "²", "x" * 9000,
    [], [[]], [None], {}, {"": None}, {"x": {}}, [1, "x", None],
)  # fmt: skip


def damaged(text: str, rng: random.Random) -> str:
    """The text with one to three random faults."""
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_FAULTS)(text, rng)
    return text


def _insert(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(WORDS) + text[at:]


def _replace_word(text: str, rng: random.Random) -> str:
    parts = text.replace(",", " , ").split(" ")
    parts[rng.randrange(len(parts))] = rng.choice(WORDS)
    return " ".join(parts)


def _delete(text: str, rng: random.Random) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + text[at + rng.randint(1, 40) :]


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randint(0, len(text))]


def _swap_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    return "\n".join(lines)


def _double(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    i = rng.randrange(len(lines))
    return "\n".join([*lines[: i + 1], *lines[i : i + rng.randint(1, 4)], *lines[i + 1 :]])


def _letter(text: str, rng: random.Random) -> str:
    if not text:
        return rng.choice(WORDS)
    at = rng.randrange(len(text))
    return (
        text[:at] + chr(rng.choice((0, 9, 10, 34, 39, 44, 58, 91, 93, 123, 125, 233, 0x2028, 0xFEFF))) + text[at + 1 :]
    )


def _value(text: str, rng: random.Random) -> str:
    """One value of a JSON text replaced by another kind of value; other texts get an inserted word."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return _insert(text, rng)
    here = tree
    for _ in range(12):
        if not isinstance(here, dict | list) or not here:
            break
        key: Any = rng.choice(list(here)) if isinstance(here, dict) else rng.randrange(len(here))
        if rng.random() < 0.3 or not isinstance(here[key], dict | list):
            here[key] = rng.choice(VALUES)
            break
        here = here[key]
    return json.dumps(tree)


_FAULTS = (_insert, _replace_word, _delete, _cut, _swap_lines, _double, _letter, _value, _value)


class Kinds:
    """Valid documents of every kind, in a scratch folder, and what reads each of them."""

    def __init__(self, folder: Path) -> None:
        import nas
        from nas.config.reading import to_yaml
        from nas.config.runs import RetrainSettings, SearchSettings
        from nas.evaluation.rows import EvaluationRow, write_rows
        from nas.space import load_genotype

        self.folder = folder
        space, genotype = nas.load_space("jsm"), load_genotype("jsnet_released")
        row = EvaluationRow("a", "sr_x2", "Set5", 5, 33.0, 0.9, parameters=1, multiply_adds=2)
        write_rows(folder / "rows.csv", [row, EvaluationRow("b", "sr_x2", "Set5", 5, 34.0)])
        self.weights = self._weights(genotype)
        space_file = Path(nas.__file__).parents[1] / "search_spaces" / "jsm.yaml"
        search = f"kind: search\n{to_yaml(SearchSettings())}"
        lists = json.dumps({"normal": genotype.to_lists().normal, "attention": genotype.to_lists().attention})
        events = "".join(json.dumps({"step": i, "kind": "train", "loss": 1.0 / i}) + "\n" for i in range(1, 6))
        self.all: dict[str, tuple[str, Callable[[str], object]]] = {
            "space document": (space_file.read_text(encoding="utf-8"), self._space),
            "space of a run": (json.dumps(space.document), self._run("space.json")),
            "configuration of a search": (to_yaml(SearchSettings()), self._settings(SearchSettings)),
            "configuration of a training": (to_yaml(RetrainSettings()), self._settings(RetrainSettings)),
            "assignment": ("train.optimizer.lr=5e-4", self._assignment),
            "config.yaml of a run": (search, self._run("config.yaml")),
            "events of a run": (events, self._run("events.jsonl")),
            "summary of a run": ('{"weights": "x", "scores": {"psnr": 30.0}}', self._run("summary.json")),
            "genotype": (json.dumps(genotype.to_json()), self._genotype),
            "genotype as two lists": (lists, self._genotype),
            "evaluation rows": ((folder / "rows.csv").read_text(encoding="utf-8"), self._rows),
            "list of pairs": ("target,degraded\na.png,b.png\nb.png,a.png,2\n", self._pairs),
            "description of weights": (json.dumps(self._metadata()), self._described),
        }
        (folder / "run").mkdir()
        for name, text in {"config.yaml": search, "events.jsonl": events}.items():
            (folder / "run" / name).write_text(text, encoding="utf-8")

    def _weights(self, genotype: Any) -> Path:
        import numpy as np

        import nas
        from nas.images import write_image
        from nas.models.weights import save_weights

        for name in ("a", "b"):
            write_image(self.folder / f"{name}.png", np.full((32, 32, 3), 128, dtype=np.uint8))
        space = nas.load_space("jsm").with_network({"width": 8, "cells": 1})
        small = genotype.with_network(width=8, cells=1)
        path = self.folder / "weights.safetensors"
        save_weights(
            path, space.network(small, "sr_x2"), kind="derived", task="sr_x2", genotype=small, space=space.document
        )
        return path

    def _metadata(self) -> dict[str, str]:
        from nas.models.weights import read_metadata

        return read_metadata(self.weights)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return path

    def _space(self, text: str) -> None:
        import nas

        space = nas.load_space(self._write("space.yaml", text))
        space.size()
        space.sample(random.Random(0))

    def _settings(self, kind: Any) -> Callable[[str], None]:
        from nas.config.reading import build

        return lambda text: build(kind, self._write("config.yaml", text)) and None

    def _assignment(self, text: str) -> None:
        from nas.config.reading import build
        from nas.config.runs import SearchSettings

        build(SearchSettings, None, [text])

    def _genotype(self, text: str) -> None:
        from nas.space import Genotype

        found = Genotype.load(self._write("genotype.json", text))
        str(found)

    def _rows(self, text: str) -> None:
        from nas.evaluation.rows import read_rows
        from nas.report.table_formats import to_csv, to_markdown
        from nas.report.tables import make_tables

        rows = read_rows(self._write("fuzzed.csv", text))
        if rows:
            tables = make_tables(rows)
            to_markdown(tables), to_csv(tables)

    def _pairs(self, text: str) -> None:
        from nas.data import find_pairs

        find_pairs(self._write("pairs.csv", text), "denoise_color_25")

    def _run(self, name: str) -> Callable[[str], None]:
        def read(text: str) -> None:
            from nas.report.run_folder import read_run
            from nas.train.run import Run

            file = self.folder / "run" / name
            before = file.read_bytes() if file.is_file() else None
            try:
                file.write_bytes(text.encode("utf-8", "surrogatepass"))
                read_run(self.folder / "run")
                run = Run.open(self.folder / "run")
                if run.finished:
                    run.summary()
            finally:
                file.unlink() if before is None else file.write_bytes(before)

        return read

    def _described(self, text: str) -> None:
        from safetensors.torch import load_file, save_file

        from nas.models.weights import KEY, load_weights

        path = self.folder / "fuzzed.safetensors"
        save_file(load_file(self.weights), path, metadata={KEY: text.encode("utf-8", "replace").decode()})
        load_weights(path)


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Damage documents of every kind in turn.

    Args:
        folder: For scratch; it must exist.
        tries: Documents in all.
        seed: Of the faults.

    Returns:
        A tally for each kind of document.
    """
    kinds, rng = Kinds(folder), random.Random(seed)
    tallies = {name: Tally() for name in kinds.all}
    for text, read in kinds.all.values():
        read(text)  # the documents are valid before they are damaged
    for turn in range(tries):
        name = list(kinds.all)[turn % len(kinds.all)]
        text, read = kinds.all[name]
        bad = damaged(text, rng)
        tallies[name].note(refusal_problem(f"{name} {bad[:150]!r}", lambda read=read, bad=bad: read(bad)))  # type: ignore[misc]
    return tallies
