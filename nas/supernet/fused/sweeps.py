"""From the z of an edge to its result, and from the gradient of that to those of the z, for a few images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.supernet.fused.rows import part, rows_of

#: gradients of the input as rows, of the weights, and of each side; None of what is not wanted
Results = tuple[Tensor | None, Tensor | None, list[Tensor | None]]


class Sweep:
    """One call of ``tiles.forward`` or ``tiles.backward``.

    Attributes:
        x: The input as rows.
    """

    def __init__(self, x: Tensor, weights: Tensor | None, sides: Sequence[Tensor]) -> None:
        """Take up the arguments, as ``tiles.Arguments`` has them."""
        self.x, self._size, self._weights, self._sides = rows_of(x), x.shape[2:], weights, sides

    def multiply(self, edge: int, images: slice, rows: slice, z: list[Tensor], out: Tensor) -> None:
        """Write the input times the sum of the gates of an edge; the z may be changed."""
        weighted = [each.sigmoid_().mul_(scale) for each, scale in zip(z, self._scales(edge), strict=True)]
        torch.mul(self._total(edge, images, rows, weighted), part(self.x, rows), out=out)

    def want(self, of_x: bool, of_weights: bool, of_sides: Sequence[bool]) -> None:
        """Say which gradients will be wanted; before ``slopes``."""
        self._of_x = torch.empty_like(self.x) if of_x else None
        self._of_weights: list[Tensor] | None = [] if of_weights else None
        self._of_sides = [torch.zeros_like(s) if n else None for s, n in zip(self._sides, of_sides, strict=True)]

    def slopes(self, edge: int, images: slice, rows: slice, z: list[Tensor], grad: Tensor) -> list[Tensor]:
        """The gradient of each z but for its weight, from that of the result; the z may be changed."""
        gates = [each.sigmoid_() for each in z]
        if self._of_x is not None:
            weighted = [gate * scale for gate, scale in zip(gates, self._scales(edge), strict=True)]
            total = self._total(edge, images, rows, weighted)
            into = part(self._of_x, rows)
            _ = into.addcmul_(total, grad) if edge else torch.mul(total, grad, out=into)
        of_gates = grad * part(self.x, rows)
        for slope in self._of_sides:
            if slope is not None:
                self._add_reduced(_side(slope, images, edge), of_gates)
        if self._of_weights is not None:
            self._of_weights += [torch.dot(of_gates.flatten(), gate.flatten()) for gate in gates]
        for gate in gates:
            torch.ops.aten.sigmoid_backward.grad_input(of_gates, gate, grad_input=gate)
        return gates

    def results(self) -> Results:
        """What ``want`` asked for, summed over all calls of ``slopes``."""
        weights = self._of_weights
        summed = None if weights is None else torch.stack(weights).view(-1, *self._weights.shape).sum(0)  # type: ignore[union-attr]
        return self._of_x, summed, list(self._of_sides)

    def _scales(self, edge: int) -> list[Tensor]:
        return [] if self._weights is None else list(self._weights[edge].unbind())

    def _total(self, edge: int, images: slice, rows: slice, weighted: Sequence[Tensor]) -> Tensor:
        """Weighted gates (the first may be changed) and sides."""
        total = weighted[0] if weighted else torch.zeros_like(part(self.x, rows))
        for more in weighted[1:]:
            total += more
        pixels = torch.unflatten(total, 0, (-1, *self._size))
        for side in self._sides:
            pixels += _side(side, images, edge)
        return total

    def _add_reduced(self, slope: Tensor, grad: Tensor) -> None:
        """Add the gradient of a side, which was broadcast over ``grad``."""
        if slope.numel() == grad.shape[0]:  # one value for all channels of a pixel
            slope += (grad @ grad.new_ones(grad.shape[1])).view(slope.shape)
            return
        pixels = torch.unflatten(grad, 0, (-1, *self._size))
        dims = [d for d in range(4) if slope.shape[d] == 1 and pixels.shape[d] != 1]
        slope += pixels.sum(dims, keepdim=True) if dims else pixels


def _side(side: Tensor, images: slice, edge: int) -> Tensor:
    """The part of a side for an edge and some images: (M or 1, H or 1, W or 1, C or 1)."""
    here = side if side.shape[0] == 1 else part(side, images)
    return here.select(1, edge if side.shape[1] > 1 else 0).permute(0, 2, 3, 1)
