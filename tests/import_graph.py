"""The imports of a source tree, read from its syntax: at the top of a file, in functions, for type checking alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

#: one import: (importing module, imported module, line)
Import = tuple[str, str, int]


def module_name(file: Path, root: Path) -> str:
    """The dotted name of a source file below ``root``; a package's own file has the package's name."""
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(root: Path, package: str) -> dict[str, Path]:
    """Every module of a package below ``root``, by dotted name."""
    return {module_name(file, root): file for file in sorted((root / package).rglob("*.py"))}


def imports_of(file: Path, root: Path, modules: Mapping[str, Path]) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of each import; of ``from a import b`` it is ``a.b`` where that is a module."""
    package = list(file.relative_to(root).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield (inner if inner in modules else module), node.lineno


def upward_imports(root: Path, package: str, order: Sequence[str], ground: Sequence[str]) -> list[str]:
    """Imports from a package to one that stands below it in ``order``, or from the ``ground`` to any package."""
    modules = modules_of(root, package)
    rank = {f"{package}.{name}": i + 1 for i, name in enumerate(order)} | {f"{package}.{name}": 0 for name in ground}
    wrong = []
    for name, file in modules.items():
        own = ".".join(name.split(".")[:2])
        if own not in rank:
            continue
        for imported, line in imports_of(file, root, modules):
            other = ".".join(imported.split(".")[:2])
            if rank.get(other, -1) > rank[own]:
                wrong.append(f"{file.relative_to(root)}:{line} imports {imported}, which stands above {own}")
    return wrong


def circles(root: Path, package: str) -> list[list[str]]:
    """Groups of modules that import each other in a circle (strongly connected components of two and more).

    A package's ``__init__`` gathers names from its modules for users; a module that names its own package is in a
    circle with it and is reported as well.
    """
    modules = modules_of(root, package)
    edges = {
        name: sorted({m for m, _ in imports_of(file, root, modules) if m in modules and m != name})
        for name, file in modules.items()
    }
    return _components(edges)


def _components(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components of two and more nodes (Tarjan's algorithm, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []
    for start in edges:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            node, following = work[-1]
            for other in following:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(edges[other])))
                    break
                if other in stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    if len(stack) - at > 1:
                        found.append(sorted(stack[at:]))
                    del stack[at:]
    return found
