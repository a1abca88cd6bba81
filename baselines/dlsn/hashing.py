"""Which positions meet: buckets by random projection, stable order by bucket, chunks with their neighbours.

Specification section 3.2, steps 1 to 5 and 7. Nothing here carries a gradient.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

#: No round has more buckets than this.
MOST_BUCKETS = 128


def bucket_count(length: int, chunk: int) -> int:
    """Buckets of one hash round over ``length`` positions: even, from 2 to 128.

    The published rule gives 0 below one chunk; 2 is used there (section 8.1).
    """
    whole = length // chunk
    return 2 if whole == 0 else min(whole + whole % 2, MOST_BUCKETS)


def wide(x: Tensor) -> Tensor:
    """float64 stays, everything else becomes float32."""
    return x if x.dtype == torch.float64 else x.float()


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Autocast off, so that half-precision training hashes and normalises in float32."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


@torch.no_grad()
def hash_codes(queries: Tensor, projections: Tensor, rows: int, center: bool = False) -> Tensor:
    """The bucket of every position in every round: the strongest projection, the first among equals.

    Args:
        queries: (N, L, c).
        projections: (c, h, b).
        rows: Positions worked on at a time, so that the (L, h, b) responses never exist as a whole.
        center: Subtract each sample's mean query first (non-negative queries crowd few buckets otherwise).

    Returns:
        (N, h, L) int16 in [0, b).
    """
    n, length, c = queries.shape
    _, h, b = projections.shape
    with full_precision(queries.device):
        q = wide(queries)
        if center:
            q = q - q.mean(1, keepdim=True)
        directions = projections.to(q).reshape(c, h * b)
        codes = [
            (block @ directions).view(-1, h, b).argmax(-1).to(torch.int16)  # (rows, h*b) -> (rows, h)
            for block in q.reshape(n * length, c).split(rows)
        ]
    return torch.cat(codes).view(n, length, h).transpose(1, 2)  # (N*L, h) -> (N, h, L)


@torch.no_grad()
def sort_positions(codes: Tensor) -> Tensor:
    """(N, h, L) codes -> (N, h, L) positions by rising code; equal codes stay in row-major order."""
    return codes.contiguous().argsort(dim=-1, stable=True)


class Chunks(NamedTuple):
    """Rows of the (N*L, channels) tables in each hash round; M chunks of k places a sample.

    Attributes:
        own: (h, N*M, k), the queries of every chunk.
        keys: (h, N*M, 3k), own, previous and next chunk.
        inverse: (h, N*L), where the result of every position lies among the N*M*k places.
    """

    own: Tensor
    keys: Tensor
    inverse: Tensor


@torch.no_grad()
def cut_chunks(order: Tensor, chunk: int) -> Chunks:
    """(N, h, L) sorted positions -> chunks; the last one is filled with copies of the last sorted positions.

    Below one chunk the copies go round (section 8.1). Neighbours are circular and nothing is masked.
    """
    n, h, length = order.shape
    device = order.device
    padding = -length % chunk
    m = (length + padding) // chunk
    copies = (torch.arange(padding, device=device) + (length - padding)) % length
    places = torch.cat([torch.arange(length, device=device), copies])  # (L + p)
    samples = torch.arange(n, device=device).view(n, 1, 1)
    own = (order[..., places] + samples * length).view(n, h, m, chunk)  # (N, h, L) -> (N, h, M, k)
    keys = torch.cat([own, own.roll(1, 2), own.roll(-1, 2)], dim=-1)  # (N, h, M, 3k)
    inverse = torch.empty_like(order)
    inverse.scatter_(-1, order, torch.arange(length, device=device).expand_as(order))
    inverse = inverse + samples * (m * chunk)
    return Chunks(
        own.transpose(0, 1).reshape(h, n * m, chunk),
        keys.transpose(0, 1).reshape(h, n * m, 3 * chunk),
        inverse.transpose(0, 1).reshape(h, n * length),
    )
