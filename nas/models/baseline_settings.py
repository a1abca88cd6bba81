"""The settings that a baseline's network is created with: unknown names and values of another kind are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nas.errors import UsageError
from nas.keywords import check_keywords

F = TypeVar("F", bound=Callable[..., Any])


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
        check_keywords(self.name, self.create, settings, self.aliases)
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
