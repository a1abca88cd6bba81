"""The time and memory of networks as written, run eagerly, against their forms for inference."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.bench.device import device_name
from nas.models.calling import descriptor_of, evaluating
from nas.models.descriptor import ModelDescriptor
from nas.models.optimizing import optimize
from nas.profiling.forward import cpu_threads, example_input
from nas.profiling.process_memory import peak_resident_mib


@dataclass(frozen=True)
class ModelTime:
    """What a network costs as written and in its form for inference.

    Attributes:
        model: Its name.
        size: Width x height of the input in pixels.
        seconds: Median CPU seconds (on CUDA: wall seconds) of an image, as written, tensors in the order (C, H, W).
        optimised_seconds: The same of the form for inference.
        ratio: Median over the rounds of the first over the second in the same round.
        low: Lower quartile of that ratio (the ratio itself where there is one round).
        high: Upper quartile, likewise.
        memory_mib: Peak resident size of a process of its own that runs the network once, less that of one that runs
            an empty network; None unless asked for.
        optimised_memory_mib: The same of the form for inference.
        memory_ratio: The form for inference over the network as written, or None.
        threads: Of torch.
        device: Name of the processor or GPU.
    """

    model: str
    size: str
    seconds: float
    optimised_seconds: float
    ratio: float
    low: float
    high: float
    memory_mib: float | None
    optimised_memory_mib: float | None
    memory_ratio: float | None
    threads: int
    device: str


class Nothing(nn.Module):
    """A network that does nothing, whose process shows what Python and torch take themselves."""

    def __init__(self, descriptor: ModelDescriptor) -> None:
        super().__init__()
        self.descriptor = descriptor

    def forward(self, image: Tensor) -> Tensor:
        """The image itself."""
        return image


def time_model(
    name: str,
    model: nn.Module,
    height: int,
    width: int,
    *,
    rounds: int = 10,
    threads: int = 1,
    device: str = "cpu",
    memory: bool = False,
    clock: Callable[[], float] | None = None,
) -> ModelTime:
    """Run both forms in turns, in one process; every round gives one ratio, one more round is done first.

    Args:
        name: What the row calls the network.
        model: A network with a descriptor. It is moved to the device and stays there.
        height: Of the input in pixels, rounded up to an allowed size.
        width: Likewise.
        rounds: How many rounds are counted.
        threads: Of torch on a CPU.
        device: Name of a torch device.
        memory: Also measure the peak memory of each form in a process of its own (on the CPU).
        clock: Gives seconds; by default the CPU time of this process, or on CUDA the wall time.
    """
    on_cuda = torch.device(device).type == "cuda"
    clock = clock or (time.perf_counter if on_cuda else time.process_time)
    model.to(device)
    forms = {"plain": model, "optimised": optimize(model)}
    image = example_input(model, height, width, channels_last=False).to(device)
    times: dict[str, list[float]] = {form: [] for form in forms}
    with cpu_threads(threads), evaluating(model), torch.inference_mode():
        for turn in range(rounds + 1):  # the first round warms up
            for form, network in reversed(forms.items()) if turn % 2 else forms.items():
                if on_cuda:
                    torch.cuda.synchronize(device)
                start = clock()
                network(image)
                if on_cuda:
                    torch.cuda.synchronize(device)
                if turn:
                    times[form].append(clock() - start)
    ratios = [a / b for a, b in zip(times["plain"], times["optimised"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if rounds > 1 else ratios * 3
    plain, optimised = _memory(model, forms["optimised"], height, width, threads) if memory else (None, None)
    return ModelTime(
        model=name,
        size=f"{image.shape[-1]}x{image.shape[-2]}",
        seconds=statistics.median(times["plain"]),
        optimised_seconds=statistics.median(times["optimised"]),
        ratio=middle,
        low=low,
        high=high,
        memory_mib=plain,
        optimised_memory_mib=optimised,
        memory_ratio=None if plain is None or optimised is None else optimised / max(plain, 1.0),
        threads=threads,
        device=device_name(device),
    )


def _memory(plain: nn.Module, optimised: nn.Module, height: int, width: int, threads: int) -> tuple[float, float]:
    """MiB of each form above what an empty network takes."""
    nothing = Nothing(descriptor_of(plain))
    empty, a, b = (
        peak_resident_mib(network, height, width, channels_last=False, threads=threads)
        for network in (nothing, plain, optimised)
    )
    return a - empty, b - empty
