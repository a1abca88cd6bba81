"""A document of plain values that remembers where each value came from, so that errors can say so."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nas.documents import PLAIN_TAGS, check_size, check_yaml, read_text, yaml_errors
from nas.errors import UsageError, did_you_mean

#: where a value sits: keys of mappings and indices of lists, from the root
Location = tuple[str | int, ...]


class DocumentError(UsageError):
    """A fault in a document.

    Attributes:
        path: Where, e.g. ``cells.operation.candidates[3]``.
        line: In which line of the file, counted from 1; None where that is not known.
    """

    def __init__(self, message: str, path: str = "", line: int | None = None) -> None:
        """Say what is wrong, and where."""
        super().__init__(message)
        self.path = path
        self.line = line


def dotted(location: Location) -> str:
    """``("cells", "a", "candidates", 3)`` as ``cells.a.candidates[3]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text or "(document)"


@dataclass
class Document:
    """Plain data with the origin of its values.

    Attributes:
        data: The values.
        source: What to call the document in messages (a file name).
        lines: Location -> line in the file.
        origins: Location -> words for values that came from elsewhere (a preset, an override).
    """

    data: dict[str, Any]
    source: str = "space document"
    lines: dict[Location, int] = field(default_factory=dict)
    origins: dict[Location, str] = field(default_factory=dict)

    def error(self, location: Location, message: str) -> DocumentError:
        """The exception for a fault at a location; ``message`` says what is wrong and how to mend it."""
        line = None
        # an override deeper inside made the faulty mapping
        origin = next((o for at, o in self.origins.items() if location and at[: len(location)] == location), None)
        for length in range(len(location), -1, -1):  # an absent key is reported at its parent's line
            if origin is not None:
                break
            origin, line = self.origins.get(location[:length]), self.lines.get(location[:length])
            if line is not None:
                break
        where = self.source
        if origin is not None:
            where += f", {origin}"
        elif line is not None:
            where += f", line {line}"
        path = dotted(location)
        return DocumentError(f"{where}: {path}: {message}", path, None if origin else line)

    def overlay(self, changes: Mapping[str, Any], origin: str) -> None:
        """Lay values over the document and remember where they came from.

        Unlike settings (``nas.config.merging``), a mapping never replaces a single value or a list, and no cell is
        added: both would hide a misspelling.

        Args:
            changes: Dotted path -> value; mappings are merged, all else is replaced.
            origin: Words for the source of the values.

        Raises:
            DocumentError: A path leads through something that is no mapping, or to a cell that is not there.
        """
        for key, value in changes.items():
            if not isinstance(key, str) or not all(key.split(".")):
                raise DocumentError(f"{self.source}, {origin}: {key!r} is not a dotted path such as network.width")
            self._put(tuple(key.split(".")), value, origin)

    def _put(self, location: Location, value: Any, origin: str) -> None:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                self._put((*location, str(key)), inner, origin)
            return
        here: Any = self.data
        for depth, part in enumerate(location[:-1]):
            if here.get(part) is None:
                if location[:depth] == ("cells",):
                    raise DocumentError(
                        f"{self.source}, {origin}: {dotted(location)}: there is no cell {part!r}; "
                        + did_you_mean(str(part), here),
                        dotted(location),
                    )
                here[part] = {}
            here = here[part]
            if not isinstance(here, dict):
                raise DocumentError(
                    f"{self.source}, {origin}: {dotted(location)}: "
                    f"{dotted(location[: depth + 1])} is no mapping; give the whole value, not a part",
                    dotted(location),
                )
        here[location[-1]] = copy.deepcopy(value)
        for known in [k for k in self.lines if k[: len(location)] == location]:
            del self.lines[known]
        self.origins[location] = origin


def parse_yaml(text: str, source: str) -> Document:
    """Read a document from YAML text; tags are not allowed.

    Args:
        text: The whole text.
        source: What to call it in messages.

    Raises:
        DocumentError: Bad syntax, a key that is repeated or is no word, or a document of unreasonable size.
    """

    def fault(message: str, line: int | None) -> DocumentError:
        at = "" if line is None else f", line {line}"
        return DocumentError(f"{source}{at}: (document): {message}", "(document)", line)

    with yaml_errors(source, fault):
        check_yaml(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        walker = _Walker(source)
        data = walker.value(root, ()) if root is not None else None
    check_size(data, source)
    if not isinstance(data, dict):
        raise DocumentError(
            f"{source}, line 1: (document): a space document is a mapping with the keys format, name, cells "
            "and network",
            "(document)",
            1,
        )
    return Document(data, source, walker.lines)


def read_document(path: Path) -> Document:
    """Read a document from a YAML file.

    Raises:
        UsageError: The file is absent or no UTF-8 text, or as for ``parse_yaml``.
    """
    try:
        text = read_text(path)
    except UsageError as error:
        raise UsageError(f"{error}; give the path of a YAML file") from error
    return parse_yaml(text, path.name)


class _Walker:
    """Turns YAML nodes into plain values and notes the line of each."""

    def __init__(self, source: str) -> None:
        self.lines: dict[Location, int] = {}
        self._constructor = yaml.constructor.SafeConstructor()
        self._source = source

    def value(self, node: yaml.Node, location: Location) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(location, line)
        if isinstance(node, yaml.SequenceNode):
            self._plain(node, "tag:yaml.org,2002:seq", location)
            return [self.value(item, (*location, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            self._plain(node, "tag:yaml.org,2002:map", location)
            return self._mapping(node, location)
        if node.tag not in PLAIN_TAGS:
            raise self._error(location, line, f"a value of the kind {node.tag!r} is not allowed; put it in quotes")
        return self._constructor.construct_object(node)

    def _plain(self, node: yaml.Node, tag: str, location: Location) -> None:
        if node.tag != tag:
            raise self._error(location, node.start_mark.line + 1, f"the tag {node.tag!r} is not allowed; remove it")

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        self._check_keys(node, location)
        self._constructor.flatten_mapping(node)  # `<<: *anchor`: merged keys first, own keys win
        result: dict[str, Any] = {}
        for key, item in node.value:
            name = key.value
            self.lines[(*location, name)] = key.start_mark.line + 1
            result[name] = self.value(item, (*location, name))
        return result

    def _check_keys(self, node: yaml.MappingNode, location: Location) -> None:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(location, line, "a key must be a plain word")
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                raise self._error(
                    (*location, key.value), line, f"the key {key.value!r} is not a word; put it in quotes"
                )
            if key.value in seen:
                raise self._error(
                    (*location, key.value),
                    line,
                    f"the key is given twice (first in line {seen[key.value]}); remove one of the two",
                )
            seen[key.value] = line

    def _error(self, location: Location, line: int, message: str) -> DocumentError:
        path = dotted(location)
        return DocumentError(f"{self._source}, line {line}: {path}: {message}", path, line)
