"""The published ways of applying the network: overlapping quadrants, and the mean over eight views.

Specification section 6. With attention over the whole tile the tiling changes the result, so that published
scores ask for this geometry; ``nas evaluate --tile`` cuts its own.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def chop_forward(network: Network, image: Tensor, scale: int, shave: int = 10, min_size: int = 120_000) -> Tensor:
    """Restore an image from four overlapping quadrants, each cut again while it is too large.

    An image that no smaller quadrant can cover goes through the network whole (the original fails there, or never
    ends).

    Args:
        network: (N, C, H, W) -> (N, C, s*H, s*W).
        image: (N, C, H, W).
        scale: s.
        shave: Least overlap beyond the middle, in pixels, before sides are rounded up past multiples of 4 and 8.
        min_size: A quadrant of at least so many pixels is cut again.

    Returns:
        (N, C, s*H, s*W).
    """
    height, width = image.shape[-2:]
    tall, broad = height // 2 + shave, width // 2 + shave
    tall += 4 - tall % 4  # adds 4 to a multiple of 4, as published
    broad += 8 - broad % 8
    if tall > height or broad > width or tall * broad == height * width:
        return network(image)
    tiles = [
        image[..., rows, columns]
        for rows in (slice(0, tall), slice(height - tall, height))
        for columns in (slice(0, broad), slice(width - broad, width))
    ]
    if tall * broad < min_size:
        outputs = [network(tile) for tile in tiles]
    else:
        outputs = [chop_forward(network, tile, scale, shave, min_size) for tile in tiles]
    # the tiles hold more than their quarter: keep the outer part, discard the overlap
    up, left = scale * (height // 2), scale * (width // 2)
    down, right = scale * height - up, scale * width - left
    top = torch.cat([outputs[0][..., :up, :left], outputs[1][..., :up, -right:]], dim=-1)
    bottom = torch.cat([outputs[2][..., -down:, :left], outputs[3][..., -down:, -right:]], dim=-1)
    return torch.cat([top, bottom], dim=-2)


def self_ensemble(network: Network, image: Tensor) -> Tensor:
    """Mean per sample over x, V, H, HV, T, TV, TH, THV (V flips the width, H the height, T transposes)."""
    total: Tensor | None = None
    for transpose in (False, True):
        for dims in ((), (-1,), (-2,), (-1, -2)):
            view = image.flip(dims)
            result = network(view.mT if transpose else view)
            result = (result.mT if transpose else result).flip(dims)
            total = result if total is None else total + result
    assert total is not None
    return total / 8
