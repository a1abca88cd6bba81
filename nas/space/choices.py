"""Settings that a document leaves open: any value may be ``{choice: [...]}`` instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nas.space.document import Document, Location, dotted

KEY = "choice"
#: what can be chosen
Value = bool | int | float | str
#: ``ordered``: numbers, a step at a time; ``flag``: yes or no; ``option``: words
SettingKind = Literal["ordered", "flag", "option"]


@dataclass(frozen=True)
class OpenSetting:
    """One setting that is open.

    Attributes:
        at: Where it stands among the settings.
        choices: What it may be; numbers ascend.
    """

    at: Location
    choices: tuple[Value, ...]

    @property
    def kind(self) -> SettingKind:
        """How a search may move it."""
        if all(isinstance(c, bool) for c in self.choices):
            return "flag"
        return "ordered" if all(not isinstance(c, str) for c in self.choices) else "option"

    @property
    def name(self) -> str:
        """As users type it, e.g. ``depths[0]``."""
        return dotted(self.at)


def open_settings(tree: Any, document: Document, base: Location) -> list[OpenSetting]:
    """The open settings of a tree, in the order of the document.

    Args:
        tree: Settings, some of them ``{choice: [...]}``.
        document: Where they stand.
        base: At which place.

    Raises:
        DocumentError: A choice is none: it is empty, no list of plain values, has one twice, or numbers do not ascend.
    """
    return list(_open(tree, document, base, ()))


def _open(tree: Any, document: Document, base: Location, at: Location) -> Iterator[OpenSetting]:
    if is_choice(tree):
        yield OpenSetting(at, check_choices(tree[KEY], document, (*base, *at, KEY)))
    elif isinstance(tree, Mapping):
        if KEY in tree:
            other = next(str(k) for k in tree if k != KEY)
            raise document.error(
                (*base, *at), f"a choice has the one key {KEY!r}; remove {other!r}, or {KEY!r} if it is no choice"
            )
        for key, value in tree.items():
            yield from _open(value, document, base, (*at, str(key)))
    elif isinstance(tree, list | tuple):
        for i, value in enumerate(tree):
            yield from _open(value, document, base, (*at, i))


def is_choice(value: Any) -> bool:
    """Whether a value of a document is ``{choice: ...}``."""
    return isinstance(value, Mapping) and list(value) == [KEY]


def check_choices(found: Any, document: Document, at: Location) -> tuple[Value, ...]:
    """The values of a choice.

    Raises:
        DocumentError: See ``open_settings``.
    """
    if not isinstance(found, list) or not found:
        raise document.error(at, "a choice is a list of at least one value, such as [8, 12, 16]")
    for i, value in enumerate(found):
        if not isinstance(value, bool | int | float | str):
            raise document.error((*at, i), f"a choice holds numbers, words, true and false, not {value!r}")
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in found[:i]):
            raise document.error((*at, i), f"{value!r} is listed twice; remove one of the two")
        if isinstance(value, bool) != isinstance(found[0], bool) or isinstance(value, str) != isinstance(found[0], str):
            raise document.error((*at, i), f"{value!r} is of another kind than {found[0]!r}; a choice is of one kind")
        if i and not isinstance(value, bool | str) and not value > found[i - 1]:
            raise document.error((*at, i), f"{value!r} follows {found[i - 1]!r}; let the numbers of a choice ascend")
    return tuple(found)


def filled(tree: Any, values: Sequence[Value]) -> Any:
    """A copy of a tree with a value for each open setting, in the order of ``open_settings``."""
    return _filled(tree, iter(values))


def _filled(tree: Any, values: Iterator[Value]) -> Any:
    if is_choice(tree):
        return next(values)
    if isinstance(tree, Mapping):
        return {key: _filled(value, values) for key, value in tree.items()}
    return [_filled(value, values) for value in tree] if isinstance(tree, list | tuple) else tree


def put(tree: Any, at: Location, value: Any) -> Any:
    """A copy of a tree with another value at a place."""
    if not at:
        return value
    made = dict(tree) if isinstance(tree, Mapping) else list(tree)
    made[at[0]] = put(made[at[0]], at[1:], value)  # type: ignore[index]
    return made


def value_at(tree: Any, at: Location) -> Any:
    """What stands at a place of a tree; None where there is no such place."""
    for part in at:
        try:
            tree = tree[part]
        except (KeyError, IndexError, TypeError):
            return None
    return tree
