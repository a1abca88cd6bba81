"""Arrows run one way: cli -> report, strategies, train, evaluate -> supernet, tasks, data -> space."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = [
    ["cli"],
    ["bench", "report", "experiments", "engines", "estimators", "strategies", "train", "objectives"],
    ["evaluate", "evaluation", "profiling"],
    ["models", "supernet", "tasks", "data"],
    ["space"],
    ["images", "statistics", "config"],
]
DEPTH = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
FILES = sorted((ROOT / "nas").rglob("*.py"))
#: single files of nas/ that every room may import; they import no room at run time
FOUNDATION = {"errors", "registry", "descriptor", "baseline", "rows", "progress", "files"}


def imported_names(file: Path) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, line) of each import, whether at the top, in a function or for type checking."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "nas":  # `from nas import data`
                yield from ((f"nas.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_file_imports_against_the_arrows(file: Path) -> None:
    parts = file.relative_to(ROOT / "nas").parts
    room = parts[0] if len(parts) > 1 else None
    wrong = []
    for name, line in imported_names(file):
        top, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if top in ("search_spaces", "baselines", "results"):
            wrong.append(f"line {line}: {name} is found through entry points, never imported by name")
        if top == "nas" and room in DEPTH and DEPTH.get(other, 99) < DEPTH[room]:
            wrong.append(f"line {line}: {room} imports {name}, which stands above it")
        if top == "nas" and room is None and file.stem in FOUNDATION and other in DEPTH:
            wrong.append(f"line {line}: the foundation file {file.name} imports the room {other}")
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("file", [f for f in FILES if f.parent.name == "space"], ids=lambda f: f.name)
def test_the_space_language_imports_no_torch(file: Path) -> None:
    assert not [name for name, _ in imported_names(file) if name.split(".")[0] in ("torch", "search_spaces")]


def test_every_room_is_on_the_map() -> None:
    rooms = {p.parent.relative_to(ROOT / "nas").parts[0] for p in FILES if p.parent != ROOT / "nas"}
    assert rooms <= set(DEPTH)


@pytest.mark.parametrize("package", ["search_spaces", "baselines"])
def test_models_know_nothing_of_training_and_evaluation(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in sorted((ROOT / package).rglob("*.py"))
        for name, line in imported_names(file)
        if name.split(".")[0] == "nas" and name.split(".")[1:2] and DEPTH.get(name.split(".")[1], 99) < 3
    ]
    assert not wrong
