"""Calls of the compiled functions: numbers, some of which are addresses of tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from nas.supernet.fused.native.build import function_of

#: number types that the compiled loops know, and what their functions are called
DTYPES = {torch.float32: "float", torch.float64: "double"}


def define(name: str, schema: str, compute: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """Register an operator of torch, ``torch.ops.jsnas.<name>``.

    Its gradient is given by an ``autograd.Function`` around it: ``torch.library.register_autograd`` does more in Python
    in every call, which took 4 % of a step of small images.

    Args:
        name: Of the operator.
        schema: Its arguments and results.
        compute: What it does on a CPU.
        fake: Results without values, for tracing.
    """
    full = f"jsnas::{name}"
    torch.library.define(full, schema)
    torch.library.impl(full, "CPU", compute)
    torch.library.register_fake(full, fake)


class Call:
    """The argument of a compiled function; the tensors that it points to are kept until it is over.

    Attributes:
        dtype: Number type of the call.
        numbers: The argument so far.
    """

    def __init__(self, dtype: torch.dtype, *numbers: int) -> None:
        self.dtype, self.numbers = dtype, list(numbers)
        self._kept: list[Tensor] = []

    def dense(self, tensor: Tensor) -> Tensor:
        """The tensor in the number type of the call, in one piece."""
        return (tensor if tensor.dtype == self.dtype else tensor.to(self.dtype)).contiguous()

    def last(self, tensor: Tensor) -> Tensor:
        """The tensor in the number type of the call, in one piece with the channels last."""
        return last(tensor if tensor.dtype == self.dtype else tensor.to(self.dtype))

    def point(self, *tensors: Tensor | None) -> None:
        """Point to tensors, and to nothing for None."""
        for tensor in tensors:
            self.numbers.append(0 if tensor is None else tensor.data_ptr())
            if tensor is not None:
                self._kept.append(tensor)

    def run(self, name: str) -> None:
        """Call the function of this name for the number type."""
        function_of(f"{name}_{DTYPES[self.dtype]}")((ctypes.c_int64 * len(self.numbers))(*self.numbers))


def last(x: Tensor) -> Tensor:
    """Channels last in memory, in one piece."""
    return x.contiguous(memory_format=torch.channels_last)


def in_order_of(x: Tensor, y: Tensor) -> Tensor:
    """The values of y in the order of memory of x."""
    return y if y.stride() == x.stride() else torch.empty_like(x).copy_(y)
