"""What timing asks of a CUDA device, in one place, so that a machine without one can test the timing on a fake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from nas.errors import UsageError

Run = Callable[[Tensor], object]
Movable = TypeVar("Movable", nn.Module, Tensor)


class Event(Protocol):
    """A mark in the device's queue."""

    def record(self) -> None: ...
    def elapsed_time(self, end: Event) -> float: ...


class Cuda:
    """One CUDA device."""

    def __init__(self, device: torch.device) -> None:
        if not torch.cuda.is_available():
            raise UsageError("no CUDA device is present; measure with device='cpu'")
        self.device = device

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device)

    def put(self, thing: Movable) -> Movable:
        """The module (moved where it is) or a copy of the tensor on the device."""
        return thing.to(self.device)

    def current(self) -> AbstractContextManager[object]:
        """The device as the current one, for events and graphs."""
        return cast("AbstractContextManager[object]", torch.cuda.device(self.device))

    def autocast(self, dtype: torch.dtype) -> AbstractContextManager[object]:
        return torch.autocast("cuda", dtype=dtype)

    def event(self) -> Event:
        return cast(Event, torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]

    @cached_property
    def side(self) -> torch.cuda.Stream:
        """The stream of this device on which graphs are warmed up and recorded."""
        return torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.device)

    def settle(self) -> None:
        """A matrix product on either stream, so that the workspace that cuBLAS takes once and keeps is there.

        Without it the first model measured on a device would be charged with it, and the next would not.
        """
        for stream in (torch.cuda.current_stream(self.device), self.side):
            with torch.cuda.stream(stream):
                square = torch.ones(16, 16, device=self.device)
                square @ square
        self.synchronize()

    def allocated_bytes(self) -> int:
        """What torch has allocated now, by whatever model."""
        return int(torch.cuda.memory_allocated(self.device))

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak_bytes(self) -> int:
        """The most that torch had allocated since ``reset_peak``, by whatever model."""
        return int(torch.cuda.max_memory_allocated(self.device))

    def warm_up(self, run: Run, x: Tensor, times: int = 3) -> None:
        """``run(x)`` on the side stream, as torch asks before a graph is recorded."""
        self.side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.side):
            for _ in range(times):
                run(x)
        torch.cuda.current_stream(self.device).wait_stream(self.side)

    def graph(self, run: Run, x: Tensor) -> Run:
        """``run(x)`` recorded once as a CUDA graph; the result replays it on that same input.

        Call ``warm_up`` before. A network that synchronises or whose work depends on values cannot be recorded:
        UsageError.
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
