"""PC-DARTS: partial channels and edge weights, as the JSNet search does it (specification sections 3 and 9)."""

from __future__ import annotations

from nas.strategies.bilevel import BilevelStrategy


class PcDarts(BilevelStrategy):
    """The relaxation of the space document: by default a quarter of the channels, with edge weights."""


STRATEGY = PcDarts
