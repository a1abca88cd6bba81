"""The pace of ``nas restore`` against a bare loop: decode, run the network, round, encode, and nothing else."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from nas.bench.device import device_name
from nas.evaluation.runner import form_of
from nas.images import imresize
from nas.models.calling import allowed_size, descriptor_of, evaluating, final_image
from nas.profiling.forward import cpu_threads
from nas.restoration.files import restore_files
from nas.restoration.options import RestorationOptions


@dataclass(frozen=True)
class RestorePace:
    """Images a second from file to file.

    Attributes:
        model: Name of the network.
        size: Width x height of the inputs in pixels.
        images: How many a round restores.
        pace: Images a second of ``restore_files``, the median of the rounds, by CPU time (on CUDA: wall time).
        bare_pace: The same of the bare loop.
        ratio: Median over the rounds of the first over the second in the same round.
        low: Lower quartile of that ratio (the ratio itself where there is one round).
        high: Upper quartile, likewise.
        threads: Of torch.
        device: Name of the processor or GPU.
    """

    model: str
    size: str
    images: int
    pace: float
    bare_pace: float
    ratio: float
    low: float
    high: float
    threads: int
    device: str


def time_restoring(
    name: str,
    model: nn.Module,
    height: int,
    width: int,
    *,
    images: int = 8,
    rounds: int = 5,
    threads: int = 1,
    device: str = "cpu",
    clock: Callable[[], float] | None = None,
) -> RestorePace:
    """Restore a folder of photographs in both ways in turns; one more round is done first.

    The photographs are cuttings of one in scikit-image, as PNG files in a temporary folder. Both ways make the form for
    inference of the network in every round, since a command does so once.

    Args:
        name: What the row calls the network.
        model: A network with a descriptor. It is moved to the device and stays there.
        height: Of the inputs in pixels, rounded up to an allowed size.
        width: Likewise.
        images: How many.
        rounds: How many rounds are counted.
        threads: Of torch on a CPU.
        device: Name of a torch device.
        clock: Gives seconds; by default the CPU time of this process, or on CUDA the wall time.
    """
    clock = clock or (time.perf_counter if torch.device(device).type == "cuda" else time.process_time)
    d = descriptor_of(model)
    height, width = (allowed_size(side, d.size_multiple, d.min_size) for side in (height, width))
    model.to(device)
    times: dict[str, list[float]] = {"bare": [], "restore": []}
    with tempfile.TemporaryDirectory() as place, cpu_threads(threads):
        files = _photographs(Path(place, "in"), images, height, width, d.channels)
        options = RestorationOptions(device=device, overwrite=True, tile=None)
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: _bare(model, files, Path(place, "bare"), device),
            "restore": lambda: restore_files(model, files, Path(place, "out"), options),
        }
        for turn in range(rounds + 1):  # the first round warms up
            for way in reversed(ways) if turn % 2 else ways:
                start = clock()
                ways[way]()
                if turn:
                    times[way].append(clock() - start)
    ratios = [bare / whole for bare, whole in zip(times["bare"], times["restore"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if rounds > 1 else ratios * 3
    return RestorePace(
        model=name,
        size=f"{width}x{height}",
        images=images,
        pace=images / statistics.median(times["restore"]),
        bare_pace=images / statistics.median(times["bare"]),
        ratio=middle,
        low=low,
        high=high,
        threads=threads,
        device=device_name(device),
    )


def _photographs(folder: Path, number: int, height: int, width: int, channels: int) -> list[Path]:
    import cv2
    import skimage.data

    folder.mkdir()
    whole = np.asarray(skimage.data.astronaut())  # type: ignore[no-untyped-call]
    enlarged = imresize(whole, max(1.0, (max(height, width) + number) / min(whole.shape[:2])))
    files = []
    for index in range(number):
        cut = enlarged[index : index + height, index : index + width, ::-1]
        files.append(folder / f"{index}.png")
        cv2.imwrite(str(files[-1]), cut if channels == 3 else cut[..., 1])
    return files


def _bare(model: nn.Module, files: list[Path], out: Path, device: str) -> None:
    """What somebody would write who has the network and a folder of photographs of allowed sizes."""
    import cv2

    d = descriptor_of(model)
    out.mkdir(exist_ok=True)
    form = form_of(model, "float32")
    with evaluating(form), torch.inference_mode():
        for file in files:
            image = cv2.imread(str(file), cv2.IMREAD_COLOR if d.channels == 3 else cv2.IMREAD_GRAYSCALE)
            assert image is not None  # written here
            planes = image[..., ::-1] if image.ndim == 3 else image[..., None]
            x = torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1))).to(device).float()[None]
            y = final_image(form(x * (d.value_range / 255.0)))[0] * (255.0 / d.value_range)
            restored = (y.clamp(0, 255) + 0.5).byte().permute(1, 2, 0).cpu().numpy()
            cv2.imwrite(str(out / file.name), np.ascontiguousarray(restored[..., ::-1]))
