"""Global learnable attention (GLA): fixed plus learned similarity inside hashed chunks.

Specification section 3; equal to the published operations, with the learned score evaluated once per pixel
and chunks handled in groups, so that memory beyond a few feature maps does not grow with the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from baselines.dlsn.hashing import Chunks, bucket_count, cut_chunks, hash_codes, sort_positions, wide
from nas.errors import NasError, UsageError

#: Keys shorter than this are not normalised to unit length.
KEY_FLOOR = 5e-5


class GLA(nn.Module):
    """Attention of every position to the three chunks around it, in ``n_hashes`` differently hashed orders."""

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        chunk_size: int = 128,
        n_hashes: int = 3,
        res_scale: float = 1.0,
        k_size: int = 3,
        chunks_per_step: int = 64,
        recompute: bool = False,
        center_queries: bool = False,
        small_input: str = "wrap",
    ) -> None:
        """Build the embeddings and the learned score.

        Args:
            channels: C.
            reduction: r; queries and keys have c = C / r channels.
            chunk_size: k, part of the weights (the learned score is a k-vector).
            n_hashes: h, the number of rounds.
            res_scale: Factor of the attention before the input is added.
            k_size: Kernel of the three embeddings.
            chunks_per_step: Chunks worked on together: less memory or more speed; the result does not change.
            recompute: In training keep no scores; compute them again in the backward pass.
            center_queries: Hash queries minus their mean (off in the published network).
            small_input: ``wrap`` or ``error``, for images of fewer than k positions.

        Raises:
            UsageError: A size is not positive, or r does not divide C.
        """
        super().__init__()
        sizes = (channels, reduction, chunk_size, n_hashes, chunks_per_step)
        if min(sizes) < 1 or channels % reduction:
            raise UsageError(
                f"dlsn attention needs positive sizes and channels divisible by reduction, not channels "
                f"{channels}, reduction {reduction}, chunk_size {chunk_size}, n_hashes {n_hashes}, "
                f"chunks_per_step {chunks_per_step}"
            )
        if small_input not in ("wrap", "error"):
            raise UsageError(f"small_input {small_input!r} is neither 'wrap' nor 'error'")
        self.query_channels = channels // reduction
        self.chunk_size, self.n_hashes, self.res_scale = chunk_size, n_hashes, res_scale
        self.chunks_per_step, self.recompute = chunks_per_step, recompute
        self.center_queries, self.small_input = center_queries, small_input

        def embedding(width: int) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(channels, width, k_size, padding=k_size // 2), nn.ReLU())

        self.conv_match = embedding(self.query_channels)
        self.conv_assembly = embedding(channels)
        self.conv_assembly_fc = embedding(channels)
        self.fc = nn.Sequential(nn.Linear(channels, chunk_size), nn.ReLU(), nn.Linear(chunk_size, chunk_size))

    def projection_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """(c, h, b) of the projections this module takes for an input of that size."""
        return self.query_channels, self.n_hashes, bucket_count(height * width, self.chunk_size)

    def order(self, queries: Tensor, projections: Tensor) -> tuple[Tensor, Tensor]:
        """(N, L, c) queries -> hash codes and the stable order of positions, both (N, h, L)."""
        rows = self.chunks_per_step * self.chunk_size
        codes = hash_codes(queries, projections, rows, self.center_queries)
        return codes, sort_positions(codes)

    def forward(self, x: Tensor, projections: Tensor) -> Tensor:
        """(N, C, H, W) and projections (c, h, b) -> (N, C, H, W)."""
        self._check(x, projections)
        queries = _rows(self.conv_match(x))  # (N, C, H, W) -> (N, L, c)
        _, order = self.order(queries, projections)
        chunks = cut_chunks(order, self.chunk_size)
        # the published code normalises keys only
        keys = F.normalize(wide(queries), dim=-1, eps=KEY_FLOOR).to(queries.dtype)
        learned = self.fc(_rows(self.conv_assembly_fc(x)))  # (N, L, C) -> (N, L, k)
        values = _rows(self.conv_assembly(x))  # (N, C, H, W) -> (N, L, C)
        tables = tuple(t.flatten(0, 1) for t in (queries, keys, learned, values))  # (N*L, channels) each
        merged = self._merge_rounds(tables, chunks).to(x.dtype)  # (N*L, C)
        attention = merged.view(*values.shape).transpose(1, 2).reshape(x.shape)  # (N, L, C) -> (N, C, H, W)
        return attention * self.res_scale + x

    def _merge_rounds(self, tables: tuple[Tensor, ...], chunks: Chunks) -> Tensor:
        """Softmax over rounds of their log-sum-exp, kept as a running result: (N*L, C)."""
        result, total = self._one_round(tables, chunks, 0)
        for i in range(1, self.n_hashes):
            more, weight = self._one_round(tables, chunks, i)
            both = torch.logaddexp(total, weight)
            result = result * (total - both).exp() + more * (weight - both).exp()
            total = both
        return result

    def _one_round(self, tables: tuple[Tensor, ...], chunks: Chunks, i: int) -> tuple[Tensor, Tensor]:
        """Round ``i``: attention (N*L, C) and its log-sum-exp (N*L, 1), in row-major order again."""
        parts = [
            self._attend(tables, own, keys)
            for own, keys in zip(
                chunks.own[i].split(self.chunks_per_step),
                chunks.keys[i].split(self.chunks_per_step),
                strict=True,
            )
        ]
        values, weights = (torch.cat(p).flatten(0, 1) for p in zip(*parts, strict=True))
        inverse = chunks.inverse[i]  # copies that filled the last chunk are left behind here
        return values.index_select(0, inverse), weights.index_select(0, inverse)

    def _attend(self, tables: tuple[Tensor, ...], own: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        if self.recompute and torch.is_grad_enabled():
            result: tuple[Tensor, Tensor] = checkpoint(_attend, *tables, own, keys, use_reentrant=False)
            return result
        return _attend(*tables, own, keys)

    def _check(self, x: Tensor, projections: Tensor) -> None:
        height, width = x.shape[-2:]
        if self.small_input == "error" and height * width < self.chunk_size:
            raise NasError(
                f"dlsn with chunk_size {self.chunk_size} cannot restore {height}x{width} pixels; "
                "pad the image or build it with small_input='wrap'"
            )
        expected = self.projection_shape(height, width)
        if tuple(projections.shape) != expected:
            raise NasError(
                f"the projections are {tuple(projections.shape)} instead of {expected} (channels, hashes, "
                f"buckets) for {height}x{width} pixels; give projections drawn for this image size"
            )


def _attend(
    queries: Tensor, keys: Tensor, learned: Tensor, values: Tensor, own: Tensor, near: Tensor
) -> tuple[Tensor, Tensor]:
    """Steps 8 and 9 for g chunks: own (g, k), near (g, 3k) -> values (g, k, C), log-sum-exp (g, k, 1).

    The learned score of a key is a vector over the *places* of the chunk, whichever query stands there.
    """
    # (g, k, c) x (g, c, 3k) -> (g, k, 3k)
    scores = torch.baddbmm(_take(learned, near).transpose(1, 2), _take(queries, own), _take(keys, near).mT)
    scores = wide(scores)
    total = torch.logsumexp(scores, dim=-1, keepdim=True)
    weights = (scores - total).exp().to(values.dtype)
    return weights @ _take(values, near), total  # (g, k, 3k) x (g, 3k, C) -> (g, k, C)


def _take(table: Tensor, rows: Tensor) -> Tensor:
    """(R, channels), (g, s) -> (g, s, channels)."""
    return table.index_select(0, rows.flatten()).view(*rows.shape, -1)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H*W, C), positions in row-major order."""
    return x.flatten(2).transpose(1, 2).contiguous()
