"""Spaces and genotypes by name or by file."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.errors import UsageError, did_you_mean
from nas.registry import Registry
from nas.space.blocks import GROUP
from nas.space.document import Document, DocumentError, read_document
from nas.space.genotype import Genotype
from nas.space.open_schema import FORMAT_2, OpenSchema, read_open_schema
from nas.space.open_space import OpenSpace
from nas.space.schema import FORMAT, SpaceSchema, read_schema
from nas.space.space import Space

#: name -> path of the YAML document
SPACES: Registry[Path] = Registry("space", group=GROUP)
#: name -> path of the JSON document
GENOTYPES: Registry[Path] = Registry("genotype", group=GROUP)


def load_space(
    name_or_path: str | Path | Space, preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Space:
    """The space of a registered name or a YAML file.

    Args:
        name_or_path: Name, path, or a space that is there already.
        preset: One of the document's presets; by default the one that the document names in ``preset``.
        overrides: Dotted path -> value, e.g. ``{"network.cells": 3}``; they win over the preset.

    Raises:
        UsageError: Any fault; the message names the document, the line, the path in it and the nearest valid name.
    """
    if isinstance(name_or_path, Space):
        if preset is not None:
            raise UsageError("a Space has its preset resolved already; give the space's name or file to choose one")
        return space_from_document(name_or_path.document, overrides=overrides) if overrides else name_or_path
    path = _locate(name_or_path, SPACES, (".yaml", ".yml"))
    document = read_document(path)
    document.data.setdefault("name", path.stem)
    return _resolve(document, preset, overrides)


def space_from_document(
    content: Mapping[str, Any],
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    source: str = "space document",
) -> Space:
    """The space of a document that is a dictionary already.

    Args:
        content: The document, such as ``space.document``; not changed.
        preset: As for ``load_space``.
        overrides: As for ``load_space``.
        source: What to call the document in messages.

    Raises:
        UsageError: Any fault, as for ``load_space``.
    """
    if not isinstance(content, Mapping):
        raise DocumentError(f"{source}: (document): a mapping is expected, got {type(content).__name__}", "(document)")
    data = copy.deepcopy(dict(content))
    data.setdefault("name", "unnamed")
    return _resolve(Document(data, source), preset, overrides)


def load_genotype(name_or_path: str | Path | Genotype) -> Genotype:
    """The genotype of a registered name (``jsnet_released``) or a JSON file.

    Raises:
        UsageError: There is no such name or file, or it holds no valid genotype.
    """
    if isinstance(name_or_path, Genotype):
        return name_or_path
    return Genotype.load(_locate(name_or_path, GENOTYPES, (".json",)))


def _resolve(document: Document, preset: str | None, overrides: Mapping[str, Any] | None) -> Space:
    schema = _read(document)
    for at, name in ((("preset",), schema.preset), ((), preset)):
        if name is not None and name not in schema.presets:
            problem = f"unknown preset {name!r}; {did_you_mean(name, schema.presets)}"
            raise document.error(at, problem) if at else UsageError(f"{document.source}: {problem}")
    for name in schema.presets:  # a faulty preset is found before somebody asks for it
        _apply(document, name, None)
    return _apply(document, preset if preset is not None else schema.preset, overrides)


def _apply(document: Document, preset: str | None, overrides: Mapping[str, Any] | None) -> Space:
    document = copy.deepcopy(document)
    if preset is not None:
        at = ("presets", preset)
        for key, value in document.data["presets"][preset].items():
            line = document.lines.get((*at, key))
            document.overlay({key: value}, f"preset {preset!r}" + (f", line {line}" if line else ""))
    if overrides:
        document.overlay(overrides, "override")
    schema = _read(document)
    return OpenSpace(schema, document) if isinstance(schema, OpenSchema) else Space(schema, document)


def _read(document: Document) -> SpaceSchema | OpenSchema:
    stated = document.data.get("format", FORMAT)
    if stated == FORMAT_2:
        return read_open_schema(document)
    if stated != FORMAT:
        raise document.error(("format",), f"{stated!r} is not valid here; expected '{FORMAT}' or '{FORMAT_2}'")
    return read_schema(document)


def _locate(name_or_path: str | Path, registry: Registry[Path], endings: tuple[str, ...]) -> Path:
    if not isinstance(name_or_path, str | os.PathLike):
        raise UsageError(f"the name of a {registry.kind} or a path is expected, got {type(name_or_path).__name__}")
    text = str(name_or_path)
    if isinstance(name_or_path, str) and text in registry:
        return registry.get(text)
    path = Path(name_or_path)
    if path.is_file():
        return path
    if text.endswith(endings) or len(path.parts) > 1:
        raise UsageError(f"{registry.kind} file {text!r} does not exist; give an existing {' or '.join(endings)} file")
    raise UsageError(f"unknown {registry.kind} {text!r}; {did_you_mean(text, registry.names())} (or give a file)")
