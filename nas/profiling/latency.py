"""How long a network takes and how much memory it needs, on CPU or CUDA.

Times are of one image in evaluation mode, input already on the device. After warm-up runs each repetition is
timed by itself (on CUDA between two events of the device's own clock); the median and the interquartile range
are kept, since means follow the disturbances of a shared machine. Reduced types run under autocast, as in
inference.
"""

from __future__ import annotations

import copy
import pickle
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, evaluating
from nas.profiling.cuda import Cuda, Run

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Latency:
    """median_ms and spread_ms (interquartile range) over ``repeats`` runs of one image.

    size: "640x360", width x height of the *input* that was run, after the model's size rule.

    peak_memory_mib: on CUDA what this model needs, its weights and buffers and the most that torch allocated
    beside them for one run (input, activations, workspaces), whatever else lies on the device; on CPU the peak
    resident size of a child process, None unless asked for.
    """

    median_ms: float
    spread_ms: float
    repeats: int
    size: str
    device: str
    dtype: str
    channels_last: bool
    compiled: bool
    cuda_graph: bool = False
    threads: int | None = None
    peak_memory_mib: float | None = None


def measure(
    model: nn.Module,
    height: int,
    width: int,
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    channels_last: bool = True,
    compile: bool = False,
    cuda_graph: bool = False,
    warmup: int = 3,
    repeats: int = 20,
    threads: int = 1,
    peak_memory: bool = False,
    clock: Callable[[], float] = time.perf_counter,
    cuda: Cuda | None = None,
) -> Latency:
    """Time a forward pass for an input of height x width pixels, made larger where the model's descriptor asks.

    dtype: "float32", or "bfloat16" and "float16" under autocast. compile: through ``torch.compile``. cuda_graph:
    recorded once and replayed, which takes the launch of each kernel off the time (CUDA only).

    The model is moved to ``device`` and stays there. ``threads`` are those of torch on the CPU (put back
    afterwards). ``peak_memory`` runs a CPU model once more in a fresh process; it costs the start of a
    Python. ``clock`` returns seconds and is used on the CPU only; ``cuda`` stands for the device, as a fake does
    in tests.
    """
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}; give one of {', '.join(DTYPES)}")
    if repeats < 1 or warmup < 0:
        raise UsageError(f"cannot time {repeats} runs after {warmup} for warming up; repeat once or more")
    target = torch.device(device)
    if target.type not in ("cpu", "cuda"):
        raise UsageError(f"latency is measured on cpu or cuda, not on {target.type!r}")
    if height < 1 or width < 1:
        raise UsageError(f"an input of {width}x{height} pixels has none; give sides of one or more")
    if cuda_graph and target.type != "cuda":
        raise UsageError("a CUDA graph needs device='cuda'")
    peak = None
    x = _input(model, height, width, channels_last)
    if target.type == "cuda":
        cuda = cuda or Cuda(target)
        cuda.put(model)
    else:
        model.to(target)
    with _layout(model, channels_last), evaluating(model), torch.inference_mode(), _autocast(target, dtype, cuda):
        run: Run = torch.compile(model) if compile else model
        if target.type == "cuda":
            assert cuda is not None
            with cuda.current():
                cuda.settle()
                others = cuda.allocated_bytes() - _bytes(model)  # models of earlier cells may lie on the device
                times = _cuda_times(run, cuda.put(x), warmup, repeats, cuda_graph, cuda)
                peak = (cuda.peak_bytes() - others) / 2**20
            name = cuda.name
        else:
            with _threads(threads):
                times = _cpu_times(run, x, warmup, repeats, clock)
            name = "cpu"
    if target.type == "cpu" and peak_memory:
        peak = peak_resident_mib(model, height, width, dtype, channels_last, threads)
    return Latency(
        median_ms=statistics.median(times),
        spread_ms=interquartile_range(times),
        repeats=repeats,
        size=f"{x.shape[-1]}x{x.shape[-2]}",
        device=name,
        dtype=dtype,
        channels_last=channels_last,
        compiled=compile,
        cuda_graph=cuda_graph,
        threads=threads if target.type == "cpu" else None,
        peak_memory_mib=peak,
    )


def interquartile_range(values: list[float]) -> float:
    """Distance of the quartiles (linear interpolation); 0 for a single value."""
    if len(values) < 2:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return third - first


def peak_resident_mib(
    model: nn.Module,
    height: int,
    width: int,
    dtype: str = "float32",
    channels_last: bool = True,
    threads: int = 1,
) -> float:
    """Peak resident size in MiB of a fresh process that runs the model once on the CPU.

    Python and torch themselves are included (some 250 MiB). A script that calls this needs the usual
    ``if __name__ == "__main__"`` guard, for the child process imports it.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    plain = _without_parametrizations(model).cpu()
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_run_once, plain, height, width, dtype, channels_last, threads).result()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise NasError(
            f"{type(model).__name__} cannot be sent to another process ({error}), so its peak memory is not measured; "
            "define it at the top of a module"
        ) from error


def _without_parametrizations(model: nn.Module) -> nn.Module:
    """A copy with its weight norms computed once: modules that carry them cannot be sent to another process."""
    from torch.nn.utils import parametrize

    own = copy.deepcopy(model)
    for module in list(own.modules()):
        if not parametrize.is_parametrized(module):
            continue
        values = {name: getattr(module, name).detach() for name in module.parametrizations}  # type: ignore[union-attr]
        # by hand: torch's own removal would take the property off the class, which the original shares
        del module._modules["parametrizations"]
        module.__class__ = type(module).__bases__[0]
        for name, value in values.items():
            module.register_parameter(name, nn.Parameter(value))
        module._load_state_dict_pre_hooks.clear()  # weight norm leaves a local function there
    return own


def _run_once(model: nn.Module, height: int, width: int, dtype: str, channels_last: bool, threads: int) -> float:
    torch.set_num_threads(threads)
    x = _input(model, height, width, channels_last)
    with _layout(model, channels_last), evaluating(model), torch.inference_mode(), _autocast(x.device, dtype):
        model(x)
    return _own_peak_mib()


def _own_peak_mib() -> float:
    """Peak resident size of this process in MiB."""
    # On Linux ru_maxrss starts from the peak of the process that called exec, so a child reports its parent's.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10  # kibibytes
    import resource  # absent on Windows

    # bytes on macOS, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _input(model: nn.Module, height: int, width: int, channels_last: bool) -> Tensor:
    """An image (1, C, H, W) on the CPU, in the model's range of values and of the size that inference would pad to."""
    descriptor = descriptor_of(model)
    height, width = (allowed_size(s, descriptor.size_multiple, descriptor.min_size) for s in (height, width))
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, descriptor.channels, height, width, generator=generator) * descriptor.value_range
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def _cpu_times(
    run: Callable[[Tensor], object], x: Tensor, warmup: int, repeats: int, clock: Callable[[], float]
) -> list[float]:
    for _ in range(warmup):
        run(x)
    times = []
    for _ in range(repeats):
        start = clock()
        run(x)
        times.append((clock() - start) * 1e3)
    return times


def _cuda_times(run: Run, x: Tensor, warmup: int, repeats: int, graph: bool, cuda: Cuda) -> list[float]:
    """Milliseconds between two events around each run; the queue is empty before it and waited for after it.

    The device's peak is reset after the warm-up (compiling and choosing kernels take memory of their own), with
    a graph before it is recorded, since a replay allocates nothing.
    """
    if graph:
        cuda.warm_up(run, x)
        cuda.reset_peak()
        run = cuda.graph(run, x)
    for _ in range(warmup):
        run(x)
    if not graph:
        cuda.reset_peak()
    times = []
    for _ in range(repeats):
        start, end = cuda.event(), cuda.event()
        cuda.synchronize()
        start.record()
        run(x)
        end.record()
        cuda.synchronize()
        times.append(float(start.elapsed_time(end)))
    return times


def _autocast(device: torch.device, dtype: str, cuda: Cuda | None = None) -> AbstractContextManager[object]:
    if dtype == "float32":
        return nullcontext()
    return cuda.autocast(DTYPES[dtype]) if cuda is not None else torch.autocast(device.type, dtype=DTYPES[dtype])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bytes(model: nn.Module) -> int:
    """Bytes of the memory that holds parameters and buffers, shared memory once."""
    storages = (t.untyped_storage() for t in _tensors(model))
    return sum({s.data_ptr(): s.nbytes() for s in storages}.values())


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


@contextmanager
def _layout(model: nn.Module, channels_last: bool) -> Iterator[None]:
    """Convolution weights (all four-axis parameters and buffers) in channels-last order while it is entered.

    Order and values are put back by converting back: the originals kept beside the copies would count in the
    peak memory. Tensors that share memory keep theirs, and so stay tied afterwards.
    """
    if not channels_last:
        yield
        return
    # no name may hold on to a storage here: this frame lives as long as the measurement
    sharers = Counter(t.untyped_storage().data_ptr() for t in _tensors(model))
    strides: list[tuple[Tensor, tuple[int, ...]]] = []
    originals: list[tuple[Tensor, Tensor]] = []
    for tensor in _tensors(model):
        if tensor.dim() != 4:
            continue
        if sharers[tensor.untyped_storage().data_ptr()] == 1 and tensor.untyped_storage().nbytes() == tensor.nbytes:
            strides.append((tensor, tensor.stride()))
        else:  # tied to another tensor, or a view of something larger
            originals.append((tensor, tensor.data))
    try:
        for tensor, _ in (*strides, *originals):
            tensor.data = tensor.data.to(memory_format=torch.channels_last)
        yield
    finally:
        for tensor, stride in strides:
            data = tensor.data
            if data.stride() != stride:
                tensor.data = torch.empty_strided(data.shape, stride, dtype=data.dtype, device=data.device).copy_(data)
        for tensor, data in originals:
            tensor.data = data
