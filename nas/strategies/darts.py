"""DARTS: every candidate at full width, no edge weights (Liu et al., ICLR 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nas.strategies.bilevel import BilevelStrategy


class Darts(BilevelStrategy):
    """Whatever the space document says of partial channels and edge weights is switched off."""

    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}


STRATEGY = Darts
