"""OLES: a candidate whose weights begin to overfit is trained no further.

Jiang, Ji, Zhang, Wang, Xia, Jiang and Ji, "Operation-level early stopping for robustifying differentiable NAS",
NeurIPS 2023, section 3.3, algorithm 1: the cosine between the gradients of a candidate's weights on training and on
search images, averaged over a number of steps; where it falls below a threshold, training improves the candidate for
its training images alone, and its weights stay as they are from then on. Skip connections have no weights and cannot
overfit, which otherwise lets them win late in a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

Gradients = Sequence["Tensor | None"]


def candidate_weights(supernet: nn.Module, weights: Sequence[nn.Parameter]) -> dict[str, list[int]]:
    """The weights of every candidate of every mixed edge.

    Args:
        supernet: The supernet.
        weights: All trained weights.

    Returns:
        Name of a candidate -> indices of its weights; candidates without weights are left out.
    """
    places = {id(weight): i for i, weight in enumerate(weights)}
    found: dict[str, list[int]] = {}
    for name, module in supernet.named_modules():
        if hasattr(module, "as_edge"):
            for k, block in enumerate(module.as_edge(0).blocks):
                indices = [places[id(p)] for p in block.parameters() if id(p) in places]
                if indices:
                    found[f"{name}.{k}"] = indices
    return found


class OperationStopping:
    """Which candidates are trained no further.

    Args:
        candidates: Name -> indices of its weights.
        threshold: Mean cosine below which a candidate stops.
        every: Architecture steps over which the cosine is averaged.
    """

    def __init__(self, candidates: dict[str, list[int]], threshold: float, every: int) -> None:
        self._candidates, self._threshold, self._every = candidates, threshold, every
        self._sums = {name: [0.0, 0] for name in candidates}
        self.stopped: set[str] = set()

    def compare(self, training: Gradients, search: Gradients) -> None:
        """Note how well the gradients of a step on both kinds of images match, and stop candidates that overfit."""
        for name, indices in self._candidates.items():
            pairs = [(training[i], search[i]) for i in indices]
            flat = [(a.flatten(), b.flatten()) for a, b in pairs if a is not None and b is not None]
            if name in self.stopped or not flat:
                continue
            a, b = (torch.cat(side).double() for side in zip(*flat, strict=True))
            norms = a.norm() * b.norm()
            self._sums[name][0] += float(a @ b / norms) if float(norms) > 0 else 0.0
            self._sums[name][1] += 1
            total, count = self._sums[name]
            if count >= self._every:
                if total / count < self._threshold:
                    self.stopped.add(name)
                self._sums[name] = [0.0, 0]

    def without_stopped(self, slopes: Gradients) -> list[Tensor | None]:
        """The gradients, None for weights of candidates that have stopped: the optimiser leaves these as they are."""
        frozen = {i for name in self.stopped for i in self._candidates[name]}
        return [None if i in frozen else slope for i, slope in enumerate(slopes)]

    def state_dict(self) -> dict[str, Any]:
        """Plain values from which ``load_state_dict`` continues."""
        return {"sums": {name: list(sums) for name, sums in self._sums.items()}, "stopped": sorted(self.stopped)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self._sums = {name: [float(total), int(count)] for name, (total, count) in state["sums"].items()}
        self.stopped = set(state["stopped"])
