"""How long a network takes for one image, on CPU or CUDA, and how much memory it needs.

The network is in evaluation mode and its input is already on the device. After warm-up runs every repetition is timed
by itself (on CUDA between two events, by the clock of the device). Median and interquartile range are reported, since
a mean is distorted by whatever else a shared machine is doing. Reduced number types run under autocast, as they do in
inference.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.errors import UsageError
from nas.machine import check_device
from nas.models.calling import evaluating
from nas.models.merging import has_mergeable, merge
from nas.profiling.cuda import Cuda, Forward
from nas.profiling.forward import DTYPES, autocast_to, cpu_threads, example_input, memory_layout, state_bytes
from nas.profiling.process_memory import peak_resident_mib


@dataclass(frozen=True)
class LatencyOptions:
    """How a network is timed.

    Attributes:
        device: "cpu", "cuda" or "cuda:N".
        dtype: A name of ``DTYPES``; "bfloat16" and "float16" run under autocast.
        channels_last: Weights and input in the memory order (H, W, C).
        compile: Through ``torch.compile``.
        cuda_graph: Recorded once and replayed, so that the time to launch each kernel does not count; CUDA only.
        warmup: Runs before the timed ones.
        repeats: Timed runs.
        threads: Of torch on the CPU.
        peak_memory: Run the model once more in a fresh process to measure its memory on the CPU (on CUDA it is measured
            anyway); this starts a new Python.
    """

    device: torch.device | str = "cpu"
    dtype: str = "float32"
    channels_last: bool = True
    compile: bool = False
    cuda_graph: bool = False
    warmup: int = 3
    repeats: int = 20
    threads: int = 1
    peak_memory: bool = False

    def check(self) -> None:
        """Raise UsageError for what cannot be timed."""
        if self.dtype not in DTYPES:
            raise UsageError(f"unknown dtype {self.dtype!r}; give one of {', '.join(DTYPES)}")
        if self.repeats < 1 or self.warmup < 0:
            raise UsageError(
                f"{self.repeats} timed runs after {self.warmup} warm-up runs are not possible; repeat once or more"
            )
        kind = torch.device(check_device(str(self.device))).type
        if kind not in ("cpu", "cuda"):
            raise UsageError(f"latency is measured on cpu or cuda, not on {kind!r}")
        if self.cuda_graph and kind != "cuda":
            raise UsageError("a CUDA graph needs device='cuda'")


@dataclass(frozen=True)
class Latency:
    """The time of a forward pass with one image, and how it was measured.

    Attributes:
        median_ms: Median of the timed runs in milliseconds.
        spread_ms: Their interquartile range.
        repeats: How many there were.
        size: Width x height in pixels of the *input* that was run, e.g. "640x360".
        device: "cpu" or the name of the GPU.
        dtype: A name of ``DTYPES``.
        channels_last: Whether weights and input were in the memory order (H, W, C).
        compiled: Whether the network ran through ``torch.compile``.
        cuda_graph: Whether a recorded graph was replayed.
        threads: Of torch on the CPU; None on CUDA.
        peak_memory_mib: In MiB. On CUDA what the model itself needs: its weights and buffers and the most that torch
            allocated beside them in one run (input, activations, workspaces). On the CPU the peak resident size of a
            process that runs the model once; None unless asked for.
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


def measure_latency(
    model: nn.Module,
    height: int,
    width: int,
    options: LatencyOptions | None = None,
    *,
    clock: Callable[[], float] = time.perf_counter,
    cuda: Cuda | None = None,
) -> Latency:
    """Time the forward pass of a network.

    Args:
        model: A network with a descriptor. It is moved to the device and stays there; of one with re-parameterised
            layers a merged copy is measured, see ``nas.models.merging``.
        height: Of the input in pixels; rounded up to a size that the descriptor allows.
        width: Likewise.
        options: How it is timed; None takes the defaults.
        clock: Returns seconds; used on the CPU only.
        cuda: In place of the CUDA device, as tests need it.

    Returns:
        The time of one image.

    Raises:
        UsageError: The options or the size make no sense, or the device is not there.
        NasError: Peak memory on the CPU was asked for and the model cannot be sent to another process.
    """
    options = options or LatencyOptions()
    options.check()
    if height < 1 or width < 1:
        raise UsageError(f"an input of {width}x{height} pixels is empty; give sides of one pixel or more")
    if has_mergeable(model):
        model = merge(model)
    x = example_input(model, height, width, options.channels_last)
    on_cuda = torch.device(options.device).type == "cuda"
    if on_cuda:
        device = cuda or Cuda(torch.device(options.device))
        times, peak = _on_cuda(model, x, options, device)
        name = device.name
    else:
        times, peak = _on_cpu(model, x, options, clock), None
        name = "cpu"
        if options.peak_memory:
            peak = peak_resident_mib(model, height, width, options.dtype, options.channels_last, options.threads)
    return Latency(
        median_ms=statistics.median(times),
        spread_ms=interquartile_range(times),
        repeats=options.repeats,
        size=f"{x.shape[-1]}x{x.shape[-2]}",
        device=name,
        dtype=options.dtype,
        channels_last=options.channels_last,
        compiled=options.compile,
        cuda_graph=options.cuda_graph,
        threads=None if on_cuda else options.threads,
        peak_memory_mib=peak,
    )


def interquartile_range(values: list[float]) -> float:
    """Distance between the quartiles (linear interpolation); 0 for a single value."""
    if len(values) < 2:
        return 0.0
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return third - first


def _on_cpu(model: nn.Module, x: Tensor, options: LatencyOptions, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each timed run."""
    target = torch.device(options.device)
    model.to(target)
    with (
        memory_layout(model, options.channels_last),
        evaluating(model),
        torch.inference_mode(),
        autocast_to(target, options.dtype),
        cpu_threads(options.threads),
    ):
        run: Forward = torch.compile(model) if options.compile else model
        for _ in range(options.warmup):
            run(x)
        times = []
        for _ in range(options.repeats):
            start = clock()
            run(x)
            times.append((clock() - start) * 1e3)
    return times


def _on_cuda(model: nn.Module, x: Tensor, options: LatencyOptions, cuda: Cuda) -> tuple[list[float], float]:
    """Milliseconds of each timed run, and the peak memory of the model in MiB."""
    cuda.put(model)
    with (
        memory_layout(model, options.channels_last),
        evaluating(model),
        torch.inference_mode(),
        autocast_to(torch.device(options.device), options.dtype, cuda),
        cuda.current(),
    ):
        run: Forward = torch.compile(model) if options.compile else model
        cuda.settle()
        others = cuda.allocated_bytes() - state_bytes(model)  # models that were measured before may still be there
        times = _cuda_times(run, cuda.put(x), options, cuda)
        return times, (cuda.peak_bytes() - others) / 2**20


def _cuda_times(run: Forward, x: Tensor, options: LatencyOptions, cuda: Cuda) -> list[float]:
    """Milliseconds between two events around each run; the queue is empty before, and waited for afterwards.

    The peak is reset after the warm-up, since compiling and choosing kernels take memory of their own; with a graph
    before it is recorded, since a replay allocates nothing.
    """
    if options.cuda_graph:
        cuda.warm_up(run, x)
        cuda.reset_peak()
        run = cuda.graph(run, x)
    for _ in range(options.warmup):
        run(x)
    if not options.cuda_graph:
        cuda.reset_peak()
    times = []
    for _ in range(options.repeats):
        start, end = cuda.event(), cuda.event()
        cuda.synchronize()
        start.record()
        run(x)
        end.record()
        cuda.synchronize()
        times.append(float(start.elapsed_time(end)))
    return times
