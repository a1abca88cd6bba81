"""Documents that others wrote, read within bounds: text, JSON and YAML of regular files, as plain values only.

What a file claims is never believed: its size is that of its bytes, aliases are counted as what they stand for, and
a document that is too large, too deep or no plain data is refused in a sentence, before it costs time or memory.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from nas.errors import UsageError

#: most bytes of a document; the largest real ones (an experiment of hundreds of runs) stay far below
MOST_BYTES = 2 * 2**20
#: most values of a document, aliases written out; how many levels deep they may stand
MOST_VALUES, MOST_DEPTH = 50_000, 64
#: letters of a YAML text beyond which it is first counted in C: twenty times as fast
_LONG = 20_000
#: integers beyond this are no setting, and converting them to floats would fail
_LARGEST = 2**63
#: the floats of YAML 1.2 that YAML 1.1 takes for strings: digits and an exponent, as in 5e-4
EXPONENT = re.compile(r"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
#: what plain YAML values are tagged with; a value of any other tag is refused
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map"))
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a date is text: only plain values come out."""


class _ExponentLoader(_Loader):
    """The same with the exponents of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_ExponentLoader.add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+.0123456789"))


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of limited size.

    Args:
        path: The file. A pipe, a device or a folder is refused without being read.
        most: Most bytes that are taken.

    Raises:
        UsageError: It is absent, no regular file, unreadable or larger.
    """
    name = str(path)
    try:
        # without O_NONBLOCK a pipe that nobody writes to would be waited for
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {_short(name)} ({_reason(error)})") from error
    with os.fdopen(number, "rb", closefd=True) if _regular(number) else _refuse(number, name) as stream:
        try:
            content = stream.read(most + 1)
        except OSError as error:
            raise UsageError(f"cannot read {_short(name)} ({_reason(error)})") from error
    if len(content) > most:
        raise UsageError(f"{_short(name)} is larger than the {most // 1024} KiB that such a file may have")
    return content


def is_document(path: Path) -> bool:
    """Whether a regular file is there; False only where nothing is.

    Raises:
        UsageError: Something else has its name: a pipe, a device, a folder, or a link to nothing.
    """
    if path.is_file():
        return True
    if os.path.lexists(path):
        raise UsageError(f"{_short(str(path))} is no regular file; remove it, or put the file back")
    return False


def read_text(path: str | Path, most: int = MOST_BYTES) -> str:
    """The UTF-8 text of a regular file of limited size; a byte order mark is dropped.

    Raises:
        UsageError: As for ``read_bytes``, or it is no UTF-8 text.
    """
    try:
        return read_bytes(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{_short(str(path))} is not UTF-8 text (byte {error.start})") from error


def parse_json(text: str, source: str, most_values: int = MOST_VALUES) -> Any:
    """The values of a JSON document.

    Args:
        text: The whole text.
        source: What to call it in messages.
        most_values: Most values that it may hold, however deep.

    Raises:
        UsageError: It is not valid JSON, repeats a key, or is too large or too deep.
    """

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise UsageError(f"{source}: the key {_short(twice)} is given twice; remove one of the two")
        return made

    if len(text) > (most := MOST_BYTES * max(1, most_values // MOST_VALUES)):
        raise UsageError(f"{source} is larger than the {most // 1024} KiB that such a document may have")
    try:
        values = json.loads(text, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        raise UsageError(f"{source}, line {error.lineno}: not valid JSON: {error.msg}") from error
    except RecursionError as error:
        raise UsageError(f"{source}: not valid JSON: nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise UsageError(f"{source}: not valid JSON: {error}") from error
    check_size(values, source, most_values)
    return values


def read_json(path: str | Path) -> Any:
    """The values of a JSON file; errors as for ``read_text`` and ``parse_json``."""
    return parse_json(read_text(path), repr(str(path)))


def parse_yaml(text: str, source: str, *, exponents: bool = False) -> Any:
    """The plain values of a YAML document: no tags, no dates, no objects.

    Args:
        text: The whole text of one document.
        source: What to call it in messages.
        exponents: Read ``5e-4`` as a number, as YAML 1.2 does; in YAML 1.1 it is a string.

    Raises:
        UsageError: It is not valid YAML, holds a value that is not plain, or is too large or too deep with its
            aliases written out.
    """
    loader = _ExponentLoader if exponents else _Loader
    with yaml_errors(source):
        check_yaml(text)
        root = yaml.compose(text, Loader=loader)
        for node in _nodes(root):
            if node.tag not in PLAIN_TAGS and node.tag != _MERGE:
                raise ValueError(f"line {node.start_mark.line + 1}: the tag {node.tag!r} is not allowed")
        values = yaml.load(text, Loader=loader)
    check_size(values, source)
    return values


def read_yaml(path: str | Path) -> Any:
    """The plain values of a YAML file; errors as for ``read_text`` and ``parse_yaml``."""
    return parse_yaml(read_text(path), repr(str(path)))


class yaml_errors:  # noqa: N801
    """A block in which whatever the YAML library raises for a bad document becomes a ``UsageError``."""

    def __init__(self, source: str, make: Callable[[str, int | None], UsageError] | None = None) -> None:
        """Name the document; ``make`` builds another error from a message and a line."""
        self._make = make or (lambda message, line: UsageError(f"{source}{_at(line)}: {message}"))

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Translate the error, if it is one of a bad document."""
        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            raise self._make(f"not valid YAML: {error.problem}", None if mark is None else mark.line + 1) from error
        if isinstance(error, RecursionError):
            raise self._make("not valid YAML: nested too deeply", None) from error
        # constructors raise these for what is written like a value and is none: !!int abc, an impossible number
        if isinstance(error, (yaml.YAMLError, ValueError, TypeError, KeyError, IndexError, OverflowError)):
            raise self._make("not valid YAML: " + " ".join(str(error).split())[:300], None) from error


def check_yaml(text: str) -> None:
    """See that a YAML text is of a reasonable size when its aliases are written out, without building it.

    Raises:
        yaml.YAMLError: It is not valid YAML, too large or too deep, or an alias stands inside what it refers to.
    """
    if len(text) > MOST_BYTES:
        raise yaml.YAMLError(f"larger than {MOST_BYTES // 1024} KiB")
    quick = getattr(yaml, "CSafeLoader", None)  # absent where the library was built without C
    if quick is not None and len(text) > _LONG:
        try:
            _count_values(text, quick)
        except _ExcessError:
            raise
        except yaml.YAMLError:
            pass  # the other parser says more of what is wrong
    _count_values(text, yaml.SafeLoader)


def _count_values(text: str, loader: Any) -> None:
    behind: dict[str, int] = {}  # anchor -> values that it stands for, itself included
    open_nodes: list[tuple[str | None, int]] = []  # anchors of the collections around, and the count at their start
    count = pages = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.DocumentStartEvent):
            pages += 1
            if pages > 1:
                raise _fault(event, "it holds more than one document")
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_nodes):
                raise _fault(event, f"the alias *{event.anchor} stands inside what it refers to")
            count += behind.get(str(event.anchor), 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                behind[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                behind[event.anchor] = 1
        if count > MOST_VALUES:
            raise _fault(event, f"more than {MOST_VALUES} values, aliases counted as what they stand for")
        if len(open_nodes) > MOST_DEPTH:
            raise _fault(event, f"nested more than {MOST_DEPTH} levels deep")


class _ExcessError(yaml.MarkedYAMLError):
    """More than a document may hold."""


def _fault(event: Any, problem: str) -> _ExcessError:
    return _ExcessError(problem=problem, problem_mark=event.start_mark)


def check_size(values: Any, source: str, most_values: int = MOST_VALUES) -> None:
    """See that plain values are few, not nested too deeply and made of numbers of a usual size.

    Raises:
        UsageError: They are not.
    """
    count, waiting = 0, [(values, 0)]
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > most_values:
            raise UsageError(f"{source} contains more than {most_values} values; such a document is no larger")
        if depth > MOST_DEPTH:
            raise UsageError(f"{source} is nested more than {MOST_DEPTH} levels deep; write it flat")
        if isinstance(value, dict):
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, depth + 1) for inner in value)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            raise UsageError(f"{source} contains an integer of {value.bit_length()} bits; no setting is that large")


def _nodes(root: yaml.Node | None) -> Iterator[yaml.Node]:
    """Every node once, keys included."""
    waiting, seen = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.MappingNode):
            waiting.extend(inner for pair in node.value for inner in pair)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)


def _regular(number: int) -> bool:
    return stat.S_ISREG(os.fstat(number).st_mode)


def _refuse(number: int, name: str) -> Any:
    is_folder = stat.S_ISDIR(os.fstat(number).st_mode)
    os.close(number)
    raise UsageError(f"{_short(name)} is {'a folder' if is_folder else 'no regular file'}; give the path of a file")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or "no possible path"


def _at(line: int | None) -> str:
    return "" if line is None else f", line {line}"


def _short(text: str, most: int = 120) -> str:
    return repr(text if len(text) <= most else text[: most - 1] + "…")
