"""Exported files compared with torch, in values and in time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nas.errors import NasError
from nas.models.calling import allowed_size
from nas.models.descriptor import ModelDescriptor
from nas.models.export.host import HostModel

#: Largest allowed difference from torch, on 0..255, of a file in float32.
TOLERANCE = 0.05
#: Largest allowed root mean square difference, on 0..255, of a file in float16: a loss below 0.01 dB at 38 dB.
HALF_TOLERANCE = 0.15
#: Side in pixels of the image that is timed, and how often.
TIMED_SIDE, TIMED_RUNS = 96, 5


class Runner(Protocol):
    """A file loaded by the runtime that it is meant for: (N, C, H, W) -> (N, C, s H, s W)."""

    name: str

    def __call__(self, image: Tensor) -> Tensor:
        """Run it once."""


@dataclass(frozen=True)
class Parity:
    """How a file compares with torch.

    Attributes:
        difference: Largest difference, on 0..255.
        rms: Root mean square difference at the size where it is largest, on 0..255.
        shapes: (batch, height, width) of the images compared.
    """

    difference: float
    rms: float
    shapes: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Timing:
    """Median milliseconds of one image (1, C, side, side), both with the same number of threads.

    Attributes:
        runtime: Name of the runtime.
        ms: Of the runtime.
        torch_ms: Of torch, with the network as written.
        side: In pixels.
        threads: Of both.
    """

    runtime: str
    ms: float
    torch_ms: float
    side: int
    threads: int


def allowed_example(d: ModelDescriptor, dtype: torch.dtype = torch.float32) -> Tensor:
    """An image batch (2, C, H, W) on 0..1 to trace a network with; its sides are unequal and allowed."""
    side = allowed_size(24, d.size_multiple, d.min_size)
    return torch.rand(2, d.channels, side, side + 8 * d.size_multiple, generator=_seeded()).to(dtype)


def check_shapes(d: ModelDescriptor, padded: bool, batches: bool) -> tuple[tuple[int, int, int], ...]:
    """Sizes at which a file is compared: none is the traced one, one is below the network's smallest if it may be."""
    least = d.min_size
    if padded:
        shapes = ((1, 33, 47), (2, 41, 26), (1, max(least // 2, 1), least + 29))
    else:
        fit = [allowed_size(n, d.size_multiple, least) for n in (33, 47, 41, 26, least, least + 29)]
        shapes = ((1, fit[0], fit[1]), (2, fit[2], fit[3]), (1, fit[4], fit[5]))
    return shapes if batches else tuple((1, h, w) for _, h, w in shapes)


def compare(
    host: HostModel,
    run: Callable[[Tensor], Tensor],
    dtype: torch.dtype,
    shapes: tuple[tuple[int, int, int], ...],
    half: bool | None = None,
) -> Parity:
    """Run a file and torch in float32 on the same images.

    Args:
        host: The network in float32.
        run: The loaded file.
        dtype: What the file takes.
        shapes: (batch, height, width) of each image.
        half: Whether weights are in float16; None: where ``dtype`` is.

    Raises:
        NasError: The file cannot be run, or differs by more than is allowed.
    """
    d, generator = host.descriptor, _seeded()
    half = dtype == torch.float16 if half is None else half
    peak = d.value_range if host.native else 1.0
    difference, rms = 0.0, 0.0
    for batch, height, width in shapes:
        image = _scene(batch, d.channels, height, width, generator) * peak
        with torch.no_grad():
            wanted = host(image)
        where = f"at {batch} x {height} x {width}"
        try:
            found = run(image.to(dtype)).float()
        except Exception as error:  # the errors of runtimes have no common class
            raise NasError(
                f"{d.name} cannot be exported: the file does not run {where}, since its work depends on the image "
                f"size ({type(error).__name__})"
            ) from error
        if found.shape != wanted.shape:
            raise NasError(
                f"{d.name} cannot be exported: the file gives {tuple(found.shape)} {where}, torch {tuple(wanted.shape)}"
            )
        error_of = (found - wanted).double() * (255 / peak)
        difference = max(difference, _finite(error_of.abs().max()))
        rms = max(rms, _finite(error_of.square().mean().sqrt()))
        if not (rms <= HALF_TOLERANCE if half else difference <= TOLERANCE):
            hint = "; export it as float32" if half else ""
            raise NasError(
                f"{d.name} cannot be exported: the file differs from torch by {difference:.3g} (rms {rms:.3g}) on "
                f"0..255 {where}{hint}"
            )
    return Parity(difference, rms, shapes)


def _scene(batch: int, channels: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Smooth areas with fine noise, on 0..1 in steps of 1/255, as images have them."""
    coarse = torch.rand(batch, channels, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    noise = 0.1 * (torch.rand(batch, channels, height, width, generator=generator) - 0.5)
    return torch.floor((smooth + noise).clamp(0, 1) * 255 + 0.5) / 255


def _finite(value: Tensor) -> float:
    return float(torch.nan_to_num(value, nan=float("inf")))


def timed(host: HostModel, run: Callable[[Tensor], Tensor], name: str, dtype: torch.dtype) -> Timing:
    """Time a file against torch in float32, in turns; one round is done first and not counted."""
    d = host.descriptor
    side = allowed_size(TIMED_SIDE, d.size_multiple, d.min_size)
    image = torch.rand(1, d.channels, side, side, generator=_seeded())
    reduced = image.to(dtype)
    ours: list[float] = []
    theirs: list[float] = []
    with torch.inference_mode():
        for _ in range(TIMED_RUNS + 1):
            start = time.perf_counter()
            host(image)
            middle = time.perf_counter()
            run(reduced)
            ours.append(middle - start)
            theirs.append(time.perf_counter() - middle)
    ms = [1000 * statistics.median(times[1:]) for times in (theirs, ours)]
    return Timing(name, ms[0], ms[1], side, torch.get_num_threads())


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
