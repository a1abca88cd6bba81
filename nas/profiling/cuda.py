"""All that timing needs from a CUDA device, in one class, so that tests can put a fake device in its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from nas.errors import UsageError

#: a network, compiled or recorded as it may be: called with an image (1, C, H, W)
Forward = Callable[[Tensor], object]
Movable = TypeVar("Movable", nn.Module, Tensor)


class CudaEvent(Protocol):
    """A mark in the queue of a device, as ``torch.cuda.Event``."""

    def record(self) -> None:
        """Put the mark at the end of the queue."""
        ...

    def elapsed_time(self, end: CudaEvent) -> float:
        """Milliseconds from this mark to ``end``; the device must have reached both."""
        ...


class Cuda:
    """One CUDA device.

    Args:
        device: ``cuda`` or ``cuda:N``.

    Raises:
        UsageError: torch sees no CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        if not torch.cuda.is_available():
            raise UsageError("no CUDA device is present; measure with device='cpu'")
        self.device = device

    @property
    def name(self) -> str:
        """The name of the product, e.g. "NVIDIA H100"."""
        return torch.cuda.get_device_name(self.device)

    def put(self, thing: Movable) -> Movable:
        """Move a module to the device in place, or copy a tensor to it."""
        return thing.to(self.device)

    def current(self) -> AbstractContextManager[object]:
        """Make the device the current one, to which events and graphs belong."""
        return cast("AbstractContextManager[object]", torch.cuda.device(self.device))

    def autocast(self, dtype: torch.dtype) -> AbstractContextManager[object]:
        """Run in a reduced type what torch deems safe to run in it."""
        return torch.autocast("cuda", dtype=dtype)

    def event(self) -> CudaEvent:
        """A new mark that takes the time when the device reaches it."""
        return cast(CudaEvent, torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]

    @cached_property
    def side(self) -> torch.cuda.Stream:
        """The stream on which graphs are warmed up and recorded."""
        return torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    def synchronize(self) -> None:
        """Wait until the device has done all its work."""
        torch.cuda.synchronize(self.device)

    def settle(self) -> None:
        """Make cuBLAS allocate its workspace, which it keeps, by a matrix product on both streams.

        Without it the workspace would count towards the memory of the first model that is measured, and of no other.
        """
        for stream in (torch.cuda.current_stream(self.device), self.side):
            with torch.cuda.stream(stream):
                square = torch.ones(16, 16, device=self.device)
                square @ square
        self.synchronize()

    def allocated_bytes(self) -> int:
        """Bytes that torch has allocated on the device, for this or any other model."""
        return int(torch.cuda.memory_allocated(self.device))

    def reset_peak(self) -> None:
        """Begin a new measurement of the peak."""
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak_bytes(self) -> int:
        """The most bytes that torch had allocated at once since ``reset_peak``, for this or any other model."""
        return int(torch.cuda.max_memory_allocated(self.device))

    def warm_up(self, run: Forward, x: Tensor, times: int = 3) -> None:
        """Call ``run(x)`` on the side stream, as torch requires before a graph is recorded."""
        self.side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.side):
            for _ in range(times):
                run(x)
        torch.cuda.current_stream(self.device).wait_stream(self.side)

    def graph(self, run: Forward, x: Tensor) -> Forward:
        """Record ``run(x)`` as a CUDA graph; call ``warm_up`` first.

        Args:
            run: The network.
            x: Its input (1, C, H, W) on the device.

        Returns:
            A function that replays the graph on that same input, whatever it is called with.

        Raises:
            UsageError: The network synchronises with the CPU or computes what depends on values, so that it cannot be
                recorded.
        """
        recorded = torch.cuda.CUDAGraph()
        try:
            # torch's own choice is one stream for the process, made on the first device that recorded
            with torch.cuda.graph(recorded, stream=self.side):
                output = run(x)
        except RuntimeError as error:
            raise UsageError(f"this network cannot be recorded as a CUDA graph ({error}); time it without") from error

        def replay(_: Tensor) -> object:
            recorded.replay()
            return output

        return replay
