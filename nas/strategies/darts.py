"""DARTS: every candidate at full width, no edge weights."""

from __future__ import annotations

from typing import Any

from nas.strategies.bilevel import BilevelStrategy


class Darts(BilevelStrategy):
    """Whatever the space document says of partial channels and edge weights is switched off."""

    def supernet_options(self) -> dict[str, Any]:
        return {"partial_channels": 1, "edge_weights": False}


STRATEGY = Darts
