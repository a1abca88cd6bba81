"""Latency is the median of what the clock says, after the warm-up, with everything put back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from nas.errors import NasError, UsageError
from nas.models.descriptor import ModelDescriptor
from nas.profiling.latency import interquartile_range
from nas.profiling.process_memory import peak_resident_mib
from tests.profiling.timing import timed


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("toy", value_range=1.0)
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.calls: list[tuple[tuple[int, ...], bool, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((tuple(x.shape), self.training, torch.get_num_threads()))
        out: Tensor = self.conv(x)
        return out


def fake_clock(durations_ms: list[float]) -> Callable[[], float]:
    """A clock that is read before and after each run."""

    def readings() -> Iterator[float]:
        now = 0.0
        for duration in durations_ms:
            yield now
            now += duration / 1e3
            yield now
            now += 100.0  # time between runs is nobody's latency

    return readings().__next__


def test_median_and_interquartile_range_of_the_timed_runs_only() -> None:
    model = Toy()
    found = timed(model, 6, 8, warmup=2, repeats=5, clock=fake_clock([10, 11, 12, 13, 500]), threads=1)
    assert found.median_ms == pytest.approx(12)
    assert found.spread_ms == pytest.approx(2)  # the outlier moves neither
    assert len(model.calls) == 7
    assert (found.size, found.device, found.dtype, found.repeats) == ("8x6", "cpu", "float32", 5)


def test_the_model_runs_in_evaluation_mode_on_the_given_threads_and_is_put_back() -> None:
    model = Toy().train()
    threads, layout = torch.get_num_threads(), model.conv.weight.is_contiguous()
    timed(model, 4, 4, warmup=0, repeats=1, threads=1)
    assert model.calls == [((1, 3, 4, 4), False, 1)]
    assert model.training
    assert torch.get_num_threads() == threads
    assert model.conv.weight.is_contiguous() == layout


class Picky(nn.Module):
    """Refuses what its descriptor rules out."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("picky", size_multiple=8, min_size=32)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        assert height % 8 == width % 8 == 0 and min(height, width) >= 32
        return x


@pytest.mark.parametrize(
    ("height", "width", "size"), [(36, 44, "48x40"), (8, 8, "32x32"), (40, 48, "48x40"), (1, 33, "40x32")]
)
def test_the_input_follows_the_size_rule_of_the_model_and_the_size_that_was_run_is_told(
    height: int, width: int, size: str
) -> None:
    assert timed(Picky(), height, width, warmup=0, repeats=1).size == size


def test_peak_memory_follows_the_size_rule_too() -> None:
    assert peak_resident_mib(Picky(), 12, 12) > 0


class Branched(nn.Module):
    """Weights of every kind of order, a four-axis buffer, and two parameters in one memory."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("branched")
        self.wide = nn.Conv2d(3, 8, 3, padding=1)
        self.point = nn.Conv2d(8, 8, 1)
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.tied = nn.Conv2d(8, 3, 3, padding=1)
        self.twin = nn.Conv2d(8, 3, 3, padding=1)
        self.twin.weight.data = self.tied.weight.data
        self.volume = nn.Parameter(torch.rand(2, 2, 2, 2, 2))
        self.table: Tensor
        self.register_buffer("table", torch.rand(1, 8, 4, 4))
        self.during: list[tuple[bool, bool]] = []
        untied = (self.wide.weight, self.point.weight, self.depth.weight, self.table)
        self.originals = [StorageWeakRef(t.untyped_storage()) for t in untied]

    def forward(self, x: Tensor) -> Tensor:
        last = self.wide.weight.is_contiguous(memory_format=torch.channels_last)
        self.during.append((last, all(o.expired() for o in self.originals)))
        x = self.depth(self.point(self.wide(x)))
        out: Tensor = self.tied(x) + self.twin(x)
        return out


def test_weights_lie_channels_last_and_once_during_the_run_and_are_put_back_with_order_values_and_ties() -> None:
    model = Branched()
    tensors = [*model.parameters(), *model.buffers()]
    before = [(t.stride(), t.detach().clone()) for t in tensors]
    timed(model, 8, 8, warmup=0, repeats=1)
    assert model.during == [(True, True)]  # the originals are freed, not kept beside the copies
    after = [*model.parameters(), *model.buffers()]
    assert all(a is t for a, t in zip(after, tensors, strict=True))
    for tensor, (stride, value) in zip(after, before, strict=True):
        assert tensor.stride() == stride and torch.equal(tensor, value)
    assert model.twin.weight.data_ptr() == model.tied.weight.data_ptr()


def test_weights_stay_untouched_where_channels_last_is_not_asked_for() -> None:
    model = Branched()
    timed(model, 8, 8, channels_last=False, warmup=0, repeats=1)
    assert model.during == [(False, False)]


def test_weights_are_put_back_when_the_run_fails() -> None:
    class Failing(Toy):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    model = Failing()
    stride = model.conv.weight.stride()
    with pytest.raises(RuntimeError, match="no"):
        timed(model, 4, 4, warmup=0, repeats=1)
    assert model.conv.weight.stride() == stride


@pytest.mark.parametrize(("values", "spread"), [([3.0], 0.0), ([1.0, 2.0], 0.5), ([1.0, 2, 3, 4, 5], 2.0)])
def test_interquartile_range(values: list[float], spread: float) -> None:
    assert interquartile_range(values) == pytest.approx(spread)


def test_bfloat16_is_measured_under_autocast() -> None:
    assert timed(Toy(), 4, 4, dtype="bfloat16", warmup=0, repeats=1).dtype == "bfloat16"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"dtype": "int8"}, "dtype"), ({"repeats": 0}, "repeat"), ({"device": "meta"}, "'meta' is not one")],
)
def test_wrong_use_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        timed(Toy(), 4, 4, **options)


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, -1)])
def test_an_input_without_pixels_is_refused(height: int, width: int) -> None:
    with pytest.raises(UsageError, match=f"{width}x{height} pixels"):
        timed(Toy(), height, width)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
def test_cuda_without_a_device_is_refused() -> None:
    with pytest.raises(UsageError, match="'cuda' is not on this machine"):
        timed(Toy(), 4, 4, device="cuda")


def test_peak_memory_comes_from_a_process_of_its_own() -> None:
    model = nn.Conv2d(3, 64, 1)
    model.descriptor = ModelDescriptor("wide")  # type: ignore[assignment]
    peak = peak_resident_mib(model, 512, 512)
    assert 64 < peak < 4096  # at least the 64 MiB of the output, and no neighbour's memory


def test_peak_memory_is_not_that_of_the_process_that_asked() -> None:
    resource = pytest.importorskip("resource")
    held = torch.ones(600 * 2**18)  # 600 MiB, every page touched
    del held
    unit = 2**20 if sys.platform == "darwin" else 2**10
    parent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    assert parent > 600
    tiny = nn.Conv2d(3, 3, 1)
    tiny.descriptor = ModelDescriptor("tiny")  # type: ignore[assignment]
    assert 64 < peak_resident_mib(tiny, 16, 16) < parent - 300


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_cuda_times_and_peak_memory(dtype: str) -> None:
    found = timed(Toy(), 64, 64, device="cuda", dtype=dtype, repeats=5)
    assert found.median_ms > 0
    assert found.peak_memory_mib is not None and found.peak_memory_mib > 0
    assert found.threads is None


def test_peak_memory_of_a_network_with_weight_norms_and_of_one_that_cannot_travel() -> None:
    import baselines

    released = baselines.create("jsnet", scale=2)  # carries weight norms, which refuse to be pickled
    before = {k: v.clone() for k, v in released.state_dict().items()}
    assert 64 < peak_resident_mib(released, 16, 16) < 4096
    assert before.keys() == released.state_dict().keys()  # the copy lost its weight norms, the network did not
    assert released(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 32, 32)

    class Local(nn.Conv2d):
        descriptor = ModelDescriptor("local")

    with pytest.raises(NasError, match="cannot be sent to another process"):
        peak_resident_mib(Local(3, 3, 1), 4, 4)
