"""Random choices from whatever source of randomness the caller has."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from nas.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    Rng = int | random.Random | np.random.Generator


def drawer(rng: Rng | None) -> Callable[[int], int]:
    """A function that draws a uniform integer in 0..n-1 for any n.

    Args:
        rng: A seed (the same seed gives the same draws on every machine), a ``random.Random`` or a numpy Generator,
            which is advanced; None: a generator of its own, seeded by the system.

    Raises:
        UsageError: ``rng`` is something else.
    """
    if rng is None:
        return random.Random().randrange
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
