"""Scoring a restored image against its reference by the protocol of the task, and validation built on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nas.data import Pair, load_pair
from nas.errors import NasError, UsageError, did_you_mean
from nas.evaluation import metrics
from nas.evaluation.benchmark_sets import by_degradation
from nas.evaluation.further_metrics import further_values, mean_values
from nas.evaluation.image_arrays import bands
from nas.evaluation.inference import restore
from nas.models.calling import descriptor_of
from nas.signals import stop_if_asked

if TYPE_CHECKING:
    from nas.tasks import Protocol, Task

Array = npt.NDArray[Any]
#: is shown an image of a set: (pair, degraded, restored, true image), arrays (H, W[, C]) on 0..255
See = Callable[[Any, Array, Array, Array], None]


@dataclass(frozen=True)
class Score:
    """The quality of one restored image.

    Attributes:
        psnr: In dB; infinite where the images are equal, unless the protocol names a number for that.
        ssim: In 0..1; None where it was not asked for.
        psnr_b: PSNR-B in dB; None where the protocol does not ask for it.
        further: Values of further metrics by name.
    """

    psnr: float
    ssim: float | None = None
    psnr_b: float | None = None
    further: dict[str, float] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        """Whether the two images are equal, so that the PSNR is infinite."""
        return math.isinf(self.psnr)

    @property
    def words(self) -> str:
        """The PSNR as text, with its unit."""
        return "restored exactly" if self.exact else f"{self.psnr:.2f} dB"


def to_tensor(image: Array, channels: int) -> Tensor:
    """Convert an image to the input of a network.

    Args:
        image: (H, W[, C]) on 0..255; a grey one is repeated for a network that takes colour.
        channels: Which the network takes.

    Returns:
        float32 (1, channels, H, W) on 0..255.

    Raises:
        UsageError: The image has colour and the network takes one channel; which plane is meant, the task must decide.
    """
    array = image[..., None] if image.ndim == 2 else image  # (H, W, C)
    if array.ndim != 3 or array.shape[-1] not in (1, channels):
        raise UsageError(
            f"an image of shape {image.shape} is no input for a network of {channels} channel(s); "
            "convert the image or choose another task"
        )
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32))
    return tensor.expand(channels, -1, -1)[None].contiguous()


def to_image(image: Tensor, rounded: bool = True, clipped: bool = True) -> Array:
    """Convert the output of a network to an image.

    Args:
        image: ([1,] C, H, W) on 0..255.
        rounded: Round half up to uint8; else the image stays float32.
        clipped: Clamp to 0..255; what is rounded is clamped anyway.

    Returns:
        (H, W) for one channel, else (H, W, C).
    """
    image = (image[0] if image.dim() == 4 else image).detach()
    channels, height, width = image.shape
    array = np.empty((height, width, channels), dtype=np.uint8 if rounded else np.float32)
    for rows in bands(height, width):  # of a large image, only a part is held a second time
        part = image[:, rows].float().cpu()
        part = part.clamp(0, 255) if clipped or rounded else part
        part = torch.floor(part + 0.5).to(torch.uint8) if rounded else part
        array[rows] = part.numpy().transpose(1, 2, 0)
    return array[..., 0] if channels == 1 else array


def score_output(output: Tensor, target: Array, task: Task, with_ssim: bool = True) -> tuple[Score, Array]:
    """Make the output of a network an image and score it, both as the protocol of the task says.

    Args:
        output: (1, C, H, W) on 0..255, not clamped.
        target: The true image (H, W[, C]) on 0..255.
        task: What is being restored.
        with_ssim: Compute SSIM too.

    Returns:
        The score, and the image: uint8, or float32 where the protocol does not round.

    Raises:
        NasError: A value is not finite, or the sizes do not fit.
    """
    protocol = task.protocol
    if not all(bool(torch.isfinite(output[..., rows, :]).all()) for rows in bands(output.shape[-2], output.shape[-1])):
        raise NasError("the network gave values that are not finite (NaN or infinity); try --dtype float32")
    restored = to_image(output, protocol.rounded)
    raw = None if protocol.ssim_clipped else to_image(output, rounded=False, clipped=False)
    return score(restored, target, task, with_ssim, raw), restored


def score(restored: Array, target: Array, task: Task, with_ssim: bool = True, unclipped: Array | None = None) -> Score:
    """Score a restored image by the protocol of the task.

    A one-channel reference is compared as it is. If the network gave colour, since the grey input was repeated for it,
    the luma of its output on the full range is compared, which for equal channels is that channel; the studio-range Y
    of a grey image that was expanded to RGB would score about 1.3 dB more.

    Args:
        restored: As ``to_image`` gives it.
        target: The true image; it is cropped at the right and bottom to the size of the restored one where it is larger
            by less than the scale.
        task: What is being restored.
        with_ssim: Compute SSIM too.
        unclipped: The image before clamping, for protocols that compute SSIM on it; None takes ``restored``.

    Returns:
        The score.

    Raises:
        NasError: The sizes do not fit.
        UsageError: The protocol names an SSIM that is not in ``SSIM``.
    """
    height, width = restored.shape[:2]
    surplus = (target.shape[0] - height, target.shape[1] - width)
    if min(surplus) < 0 or max(surplus) >= max(task.scale, 1):
        raise NasError(
            f"the restored image is {height} x {width}, its reference {target.shape[0]} x {target.shape[1]}; "
            f"the two do not belong together at scale {task.scale}"
        )
    seen, _ = same_planes(restored if unclipped is None else unclipped, target)
    restored, target = same_planes(restored, target)
    protocol = task.protocol
    luma, border = protocol.luma == "y", protocol.border
    psnr = metrics.psnr(restored, target, luma, border, data_range=255)
    if protocol.equal_psnr is not None and psnr == math.inf:
        psnr = protocol.equal_psnr
    return Score(
        psnr=psnr,
        ssim=_ssim(protocol)(seen, target, luma, border, data_range=255) if with_ssim else None,
        psnr_b=metrics.psnr_b(restored, target, True, border, data_range=255) if protocol.psnr_b else None,
    )


def same_planes(restored: Array, target: Array) -> tuple[Array, Array]:
    """Both images in the size of the restored one; against a grey reference the luma of a restored image in colour.

    Args:
        restored: (H, W[, C]) on 0..255.
        target: The reference, of the same height and width or larger.
    """
    target = target[: restored.shape[0], : restored.shape[1]]
    if target.ndim == 3 and target.shape[-1] == 1:
        target = target[..., 0]
    grey = target.ndim == 2 and restored.ndim == 3
    return (metrics.grey(restored, data_range=255) if grey else restored), target


#: what a protocol may call its SSIM -> (restored, target, luma, border, data_range) -> value
SSIM: dict[str, Callable[..., float]] = {
    "gaussian 11": metrics.ssim,
    "gaussian 11 padded": metrics.ssim_padded,
    "uniform 7": metrics.ssim_uniform,
    "uniform 8": partial(metrics.ssim_uniform, window=8, sample_covariance=False),
    "columnwise 7": metrics.ssim_columnwise,
}


def _ssim(protocol: Protocol) -> Callable[..., float]:
    if protocol.ssim not in SSIM:
        raise UsageError(f"unknown SSIM {protocol.ssim!r} in the protocol; {did_you_mean(protocol.ssim, SSIM)}")
    return SSIM[protocol.ssim]


def degraded_and_target(pair: Pair | tuple[Array, Array], task: Task, seed: int = 0) -> tuple[Array, Array]:
    """Load a pair of images as the protocol of the task compares them.

    Args:
        pair: Files, or (degraded, target) in memory.
        task: What is being restored.
        seed: Of degradations that draw random numbers.

    Returns:
        Two arrays (H, W[, C]) on 0..255, cropped to the multiple that the protocol asks for; the target of a grey file
        is grey.
    """
    if isinstance(pair, tuple):
        degraded, target = pair
    else:
        sample = load_pair(pair, task, seed)
        degraded, target = sample.degraded, sample.target[..., 0] if sample.one_channel else sample.target
    if task.protocol.crop > 1 and task.scale == 1:
        return centre_crop(degraded, task.protocol.crop), centre_crop(target, task.protocol.crop)
    return degraded, target


def centre_crop(image: Array, multiple: int) -> Array:
    """Crop an image to multiples of a number of pixels, as DSRIR does.

    Args:
        image: (H, W[, C]).
        multiple: In pixels.

    Returns:
        A view without the surplus, half of which (rounded down) is cut at the top and the left.
    """
    for axis in (0, 1):
        surplus = image.shape[axis] % multiple
        start = surplus // 2
        image = np.take(image, range(start, start + image.shape[axis] - surplus), axis=axis)
    return image


def validate(
    model: nn.Module,
    pairs: Iterable[Pair | tuple[Array, Array]],
    task: Task,
    device: torch.device | str | None = None,
    tile: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Mean PSNR by the protocol of the task, without SSIM, for use while training.

    The training flags of the model and the random state are left as they were.

    Args:
        model: A network with a descriptor.
        pairs: Of ``nas.data``, or (degraded, target) arrays (H, W[, C]) on 0..255. Random degradations are the same at
            every call.
        task: What is being restored.
        device: The model is moved to it; None leaves it where it is.
        tile: Side of tiles in input pixels; None restores whole images.
        dtype: Reduced types run under autocast.

    Returns:
        PSNR in dB, the mean over the images that are not restored exactly; infinite only where all are.

    Raises:
        UsageError: There are no pairs.
    """
    return mean_psnr(_psnr_of_each(model, pairs, task, device, tile, dtype))


def mean_psnr(values: Iterable[float]) -> float:
    """The mean over the images that are not restored exactly, in dB; infinite only where all are."""
    values = list(values)
    finite = [v for v in values if not math.isinf(v)]
    return float(np.mean(finite)) if finite or not values else math.inf


def _psnr_of_each(
    model: nn.Module,
    pairs: Iterable[Pair | tuple[Array, Array]],
    task: Task,
    device: torch.device | str | None = None,
    tile: int | None = None,
    dtype: torch.dtype = torch.float32,
    see: See | None = None,
) -> list[float]:
    channels = descriptor_of(model).channels
    values = []
    for pair in pairs:
        stop_if_asked()
        degraded, target = degraded_and_target(pair, task)
        image = restore(model, to_tensor(degraded, channels), device, tile=tile, dtype=dtype)
        score, restored = score_output(image, target, task, with_ssim=False)
        values.append(score.psnr)
        if see is not None:
            see(pair, degraded, restored, target)
    if not values:
        raise UsageError("validation has no images; give at least one pair or turn validation off")
    return values


def validation_scores(
    model: nn.Module,
    pairs: Iterable[Pair],
    task: Task,
    device: torch.device | str | None = None,
    tile: int | None = None,
    further: Sequence[str] = (),
    see: See | None = None,
) -> dict[str, float]:
    """Validate a model by the numbers that a training logs.

    Args:
        model: A network with a descriptor.
        pairs: The validation images.
        task: What is being restored.
        device: The model is moved to it; None leaves it where it is.
        tile: Side of tiles in input pixels; None restores whole images.
        further: Registered metrics to measure too.
        see: Is shown every image.

    Returns:
        ``psnr`` in dB, and for the all-in-one task ``psnr_noise``, ``psnr_rain`` and ``psnr_haze``. There ``psnr`` is
        the mean over the degradations and not over the images, so that many noisy images do not hide a failure on rain.
        Where images are restored exactly, ``exact`` is their number, and the means are over the others. At last the
        means of ``further`` by name.

    Raises:
        UsageError: There are no pairs.
    """
    others: list[dict[str, float]] = []

    def look(pair: Any, degraded: Array, restored: Array, target: Array) -> None:
        if further:
            others.append(further_values(further, *same_planes(restored, target), task))
        if see is not None:
            see(pair, degraded, restored, target)

    if task.family != "all_in_one":
        psnrs = _psnr_of_each(model, pairs, task, device, tile, see=look)
        return {"psnr": mean_psnr(psnrs), **_exact(psnrs), **mean_values(others)}
    groups = by_degradation(pairs)
    found = {kind: _psnr_of_each(model, group, task, device, tile, see=look) for kind, group in groups.items()}
    if not found:
        raise UsageError("validation has no images; give at least one pair or turn validation off")
    means = {f"psnr_{kind}": mean_psnr(psnrs) for kind, psnrs in found.items()}
    exact = _exact(v for psnrs in found.values() for v in psnrs)
    return {"psnr": mean_psnr(means.values()), **means, **exact, **mean_values(others)}


def _exact(psnrs: Iterable[float]) -> dict[str, float]:
    count = sum(math.isinf(v) for v in psnrs)
    return {"exact": count} if count else {}
