"""Names of blocks with parameters: whatever stands in the brackets is a plain value or is refused."""

from __future__ import annotations

import pytest

from nas.errors import UsageError
from nas.space.blocks import BLOCKS
from nas.space.variants import split_variant

HOSTILE = ("!!timestamp x", "!!int abc", "*a", "&a [*a]", "[" * 5000, "9" * 5000, "2020-01-01", "!!python/x", "{")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_parameter_is_refused_in_a_sentence(value: str) -> None:
    role, name = next((r, n) for r in BLOCKS for n in BLOCKS[r].names() if BLOCKS[r].traits(n).parameters)
    parameter = next(iter(BLOCKS[role].traits(name).parameters))
    with pytest.raises(UsageError):
        split_variant(f"{name}({parameter}={value})", BLOCKS[role].traits(name))
