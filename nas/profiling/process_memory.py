"""Peak memory of a network on the CPU, measured in a process of its own."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import torch
from torch import nn

from nas.errors import NasError
from nas.machine import starting_processes
from nas.models.calling import evaluating
from nas.models.parametrized import without_parametrizations
from nas.profiling.forward import autocast_to, example_input, memory_layout


def peak_resident_mib(
    model: nn.Module,
    height: int,
    width: int,
    dtype: str = "float32",
    channels_last: bool = True,
    threads: int = 1,
) -> float:
    """Run a model once on the CPU in a fresh process and measure the peak memory of that process.

    A script that calls this needs the usual ``if __name__ == "__main__"`` guard, since the new process imports it.

    Args:
        model: A network with a descriptor.
        height: Of the input in pixels, rounded up to an allowed size.
        width: Likewise.
        dtype: A name of ``DTYPES``.
        channels_last: In the memory order (H, W, C).
        threads: Of torch in that process.

    Returns:
        Peak resident size in MiB, Python and torch themselves (about 250 MiB) included.

    Raises:
        NasError: The model cannot be pickled.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    plain = without_parametrizations(model).cpu()
    try:
        with starting_processes(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_run_once, plain, height, width, dtype, channels_last, threads).result()
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise NasError(
            f"{type(model).__name__} cannot be sent to another process ({error}), so its peak memory is not measured; "
            "define it at the top of a module"
        ) from error


def _run_once(model: nn.Module, height: int, width: int, dtype: str, channels_last: bool, threads: int) -> float:
    torch.set_num_threads(threads)
    x = example_input(model, height, width, channels_last)
    with memory_layout(model, channels_last), evaluating(model), torch.inference_mode(), autocast_to(x.device, dtype):
        model(x)
    return own_peak_mib()


def own_resident_mib() -> float:
    """Resident size of this process now in MiB; its peak where the system does not tell."""
    resident = _status("VmRSS:")
    return own_peak_mib() if resident is None else resident


def own_peak_mib() -> float:
    """Peak resident size of this process in MiB.

    Raises:
        NasError: The system does not tell (Windows).
    """
    # On Linux ru_maxrss starts from the peak of the process that called exec, so a child reports its parent's.
    peak = _status("VmHWM:")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:
        raise NasError("this system does not tell how much memory a process takes; measure on Linux or macOS") from None

    # bytes on macOS, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _status(entry: str) -> float | None:
    """An entry of Linux's account of this process in MiB; None elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith(entry)), None)  # kibibytes
