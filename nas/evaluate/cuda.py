"""What timing asks of a CUDA device, in one place, so that a machine without one can test the timing on a fake."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.device)

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak_bytes(self) -> int:
        """The most that torch had allocated since ``reset_peak``."""
        return int(torch.cuda.max_memory_allocated(self.device))

    def graph(self, run: Run, x: Tensor) -> Run:
        """``run(x)`` recorded once as a CUDA graph; the result replays it on that same input.

        Warmed up on a side stream first, as torch asks. A network that synchronises or whose work depends on
        values cannot be recorded: UsageError.
        """
        side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(3):
                run(x)
        torch.cuda.current_stream(self.device).wait_stream(side)
        recorded = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(recorded):
                output = run(x)
        except RuntimeError as error:
            raise UsageError(f"this network cannot be recorded as a CUDA graph ({error}); time it without") from error

        def replay(_: Tensor) -> object:
            recorded.replay()
            return output

        return replay
