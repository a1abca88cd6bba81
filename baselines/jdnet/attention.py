"""The self-attention module (SAM) and the residual block around it (specification sections 1.5 to 1.7)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from baselines.jdnet.primitives import Neighbourhood, padded, taps, weighted_sum
from nas.errors import UsageError

#: LeakyReLU slope of the whole network
SLOPE = 0.2
KINDS = ("pairwise", "patchwise")
#: Elements of the widest intermediate tensor of the attention in inference (64 MiB in float32).
BAND_ELEMENTS = 2**24


def position_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Coordinates in -1..1 as (1, 2, H, W): plane 0 along a row, plane 1 down a column; one pixel gives -1.

    They are computed in float32 and then take the type and device of ``like``.
    """
    columns, rows = (_coordinates(size, like) for size in (width, height))
    planes = (columns.expand(height, width), rows[:, None].expand(height, width))
    return torch.stack(planes)[None].to(like.dtype)


def _coordinates(size: int, like: Tensor) -> Tensor:
    if torch.compiler.is_exporting() or torch.jit.is_tracing():  # there a size that is free must stay a symbol
        place = torch.arange(size, device=like.device).float()
        return place * 2.0 / torch.clamp(place.max(), min=1.0) - 1.0
    return torch.linspace(-1.0, 1.0, size, device=like.device)


class SelfAttention(nn.Module):
    """Attention over a K x K neighbourhood with reflected borders, (N, C, H, W) -> (N, M, H, W).

    ``pairwise`` (the one the network uses): the weight of a tap follows from the difference of the query here
    and the key there, and from the difference of the positions; softmax over the taps. ``patchwise``: all
    weights follow from the query and the whole neighbourhood of keys; no position, no softmax. In inference the image
    is processed in bands of rows, so that the K K-fold tensors stay small.
    """

    def __init__(
        self,
        in_planes: int,
        rel_planes: int,
        out_planes: int,
        share_planes: int = 8,
        sa_type: str = "pairwise",
        kernel_size: int = 7,
        recompute: bool = False,
    ) -> None:
        """Build the convolutions.

        Args:
            in_planes: C.
            rel_planes: R, query and key planes.
            out_planes: M, value planes.
            share_planes: s, value planes that use one weight plane, so that there are G = M / s of these.
            sa_type: "pairwise" or "patchwise".
            kernel_size: K, odd.
            recompute: Hold no attention tensor for the backward pass; compute it twice.

        Raises:
            UsageError: The kind is unknown, or the planes do not divide.
        """
        super().__init__()
        if sa_type not in KINDS:
            raise UsageError(f"unknown attention {sa_type!r}; known: {', '.join(KINDS)}")
        if rel_planes < 1 or share_planes < 1 or out_planes < share_planes or out_planes % share_planes:
            raise UsageError(
                f"attention with {rel_planes} relation planes and {out_planes} value planes sharing weights "
                f"by {share_planes} has no whole weight plane; give rel_planes >= 1 and a mid_planes that "
                "is a multiple of share_planes"
            )
        self.hood = Neighbourhood(kernel_size)
        self.sa_type, self.recompute = sa_type, recompute
        self.weight_planes = out_planes // share_planes
        area = kernel_size**2
        self.conv1 = nn.Conv2d(in_planes, rel_planes, 1)
        self.conv2 = nn.Conv2d(in_planes, rel_planes, 1)
        self.conv3 = nn.Conv2d(in_planes, out_planes, 1)
        if sa_type == "pairwise":
            self.conv_p = nn.Conv2d(2, 2, 1)
            wide, narrow, last = rel_planes + 2, rel_planes, self.weight_planes
        else:
            wide, narrow, last = rel_planes * (area + 1), self.weight_planes, area * self.weight_planes
        # The two linear maps follow each other without a non-linearity, as published.
        self.conv_w = nn.Sequential(
            nn.LeakyReLU(SLOPE), nn.Conv2d(wide, narrow, 1, bias=False), nn.Conv2d(narrow, last, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        query = self.conv1(x).contiguous()  # (N, R, H, W)
        # Padded once: (N, R | M | 2, H + 2 p, W + 2 p)
        key = padded(self.conv2(x).contiguous(), self.hood)
        value = padded(self.conv3(x).contiguous(), self.hood)
        place = None
        if self.sa_type == "pairwise":
            place = padded(self.conv_p(position_grid(height, width, x)), self.hood)
        if torch.is_grad_enabled():
            if self.recompute:
                result: Tensor = checkpoint(self._attend, query, key, value, place, use_reentrant=False)
                return result
            return self._attend(query, key, value, place)
        if (
            torch.compiler.is_exporting() or torch.jit.is_tracing()
        ):  # a graph has no bands: their number follows the size
            return self._attend(query, key, value, place)
        rows = self._band(query, value)
        if rows >= height:
            return self._attend(query, key, value, place)
        margin = 2 * self.hood.pad
        result = value.new_empty((x.shape[0], value.shape[1], height, width))
        for top in range(0, height, rows):
            below = min(top + rows, height)
            seen = slice(top, below + margin)
            result[:, :, top:below] = self._attend(
                query[:, :, top:below],
                key[:, :, seen],
                value[:, :, seen],
                None if place is None else place[:, :, seen],
            )
        return result

    def _band(self, query: Tensor, value: Tensor) -> int:
        """Rows of a band for which no tensor exceeds BAND_ELEMENTS (at least one row)."""
        planes = max(query.shape[1] + 2, value.shape[1])
        per_row = query.shape[0] * planes * self.hood.kernel**2 * query.shape[-1]
        return max(1, BAND_ELEMENTS // per_row)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, place: Tensor | None) -> Tensor:
        """query (N, R, h, W); key, value, place with p more pixels on every side -> (N, M, h, W)."""
        kernel, size = self.hood.kernel, query.shape[-2:]
        # (N, G, K K, h W)
        weight = self._patchwise(query, key) if place is None else self._pairwise(query, key, place)
        weight = weight.unflatten(3, tuple(size)).unflatten(2, (kernel, kernel))  # (N, G, K, K, h, W)
        return weighted_sum(value, weight.to(value.dtype), self.hood)

    def _pairwise(self, query: Tensor, key: Tensor, place: Tensor) -> Tensor:
        pad, relu, first, second = self.hood.pad, *self.conv_w
        content = query[:, :, None, None] - taps(key, self.hood)  # (N, R, K, K, h, W)
        here = place[:, :, pad:-pad, pad:-pad] if pad else place
        position = here[:, :, None, None] - taps(place, self.hood)  # (1, 2, K, K, h, W)
        # One map over [content, position], split so that the positions are not repeated for every image.
        own, other = first.weight.split([query.shape[1], 2], dim=1)
        mixed = F.conv2d(relu(_flat(content)), own) + F.conv2d(relu(_flat(position)), other)
        return torch.softmax(second(mixed), dim=2)  # (N, G, K K, h W)

    def _patchwise(self, query: Tensor, key: Tensor) -> Tensor:
        around = taps(key, self.hood).flatten(4, 5).flatten(1, 3)  # (N, R K K, h W)
        both = torch.cat([query.flatten(2), around], dim=1)[:, :, None]  # (N, R (K K + 1), 1, h W)
        # The plane index is the slow one: (N, G K K, 1, h W) -> (N, G, K K, h W)
        weight: Tensor = self.conv_w(both)[:, :, 0].unflatten(1, (self.weight_planes, -1))
        return weight


def _flat(x: Tensor) -> Tensor:
    """(N, c, K, K, h, W) -> (N, c, K K, h W)."""
    return x.flatten(4, 5).flatten(2, 3)


class AttentionBlock(nn.Module):
    """x + conv(lrelu(BN(SAM(lrelu(BN(x)))))); the only place with batch normalisation (section 1.5)."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:attention_form"

    def __init__(
        self,
        in_planes: int,
        rel_planes: int,
        mid_planes: int,
        share_planes: int = 8,
        kernel_size: int = 7,
        sa_type: str = "pairwise",
        recompute: bool = False,
    ) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.sam = SelfAttention(in_planes, rel_planes, mid_planes, share_planes, sa_type, kernel_size, recompute)
        self.bn2 = nn.BatchNorm2d(mid_planes)
        self.conv = nn.Conv2d(mid_planes, in_planes, 1)
        self.relu = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        h = self.sam(self.relu(self.bn1(x)))  # (N, C, H, W) -> (N, M, H, W)
        result: Tensor = x + self.conv(self.relu(self.bn2(h)))  # (N, C, H, W)
        return result
