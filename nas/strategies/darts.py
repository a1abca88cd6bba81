"""DARTS: every candidate at full width, no edge weights (Liu et al., ICLR 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nas.strategies.bilevel import BilevelStrategy


class Darts(BilevelStrategy):
    """Partial channels and edge weights of the space document are switched off."""

    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}


STRATEGY = Darts
