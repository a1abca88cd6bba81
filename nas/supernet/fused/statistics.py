"""What attention blocks know of a node, for all of them at once: means, variances and maxima of its value.

Plain autograd would make one image-sized gradient for each statistic and keep differences and squares. Here one pass
back adds all of them up, and only the value itself is kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

#: mean of each channel over the image, (N, C, 1, 1)
MEAN = "spatial mean"
#: variance of each channel over the image (that of the population), (N, C, 1, 1)
VARIANCE = "spatial variance"
#: maximum over the channels, (N, 1, H, W)
MAXIMUM = "maximum over channels"
#: mean over the channels, (N, 1, H, W)
CHANNEL_MEAN = "mean over channels"
STATISTICS = (MEAN, VARIANCE, MAXIMUM, CHANNEL_MEAN)


def statistics(x: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Statistics of a tensor.

    Args:
        x: (N, C, H, W).
        names: Which ones.

    Returns:
        By name; shapes as stated with the names.
    """
    if not names:
        return {}
    return dict(zip(names, _Statistics.apply(x, names), strict=True))  # type: ignore[no-untyped-call]


class _Statistics(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, names: tuple[str, ...]) -> tuple[Tensor, ...]:
        found: dict[str, Tensor] = {}
        if MEAN in names or VARIANCE in names:
            found[MEAN] = x.mean((2, 3), keepdim=True)
        if VARIANCE in names:
            found[VARIANCE] = (x - found[MEAN]).square_().mean((2, 3), keepdim=True)
        if MAXIMUM in names:
            found[MAXIMUM] = x.amax(1, keepdim=True)
        if CHANNEL_MEAN in names:
            found[CHANNEL_MEAN] = x.mean(1, keepdim=True)
        ctx.names = names
        ctx.save_for_backward(x)
        return tuple(found[name] for name in names)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        given = dict(zip(ctx.names, grads, strict=True))
        return gradient(x, given), None


def gradient(x: Tensor, given: dict[str, Tensor]) -> Tensor:
    """The gradient of a tensor by those of its statistics.

    Plain operations, none in place on what is differentiated, so that it can be differentiated itself.
    """
    pixels = x.shape[2] * x.shape[3]
    slope: Tensor | None = None  # what multiplies x
    offset: Tensor | None = None  # (N, C, 1, 1)
    if VARIANCE in given:
        slope = given[VARIANCE] * (2 / pixels)
        offset = -slope * x.mean((2, 3), keepdim=True)
    if MEAN in given:
        own = given[MEAN] / pixels
        offset = own if offset is None else offset + own
    total: Tensor | None = None
    if slope is not None and offset is not None:
        total = torch.addcmul(offset, x, slope)
    elif offset is not None:
        total = offset
    if CHANNEL_MEAN in given:
        own = given[CHANNEL_MEAN] / x.shape[1]
        total = own if total is None else total + own
    if MAXIMUM in given:
        # the first largest value alone would be as right; torch's own amax shares the gradient among equal values
        known = x.detach()
        # as numbers at once: a comparison of numbers that gives truth values takes ten times as long on a CPU
        hit = torch.eq(known, known.amax(1, keepdim=True), out=torch.empty_like(known))
        share = given[MAXIMUM] / hit.sum(1, keepdim=True)
        total = hit * share if total is None else torch.addcmul(total, hit, share)
    assert total is not None
    return total.expand_as(x)
