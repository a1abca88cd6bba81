"""Keywords from settings and files, held against the function that takes them: names, and kinds of values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nas.errors import UsageError, did_you_mean

_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)

#: annotation -> the types of its values, and what they are in words
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a word"),
}


def check_keywords(
    owner: str,
    function: Callable[..., Any],
    given: Mapping[str, Any],
    aliases: Iterable[str] = (),
    *,
    without: Iterable[str] = (),
) -> None:
    """Refuse keywords that a function does not take.

    A function that takes any keyword is left to check the unknown ones itself.

    Args:
        owner: Whose settings these are, for messages.
        function: What is to be called with them; kinds are those of its annotations ``bool``, ``int``, ``float`` and
            ``str``, also with ``| None``.
        given: The keywords.
        aliases: Further names that a user may give, for the message alone.
        without: Parameters that are no settings.

    Raises:
        UsageError: One is unknown, or its value is of another kind.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {p.name: p for p in parameters if p.kind not in _VARIABLE and p.name not in set(without)}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for name, value in given.items():
        if name in known:
            wanted = _wanted(value, known[name])
            if wanted:
                raise UsageError(f"{owner}: {name} must be {wanted}, not {value!r}")
        elif not takes_any:
            raise UsageError(f"{owner} has no setting {name!r}; {nearest_of(name, [*known, *aliases])}")


def nearest_of(name: str, known: Iterable[str]) -> str:
    """The clause after an unknown setting: the nearest one where a name is near, and all that there are.

    Args:
        name: What was given.
        known: The settings.
    """
    known = sorted(known)
    if not known:
        return "there are none"
    near = did_you_mean(name, known)
    listed = f"known: {', '.join(known)}"
    return listed if near.startswith("known") else f"{near} {listed}"


def _wanted(value: Any, parameter: inspect.Parameter) -> str:
    """What a value must be to be of the kind of a parameter; empty where it is, or where no kind is declared."""
    declared = parameter.annotation if isinstance(parameter.annotation, str) else ""
    if value is None and (parameter.default is None or "None" in declared):
        return ""
    kind = _KINDS.get(declared.replace("| None", "").strip())
    if kind is None:
        return ""
    types, words = kind
    return "" if isinstance(value, types) and (bool in types or not isinstance(value, bool)) else words
