"""PC-DARTS: partial channels and edge weights (Xu et al., ICLR 2020).

As in the search of JSNet (specification sections 3 and 9).
"""

from __future__ import annotations

from nas.strategies.bilevel import BilevelStrategy


class PcDarts(BilevelStrategy):
    """The relaxation of the space document, by default a quarter of the channels and edge weights."""


STRATEGY = PcDarts
