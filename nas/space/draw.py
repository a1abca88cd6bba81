"""Random choices from whatever source of randomness the caller has."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from nas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    Rng = int | random.Random | np.random.Generator


def drawer(rng: Rng) -> Callable[[int], int]:
    """A function n -> uniform integer in 0..n-1, from a seed, a ``random.Random`` or a numpy Generator.

    The same seed gives the same draws on every machine; a generator is advanced.
    """
    if isinstance(rng, random.Random):
        return rng.randrange
    if hasattr(rng, "integers"):  # a numpy Generator; numpy itself is not needed for it
        generator = rng
        return lambda n: int(generator.integers(n))
    if not isinstance(rng, bool) and hasattr(rng, "__index__"):
        return random.Random(int(rng)).randrange
    raise UsageError(
        f"rng must be an int seed, a random.Random or a numpy Generator, got {type(rng).__name__}; pass e.g. rng=0"
    )
