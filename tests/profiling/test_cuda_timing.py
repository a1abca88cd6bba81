"""The CUDA path, on a fake device where there is none: what is timed, what waits, what is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from nas.profiling.cuda import Cuda
from tests.profiling.timing import timed

NEED = 3 * 2**20  # bytes that a run of the fakes takes and gives back


@pytest.fixture(autouse=True)
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has the devices which the fakes stand for."""
    monkeypatch.setattr("nas.machine.devices", lambda: ["cpu", "cuda", "cuda:0", "cuda:1", "cuda:2"])


class FakeCuda(Cuda):
    """A device that works off a queue when it is waited for: each run takes the next of the given times."""

    def __init__(self, durations_ms: list[float]) -> None:
        self.device = torch.device("cpu")
        self.now = 0.0
        self.durations = iter(durations_ms)
        self.queue: list[float | FakeEvent] = []  # milliseconds of work, and marks between
        self.entered = self.recorded = self.replayed = 0
        self.allocated = 0  # bytes, as put; a test adds what lies there already
        self.peak = 0
        self.workspace = 0
        self.present: list[nn.Module] = []  # models that lie on the device already

    @property
    def name(self) -> str:
        return "Fake GPU"

    @contextmanager
    def current(self) -> Iterator[None]:
        self.entered += 1
        yield

    def autocast(self, dtype: torch.dtype) -> Any:
        return torch.autocast("cpu", dtype=dtype)

    def event(self) -> Any:
        return FakeEvent(self)

    def synchronize(self) -> None:
        for item in self.queue:
            if isinstance(item, FakeEvent):
                item.reached = self.now
            else:
                self.now += item
        self.queue.clear()

    def run(self) -> None:
        self.queue.append(next(self.durations))

    def put(self, thing: Any) -> Any:
        tensors = [thing] if isinstance(thing, Tensor) else [*thing.parameters(), *thing.buffers()]
        if not any(thing is p for p in self.present):
            self.take(sum(t.nbytes for t in tensors))
        return thing

    def take(self, size: int, keep: bool = True) -> None:
        self.peak = max(self.peak, self.allocated + size)
        self.allocated += size if keep else 0

    def settle(self) -> None:
        self.take(2**25 - self.workspace)  # cuBLAS takes it once and keeps it
        self.workspace = 2**25

    def allocated_bytes(self) -> int:
        return self.allocated

    def reset_peak(self) -> None:
        self.peak = self.allocated

    def peak_bytes(self) -> int:
        return self.peak

    def warm_up(self, run: Any, x: Tensor, times: int = 3) -> None:
        self.take(2**30, keep=False)  # choosing kernels, which is no need of the model's

    def graph(self, run: Any, x: Tensor) -> Any:
        self.recorded += 1
        self.take(NEED, keep=False)

        def replay(_: Tensor) -> None:
            self.replayed += 1
            self.run()

        return replay


class FakeEvent:
    """A mark that has a time once the device has come to it."""

    def __init__(self, device: FakeCuda) -> None:
        self.device, self.reached, self.waiting = device, None, False  # type: ignore[var-annotated]

    def record(self) -> None:
        self.waiting = bool(self.device.queue)
        self.device.queue.append(self)

    def elapsed_time(self, end: FakeEvent) -> float:
        assert not self.waiting, "the device was still at work when the time began"
        assert self.reached is not None and end.reached is not None, "the device has not come to the mark"
        return float(end.reached - self.reached)


class Timed(nn.Module):
    def __init__(self, device: FakeCuda, choosing: int = 0) -> None:
        """The first ``choosing`` runs take a GiB, as those that compile or choose kernels."""
        super().__init__()
        self.descriptor = ModelDescriptor("timed")
        self.choosing = choosing
        self.conv = nn.Conv2d(3, 3, 1)
        self.device = device
        self.layouts: list[bool] = []
        self.dtypes: list[torch.dtype] = []

    def forward(self, x: Tensor) -> Tensor:
        self.layouts.append(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous())
        self.device.run()
        self.device.take(2**30 if len(self.layouts) <= self.choosing else NEED, keep=False)
        out: Tensor = self.conv(x)
        self.dtypes.append(out.dtype)
        return out


def test_each_run_after_the_warm_up_is_timed_by_itself_on_an_idle_device() -> None:
    device = FakeCuda([99, 99, 10, 30, 20])  # two to warm up
    found = timed(Timed(device), 6, 8, device="cuda", warmup=2, repeats=3, cuda=device)
    assert (found.median_ms, found.spread_ms) == (20, 10)
    assert device.now == 258 and device.queue == [] and next(device.durations, None) is None  # each ran once
    assert device.entered == 1  # marks belong to the device that is current
    assert (found.device, found.threads) == ("Fake GPU", None)
    assert (found.size, found.repeats, found.cuda_graph) == ("8x6", 3, False)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_convolutions_run_in_the_type_asked_for(dtype: str) -> None:
    device = FakeCuda([1] * 9)
    model = Timed(device)
    assert timed(model, 4, 4, device="cuda", dtype=dtype, cuda=device, warmup=1, repeats=2).dtype == dtype
    assert model.dtypes == [getattr(torch, dtype)] * 3


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_order_of_the_input_is_as_asked(channels_last: bool) -> None:
    device = FakeCuda([1] * 9)
    model = Timed(device)
    found = timed(model, 5, 4, device="cuda", channels_last=channels_last, cuda=device, warmup=0, repeats=2)
    assert model.layouts == [channels_last] * 2 and found.channels_last == channels_last


def test_a_graph_is_recorded_once_and_replayed() -> None:
    device = FakeCuda([5, 5, 7, 9])
    model = Timed(device)
    found = timed(model, 4, 4, device="cuda", cuda_graph=True, cuda=device, warmup=1, repeats=3)
    assert (device.recorded, device.replayed, model.layouts) == (1, 4, [])
    assert found.median_ms == 7 and found.cuda_graph


WEIGHTS = 4 * (3 * 3 + 3)
INPUT = 4 * 3 * 6 * 8


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("others", [0, 2**28])
@pytest.mark.parametrize("present", [False, True])
def test_peak_memory_is_of_this_models_weights_and_run_alone(graph: bool, others: int, present: bool) -> None:
    device = FakeCuda([1] * 9)
    device.allocated = device.peak = others  # models that were measured before
    model = Timed(device, choosing=2)
    if present:
        device.put(model)
        device.present.append(model)
    found = timed(model, 6, 8, device="cuda", cuda_graph=graph, cuda=device, warmup=2, repeats=2)
    assert found.peak_memory_mib == (WEIGHTS + INPUT + NEED) / 2**20


def test_a_second_measurement_of_a_model_finds_the_peak_of_the_first() -> None:
    device = FakeCuda([1] * 99)
    model = Timed(device)
    first = timed(model, 6, 8, device="cuda", cuda=device, warmup=0, repeats=1)
    device.present.append(model)
    second = timed(model, 6, 8, device="cuda", cuda=device, warmup=0, repeats=1)
    assert first.peak_memory_mib == second.peak_memory_mib


def test_weights_in_one_memory_count_once() -> None:
    device = FakeCuda([1] * 9)
    model = Timed(device)
    model.register_buffer("same", model.conv.weight.detach().flatten())
    device.allocated = WEIGHTS
    device.present.append(model)
    found = timed(model, 6, 8, device="cuda", cuda=device, channels_last=False, warmup=0, repeats=1)
    assert found.peak_memory_mib == (WEIGHTS + INPUT + NEED) / 2**20


class FakeStream:
    def __init__(self, device: object) -> None:
        self.device = device

    def wait_stream(self, other: FakeStream) -> None:
        assert other.device == self.device


def test_a_graph_is_warmed_up_and_recorded_on_one_stream_of_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[FakeStream] = []
    recorded: list[FakeStream] = []

    @contextmanager
    def on_stream(stream: FakeStream) -> Iterator[None]:
        entered.append(stream)
        yield

    @contextmanager
    def recording(graph: object, stream: FakeStream | None = None) -> Iterator[None]:
        assert stream is not None
        recorded.append(stream)
        yield

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "current_stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "stream", on_stream)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    for index in (0, 1):
        device = Cuda(torch.device("cuda", index))
        runs: list[Tensor] = []
        x = torch.zeros(1)
        device.warm_up(runs.append, x)
        device.graph(runs.append, x)
        assert len(runs) == 4
        assert recorded[-1] is entered[-1] is device.side
    assert [s.device for s in recorded] == [torch.device("cuda", 0), torch.device("cuda", 1)]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_what_torch_made_by_compiling_is_timed(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def compile(model: nn.Module) -> Callable[[Tensor], Tensor]:
        return lambda x: (compiled.append(model), model(x))[1]

    monkeypatch.setattr(torch, "compile", compile)
    fake = FakeCuda([1] * 9)
    model = Timed(fake)
    assert timed(model, 4, 4, device=device, compile=True, cuda=fake, warmup=1, repeats=2).compiled
    assert compiled == [model] * 3


def test_a_graph_on_the_cpu_is_refused() -> None:
    with pytest.raises(UsageError, match="device='cuda'"):
        timed(Timed(FakeCuda([1])), 4, 4, cuda_graph=True)


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"cuda_graph": True}, {"channels_last": False}, {"dtype": "bfloat16"}])
def test_a_real_device(options: dict[str, Any]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
    model.descriptor = ModelDescriptor("real")  # type: ignore[assignment]
    found = timed(model, 64, 64, device="cuda", repeats=5, **options)
    assert found.median_ms > 0 and found.peak_memory_mib and found.device == torch.cuda.get_device_name()


@pytest.mark.gpu
@pytest.mark.parametrize("options", [{}, {"cuda_graph": True}, {"dtype": "bfloat16"}])
def test_peak_memory_on_a_real_device_knows_no_neighbours_and_no_order(options: dict[str, Any]) -> None:
    def model() -> nn.Module:
        made = nn.Sequential(nn.Conv2d(3, 256, 3, padding=1), nn.Conv2d(256, 256, 3, padding=1), nn.Conv2d(256, 3, 3))
        made.descriptor = ModelDescriptor("real")  # type: ignore[assignment]
        return made

    first = model()
    alone = timed(first, 256, 256, device="cuda", repeats=3, **options).peak_memory_mib
    neighbour = torch.zeros(2**28, device="cuda")  # a GiB, and the first model stays too
    beside = timed(model(), 256, 256, device="cuda", repeats=3, **options).peak_memory_mib
    again = timed(first, 256, 256, device="cuda", repeats=3, **options).peak_memory_mib
    assert neighbour.is_cuda and alone is not None and 64 < alone < 512
    assert beside == pytest.approx(alone, abs=4) and again == pytest.approx(alone, abs=4)  # blocks are rounded
