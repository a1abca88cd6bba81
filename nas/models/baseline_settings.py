"""The settings that a baseline's network is created with: unknown names and values of another kind are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from nas.errors import UsageError, did_you_mean

F = TypeVar("F", bound=Callable[..., Any])
_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)

#: annotation -> the types of its values, and what they are in words
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a word"),
}


class CheckedConstructor:
    """The constructor of a baseline, called with checked keywords.

    Attributes:
        name: Of the baseline, for messages.
        create: The constructor itself.
        aliases: Setting as the platform calls it (``cells``, ``width``) -> keyword of the constructor.
    """

    def __init__(self, name: str, create: Callable[..., Any], aliases: Mapping[str, str]) -> None:
        self.name, self.create, self.aliases = name, create, dict(aliases)
        self.__doc__ = create.__doc__

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.create)

    def __call__(self, /, *args: Any, **settings: Any) -> Any:
        """Create the network.

        Raises:
            UsageError: A setting is unknown, is given twice under two names, or its value is not of its kind.
        """
        settings = own_names(self.name, self.aliases, settings)
        parameters = self.__signature__.parameters.values()
        known = {p.name: p for p in parameters if p.kind not in _VARIABLE}
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)  # it then checks them itself
        for name, value in settings.items():
            if name in known:
                wanted = _wanted(value, known[name])
                if wanted:
                    raise UsageError(f"{self.name}: {name} must be {wanted}, not {value!r}")
            elif not takes_any:
                raise UsageError(f"{self.name} has no setting {name!r}; {nearest_of(name, [*known, *self.aliases])}")
        return self.create(*args, **settings)


def own_names(model: str, aliases: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under the constructor's own names.

    Args:
        model: Name of the baseline, for messages.
        aliases: Setting as the platform calls it -> keyword of the constructor.
        settings: Under either name.

    Raises:
        UsageError: One is given under both of its names with different values.
    """
    found = {name: value for name, value in settings.items() if name not in aliases}
    for alias, name in aliases.items():
        if alias not in settings:
            continue
        if name in found and found[name] != settings[alias]:
            raise UsageError(
                f"{model}: {alias!r} and {name!r} are one setting, given as {settings[alias]!r} and {found[name]!r}; "
                "give one of them"
            )
        found[name] = settings[alias]
    return found


def settings_of(model: type) -> Callable[[F], F]:
    """A decorator for a constructor ``create(**settings)`` that takes the fields of a dataclass."""

    def decorate(create: F) -> F:
        create.__signature__ = inspect.signature(model)  # type: ignore[attr-defined]
        return create

    return decorate


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


def nearest_of(name: str, known: Iterable[str]) -> str:
    """The clause after an unknown setting: the nearest one where a name is near, and all that there are.

    Args:
        name: What was given.
        known: The settings.
    """
    known = sorted(known)
    near = did_you_mean(name, known)
    listed = f"known: {', '.join(known)}"
    return listed if near.startswith("known") else f"{near} {listed}"
