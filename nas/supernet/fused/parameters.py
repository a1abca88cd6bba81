"""The parameters of one step, stacked over the edges that offer a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


class StepParameters:
    """What the recipes of kernels read; made anew for each forward pass.

    The blocks keep their parameters; here they are stacked, so that gradients reach each of them.

    Attributes:
        instances: X, the edges of all cells that offer the candidates.
        mixing: Weights of the candidates, (X, K); edge weights multiplied in.
        edges: Weights of the edges, (X,).
    """

    def __init__(
        self, layers: Sequence[dict[str, list[nn.Module]]], mixing: Tensor, edges: Tensor, dtype: torch.dtype
    ) -> None:
        """Take them up.

        Args:
            layers: For each candidate: path of a layer -> that layer of every instance.
            mixing: As the attribute.
            edges: As the attribute.
            dtype: Number type of the parameters.
        """
        self._layers, self.mixing, self.edges = layers, mixing, edges
        self.instances, self.dtype, self.device = mixing.shape[0], dtype, mixing.device
        self._stacked: dict[tuple[int, str, str], Tensor] = {}
        self._weights = mixing.unbind(1)  # one gradient for all

    def parameter(self, candidate: int, path: str, name: str) -> Tensor:
        """A parameter of a layer in all instances, (X, ...)."""
        key = candidate, path, name
        if key not in self._stacked:
            self._stacked[key] = _stack(self._layers[candidate][path], name)
        return self._stacked[key]

    def weight(self, candidate: int) -> Tensor:
        """The weight of a candidate in the mixture, (X,)."""
        return self._weights[candidate]


def _stack(layers: Sequence[nn.Module], name: str) -> Tensor:
    if not parametrize.is_parametrized(layers[0], name):
        return torch.stack(_each(layers, name))
    chains = [layer.parametrizations[name] for layer in layers]  # type: ignore[index]
    norm = chains[0][0]
    if len(chains[0]) == 1 and isinstance(norm, parametrizations._WeightNorm) and norm.dim == 0:
        # the norm is that of each output channel, so all instances are normalised as one layer of many channels
        g, v = (torch.stack(_each(chains, f"original{i}")) for i in (0, 1))
        whole: Tensor = norm(g.flatten(0, 1), v.flatten(0, 1))
        return whole.view(v.shape)
    return torch.stack([getattr(layer, name) for layer in layers])


def _each(layers: Sequence[Any], name: str) -> list[Tensor]:
    """A parameter of each layer; from where torch keeps them, since asking the layers takes ten times as long."""
    return [layer._parameters[name] for layer in layers]
