"""The steps of a fused forward pass: convolutions with kernels by number, and functions of their sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.supernet.fused.functions import RELU, join_parts, split_parts, split_pieces
from nas.supernet.fused.linear import Function, Window

#: number of the tensor that holds all channels of the node
NODE = -1


@dataclass
class Job:
    """One term of a sum: a convolution of a tensor, a piece of a wider convolution, or the tensor itself.

    Attributes:
        base: Number of the tensor that is read.
        kernel: Number of the kernel; None: the tensor itself, times ``factor``.
        bias: Number of the bias; None for none.
        window: Where the convolution looks.
        groups: Groups for each edge; 0: one for all edges, which read the same tensor.
        factor: See ``kernel``.
        piece: (number of the shared convolution, which piece of it), where one convolution serves several sums.
    """

    base: int
    kernel: int | None
    bias: int | None
    window: Window
    groups: int
    factor: float = 1.0
    piece: tuple[int, int] | None = None


@dataclass
class Joint:
    """One convolution for several sums: its pieces lie side by side in the output channels of each edge."""

    job: Job
    sizes: list[int]


@dataclass
class Sum:
    """Terms, a bias that no convolution takes along, and a constant."""

    jobs: list[Job]
    bias: int | None = None
    constant: float = 0.0


@dataclass
class Bucket:
    """Equal features of several branches as one tensor (N, edges * members * channels, h, w).

    Attributes:
        tensor: Its number.
        function: Of the sums.
        operands: The sums.
        members: Branches of an edge; 0: all edges share it, and it is computed once.
    """

    tensor: int
    function: Function
    operands: list[Sum]
    members: int


class Execution:
    """The tensors of the edges that leave one node, while they are computed.

    Attributes:
        edges: How many edges.
        size: Height and width of the image.
    """

    def __init__(
        self,
        x: Tensor,
        node: Tensor,
        kernels: Sequence[Tensor],
        edges: int,
        joints: Sequence[Joint],
        known: Mapping[str, Tensor],
    ) -> None:
        """Begin.

        Args:
            x: What the blocks are given, (N, C, H, W).
            node: The whole value of the node; its first channels are ``x``.
            kernels: Those of these edges.
            edges: How many.
            joints: Convolutions that serve several sums.
            known: Statistics of ``x`` by name.
        """
        self.edges, self.size = edges, (int(x.shape[-2]), int(x.shape[-1]))
        self._kernels, self._joints = kernels, joints
        self._tensors: dict[int, Tensor] = {0: x, NODE: node}
        self._pieces: dict[int, tuple[Tensor, ...]] = {}
        self._statistics = known

    def tensor(self, number: int) -> Tensor:
        """A tensor that is computed already."""
        return self._tensors[number]

    def weight(self, number: int) -> Tensor:
        """A number for each edge, (edges,)."""
        return self._kernels[number]

    def kernel(self, number: int | None) -> Tensor | None:
        """A kernel or a bias of these edges."""
        return None if number is None else self._kernels[number]

    def fill(self, bucket: Bucket) -> None:
        """Compute the tensor of a bucket."""
        parts = max(self.edges * bucket.members, 1)
        name = bucket.function.key[0] if bucket.function.key else None
        if bucket.members == 0 and name in self._statistics and bucket.operands[0].jobs[0].base == 0:
            self._tensors[bucket.tensor] = self._statistics[str(name)]
        elif bucket.function is RELU:
            value, owned = self.sum(bucket.operands[0])
            self._tensors[bucket.tensor] = value.relu_() if owned else value.relu()
        else:
            operands = [self.sum(operand)[0] for operand in bucket.operands]
            self._tensors[bucket.tensor] = bucket.function.call(operands, parts, self.size)

    def sum(self, terms: Sum) -> tuple[Tensor, bool]:
        """A sum of terms, and whether it may be changed in place."""
        total, owned = self._term(terms.jobs[0])
        for job in terms.jobs[1:]:
            term, _ = self._term(job)
            alike = total.shape == term.shape and total.dtype == term.dtype
            total, owned = total.add_(term) if owned and alike else total + term, True
        if terms.bias is not None:
            bias = self._kernels[terms.bias].to(total.dtype)
            total, owned = total + bias.view(1, -1, 1, 1), True
        if terms.constant:
            total, owned = total + terms.constant, True
        return total, owned

    def _term(self, job: Job) -> tuple[Tensor, bool]:
        if job.piece is not None:
            return self._piece(*job.piece), True  # no other sum has it
        if job.kernel is None:
            base = self._tensors[job.base]
            return (base if job.factor == 1.0 else base * job.factor), False
        return self.convolve(job), True

    def convolve(self, job: Job) -> Tensor:
        """One convolution."""
        window, base, groups = job.window, self._tensors[job.base], self.groups(job)
        assert job.kernel is not None
        if base.shape[2:] == (1, 1) and window.is_point:
            return _of_vectors(base, self._kernels[job.kernel], self.kernel(job.bias), groups)
        return F.conv2d(
            base,
            self._kernels[job.kernel],
            self.kernel(job.bias),
            window.stride,
            window.padding,
            window.dilation,
            groups,
        )

    def groups(self, job: Job) -> int:
        """Groups of a convolution over all these edges."""
        return self.edges * job.groups or 1

    def fills_image(self, job: Job) -> bool:
        """Whether the result of a term has the size of the image."""
        return job.window.keeps_size and tuple(self._tensors[job.base].shape[-2:]) == self.size

    def is_wide(self, gate: Sum) -> bool:
        """Whether a gate of as many channels as the input has a value for each of its values: worth computing twice."""
        if gate.bias is not None or gate.constant or self._tensors[0].shape[1] == 1:
            return False
        return all(self.fills_image(job) for job in gate.jobs)

    def term(self, job: Job) -> Tensor:
        """One term."""
        return self._term(job)[0]

    def _piece(self, number: int, which: int) -> Tensor:
        if number not in self._pieces:
            joint = self._joints[number]
            self._pieces[number] = split_pieces(self.convolve(joint.job), self.edges, joint.sizes)
        return self._pieces[number][which]


def _of_vectors(x: Tensor, kernel: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """A 1x1 convolution of images of one pixel, (N, in, 1, 1) -> (N, out, 1, 1), as a matrix product."""
    if groups == 1:
        return F.linear(x.flatten(1), kernel.flatten(1), bias)[:, :, None, None]
    each = x.view(x.shape[0], groups, -1).transpose(0, 1)  # (groups, N, in / groups)
    matrices = kernel.view(groups, -1, kernel.shape[1]).transpose(1, 2)  # (groups, in / groups, out / groups)
    out = torch.bmm(each, matrices) if bias is None else torch.baddbmm(bias.view(groups, 1, -1), each, matrices)
    return out.transpose(0, 1).reshape(x.shape[0], -1, 1, 1)


class _AddPlaced(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, total: Tensor, part: Tensor, edges: int, step: int) -> Tensor:
        ctx.edges, ctx.step = edges, step
        _every(total, edges, step).add_(split_parts(part, edges))
        ctx.mark_dirty(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad, join_parts(_every(grad, ctx.edges, ctx.step)), None, None


def _every(x: Tensor, edges: int, step: int) -> Tensor:
    return torch.unflatten(x, 1, (edges, -1, step)).select(3, 0)


def add_placed(total: Tensor, part: Tensor, edges: int, step: int) -> Tensor:
    """Add channel i of each edge of ``part`` to channel i * step of that edge of ``total``, in place.

    Args:
        total: (N, edges * step * c, H, W).
        part: (N, edges * c, H, W).
        edges: Number of edges.
        step: See above.
    """
    result: Tensor = _AddPlaced.apply(total, part, edges, step)  # type: ignore[no-untyped-call]
    return result
