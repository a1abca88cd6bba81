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
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.evaluate.cuda import Cuda, Run
from nas.evaluate.infer import describe, evaluating

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Latency:
    """median_ms and spread_ms (interquartile range) over ``repeats`` runs of one image.

    size: "640x360", width x height of the *input*. peak_memory_mib: on CUDA the most that torch had
    allocated, weights included; on CPU the peak resident size of a child process, None unless asked for.
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
    """Time a forward pass for an input of height x width pixels.

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
    if cuda_graph and target.type != "cuda":
        raise UsageError("a CUDA graph needs device='cuda'")
    if target.type == "cuda":
        cuda = cuda or Cuda(target)
        cuda.put(model)
        x = cuda.put(_input(model, height, width, channels_last))
    else:
        model.to(target)
        x = _input(model, height, width, channels_last)
    peak = None
    with _layout(model, channels_last), evaluating(model), torch.inference_mode(), _autocast(target, dtype, cuda):
        run: Run = torch.compile(model) if compile else model
        if target.type == "cuda":
            assert cuda is not None
            cuda.reset_peak()
            with cuda.current():
                run = cuda.graph(run, x) if cuda_graph else run
                times = _cuda_times(run, x, warmup, repeats, cuda)
            peak = cuda.peak_bytes() / 2**20
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
        size=f"{width}x{height}",
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


def _run_once(
    model: nn.Module, height: int, width: int, dtype: str, channels_last: bool, threads: int
) -> float:
    import resource
    import sys

    torch.set_num_threads(threads)
    x = _input(model, height, width, channels_last)
    with _layout(model, channels_last), evaluating(model), torch.inference_mode(), _autocast(x.device, dtype):
        model(x)
    # kibibytes on Linux, bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _input(model: nn.Module, height: int, width: int, channels_last: bool) -> Tensor:
    descriptor = describe(model)
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


def _cuda_times(run: Run, x: Tensor, warmup: int, repeats: int, cuda: Cuda) -> list[float]:
    """Milliseconds between two events around each run; the queue is empty before it and waited for after it."""
    for _ in range(warmup):
        run(x)
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


@contextmanager
def _layout(model: nn.Module, channels_last: bool) -> Iterator[None]:
    """Convolution weights in channels-last order for the time of the measurement."""
    before = [(p, p.data) for p in model.parameters()]
    if channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        yield
    finally:
        for parameter, data in before:
            parameter.data = data
