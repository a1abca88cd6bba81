"""The CUDA path, on a fake device where there is none: what is timed, what waits, what is reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.descriptor import ModelDescriptor
from nas.errors import UsageError
from nas.evaluate.cuda import Cuda
from nas.evaluate.latency import measure


class FakeCuda(Cuda):
    """A device whose clock advances by a given time at each run, and which writes down what is asked of it."""

    def __init__(self, durations_ms: list[float]) -> None:
        self.device = torch.device("cpu")
        self.log: list[str] = []
        self.now = 0.0
        self.durations = iter(durations_ms)
        self.dtypes: list[torch.dtype] = []

    @property
    def name(self) -> str:
        return "Fake GPU"

    @contextmanager
    def current(self) -> Iterator[None]:
        self.log.append("current")
        yield

    def autocast(self, dtype: torch.dtype) -> Any:
        self.dtypes.append(dtype)
        return torch.autocast("cpu", dtype=torch.bfloat16)

    def event(self) -> Any:
        return FakeEvent(self)

    def synchronize(self) -> None:
        self.log.append("wait")

    def reset_peak(self) -> None:
        self.log.append("reset")

    def peak_bytes(self) -> int:
        return 3 * 2**20

    def graph(self, run: Any, x: Tensor) -> Any:
        self.log.append("record")

        def replay(_: Tensor) -> None:
            self.log.append("replay")
            self.now += next(self.durations)

        return replay


class FakeEvent:
    def __init__(self, device: FakeCuda) -> None:
        self.device, self.at = device, 0.0

    def record(self) -> None:
        self.device.log.append("mark")
        self.at = self.device.now

    def elapsed_time(self, end: FakeEvent) -> float:
        return end.at - self.at


class Timed(nn.Module):
    def __init__(self, device: FakeCuda) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("timed")
        self.conv = nn.Conv2d(3, 3, 1)
        self.device = device
        self.layouts: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.layouts.append(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous())
        self.device.log.append("run")
        self.device.now += next(self.device.durations)
        out: Tensor = self.conv(x)
        return out


def test_each_run_lies_between_two_marks_with_the_queue_empty_before_and_waited_for_after() -> None:
    device = FakeCuda([99, 99, 10, 30, 20])  # two to warm up
    found = measure(Timed(device), 6, 8, device="cuda", warmup=2, repeats=3, cuda=device)
    assert (found.median_ms, found.spread_ms) == (20, 10)
    assert device.log == ["reset", "current", "run", "run"] + ["wait", "mark", "run", "mark", "wait"] * 3
    assert (found.device, found.peak_memory_mib, found.threads) == ("Fake GPU", 3.0, None)
    assert (found.size, found.repeats, found.cuda_graph) == ("8x6", 3, False)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float32", []), ("bfloat16", [torch.bfloat16]), ("float16", [torch.float16])]
)
def test_reduced_types_run_under_the_autocast_of_the_device(dtype: str, expected: list[torch.dtype]) -> None:
    device = FakeCuda([1] * 9)
    assert measure(Timed(device), 4, 4, device="cuda", dtype=dtype, cuda=device, warmup=0, repeats=2).dtype == dtype
    assert device.dtypes == expected


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_order_of_the_input_is_as_asked(channels_last: bool) -> None:
    device = FakeCuda([1] * 9)
    model = Timed(device)
    found = measure(model, 5, 4, device="cuda", channels_last=channels_last, cuda=device, warmup=0, repeats=2)
    assert model.layouts == [channels_last] * 2 and found.channels_last == channels_last


def test_a_graph_is_recorded_once_and_replayed() -> None:
    device = FakeCuda([5, 5, 7, 9])
    found = measure(Timed(device), 4, 4, device="cuda", cuda_graph=True, cuda=device, warmup=1, repeats=3)
    assert device.log.count("record") == 1 and device.log.count("replay") == 4 and "run" not in device.log
    assert found.median_ms == 7 and found.cuda_graph


def test_compiling_is_asked_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda model: asked.append(model) or model)
    device = FakeCuda([1] * 9)
    model = Timed(device)
    assert measure(model, 4, 4, device="cuda", compile=True, cuda=device, warmup=0, repeats=1).compiled
    assert measure(model, 4, 4, compile=True, warmup=0, repeats=1).compiled
    assert asked == [model, model]


def test_a_graph_on_the_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="device='cuda'"):
        measure(Timed(FakeCuda([1])), 4, 4, cuda_graph=True)


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"cuda_graph": True}, {"channels_last": False}, {"dtype": "bfloat16"}])
def test_a_real_device(options: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
    model.descriptor = ModelDescriptor("real")  # type: ignore[assignment]
    found = measure(model, 64, 64, device="cuda", repeats=5, **options)
    assert found.median_ms > 0 and found.peak_memory_mib and found.device == torch.cuda.get_device_name()
