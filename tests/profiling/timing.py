"""``measure_latency`` with the fields of its options as keywords."""

from __future__ import annotations

from typing import Any

from torch import nn

from nas.profiling.latency import Latency, LatencyOptions, measure_latency


def timed(model: nn.Module, height: int, width: int, **keywords: Any) -> Latency:
    """The latency of ``model``; ``clock`` and ``cuda`` go to the measurement, all else to its options."""
    stand_ins = {k: keywords.pop(k) for k in ("clock", "cuda") if k in keywords}
    return measure_latency(model, height, width, LatencyOptions(**keywords), **stand_ins)
