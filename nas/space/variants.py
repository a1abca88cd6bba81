"""Names of blocks with parameters: ``lk_strip(kernel=11)`` is the block ``lk_strip`` with a kernel of 11.

Such a name stands wherever the name of a block may stand, so that a supernet, a genotype, a table of costs and a figure
need not know of parameters. Parameters at their defaults are left out: a block has one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from nas.documents import parse_yaml
from nas.errors import UsageError

_NAME = re.compile(r"^([^()]+)\((.*)\)$")


class Parametrised(Protocol):
    """What must be known of a block: see ``nas.space.blocks.BlockTraits``."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters, each with a ``default`` and ``choices``."""

    def options(self, block: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, those that are not given at their defaults; UsageError for impossible ones."""


def value_text(value: Any) -> str:
    """A parameter's value as it stands in a name: ``31``, ``1.5``, ``bilinear``, ``true``."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def variant_name(block: str, traits: Parametrised, given: Mapping[str, Any]) -> str:
    """The name of a block with parameters.

    Args:
        block: Its name without parameters.
        traits: Its traits, which know the parameters.
        given: Values by name.

    Raises:
        UsageError: A name is unknown, or a value is none of its choices.
    """
    options = traits.options(block, given)
    said = [f"{k}={value_text(v)}" for k, v in options.items() if v != traits.parameters[k].default]
    return f"{block}({', '.join(said)})" if said else block


def base_name(name: str) -> str:
    """The name of the block without its parameters."""
    found = _NAME.match(name)
    return found[1] if found else name


def split_variant(name: str, traits: Parametrised) -> tuple[str, dict[str, Any]]:
    """The inverse of ``variant_name``.

    Args:
        name: A name with or without parameters.
        traits: Of the block without them.

    Returns:
        The block, and the parameters that are named.

    Raises:
        UsageError: The parameters are not those of the block.
    """
    found = _NAME.match(name)
    if found is None:
        return name, {}
    given: dict[str, Any] = {}
    for part in found[2].split(","):
        key, equals, text = (word.strip() for word in part.partition("="))
        if not equals:
            raise UsageError(f"block {name!r}: {part.strip()!r} is no parameter; write name(parameter=value)")
        parameter = traits.parameters.get(key)
        choices = parameter.choices if parameter is not None else ()
        given[key] = next((c for c in choices if value_text(c) == text), None) or _plain(text)
    traits.options(found[1], given)
    return found[1], given


def _plain(text: str) -> Any:
    try:
        return parse_yaml(text, "a parameter")
    except UsageError:
        return text
