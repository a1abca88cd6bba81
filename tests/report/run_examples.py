"""Events of runs as searches write them."""

from __future__ import annotations

from typing import Any

import numpy as np


def trial_events(count: int = 8) -> list[dict[str, Any]]:
    """Trials that end in every way, and the archive after some of them."""
    out: list[dict[str, Any]] = []
    for i in range(1, count + 1):
        state = ("complete", "complete", "pruned", "failed")[i % 4]
        value = {} if state == "failed" else {"psnr": 30.0 + i % 5}
        out.append({"step": i, "kind": "trial", "genotype": f"g{i}", "macs": 1e9 * i, "state": state, **value})
    for i in (2, 5, 7):
        points = [{"genotype": f"p{k}", "psnr": 30.0 + k, "macs": 1e9 * (k + 8 - i)} for k in range(1, i)]
        out.append({"step": i, "kind": "pareto", "points": points})
    return out


def weight_events(steps: int = 5) -> list[dict[str, Any]]:
    """Architecture weights of two cells, logged every ten steps."""
    rng = np.random.default_rng(0)
    out: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        cells = {"operation": rng.dirichlet([1] * 4, 3).tolist(), "attention": rng.dirichlet([1] * 5, 1).tolist()}
        out.append({"step": 10 * step, "kind": "architecture", "probabilities": cells})
    return out
