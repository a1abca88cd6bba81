"""One restored image against its reference by the task's protocol, and the cheap validation built on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nas.data import Pair, load_pair
from nas.errors import NasError, UsageError, did_you_mean
from nas.evaluation import metrics
from nas.evaluation.inference import restore
from nas.evaluation.test_sets import by_degradation
from nas.models.calling import descriptor_of

if TYPE_CHECKING:
    from nas.tasks import Protocol, Task

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Score:
    """Quality of one image. ssim and psnr_b are None where they were not asked for."""

    psnr: float
    ssim: float | None = None
    psnr_b: float | None = None


def to_tensor(image: Array, channels: int) -> Tensor:
    """(H, W[, C]) on 0..255 -> float32 (1, channels, H, W); a grey image is repeated for a colour network.

    A colour image for a one-channel network is a UsageError: which plane is meant is the task's decision.
    """
    array = image[..., None] if image.ndim == 2 else image  # (H, W, C)
    if array.ndim != 3 or array.shape[-1] not in (1, channels):
        raise UsageError(
            f"an image of shape {image.shape} cannot be fed to a network of {channels} channel(s); "
            "convert the image or choose another task"
        )
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1), dtype=np.float32))
    return tensor.expand(channels, -1, -1)[None].contiguous()


def to_image(image: Tensor, rounded: bool = True, clipped: bool = True) -> Array:
    """([1,] C, H, W) on 0..255 -> (H, W[, C]), clamped; uint8 rounded half up, else float32.

    With ``clipped`` off the values are those of the network, float32 and perhaps outside 0..255.
    """
    image = (image[0] if image.dim() == 4 else image).detach().float().cpu()
    image = image.clamp(0, 255) if clipped or rounded else image
    array = (torch.floor(image + 0.5).to(torch.uint8) if rounded else image).numpy()
    return array[0] if array.shape[0] == 1 else np.ascontiguousarray(array.transpose(1, 2, 0))


def score_output(output: Tensor, target: Array, task: Task, with_ssim: bool = True) -> tuple[Score, Array]:
    """What a network gave, made an image as ``task.protocol`` says, and scored; also that image."""
    protocol = task.protocol
    if not bool(torch.isfinite(output).all()):
        raise NasError("the network gave values that are not finite (NaN or infinity); try --dtype float32")
    restored = to_image(output, protocol.rounded)
    raw = None if protocol.ssim_clipped else to_image(output, rounded=False, clipped=False)
    return score(restored, target, task, with_ssim, raw), restored


def score(restored: Array, target: Array, task: Task, with_ssim: bool = True, unclipped: Array | None = None) -> Score:
    """Score a restored image (see ``to_image``) by ``task.protocol``; ``unclipped`` is what its SSIM may ask for.

    The reference is cropped at the right and bottom to the restored size where it is larger by less than the
    scale. **Grey rule**: a one-channel reference is compared as it is. If the network gave colour (the grey
    input was repeated for it), the full-range luma of its output, which of equal channels is that channel, is
    taken; the studio-range Y of an expanded grey image would score about 1.3 dB more.
    """
    height, width = restored.shape[:2]
    surplus = (target.shape[0] - height, target.shape[1] - width)
    if min(surplus) < 0 or max(surplus) >= max(task.scale, 1):
        raise NasError(
            f"the restored image is {height} x {width}, its reference {target.shape[0]} x {target.shape[1]}; "
            f"the two do not belong together at scale {task.scale}"
        )
    target = target[:height, :width]
    if target.ndim == 3 and target.shape[-1] == 1:
        target = target[..., 0]
    seen = restored if unclipped is None else unclipped
    if target.ndim == 2:
        restored, seen = (metrics.grey(x) if x.ndim == 3 else x for x in (restored, seen))
    protocol = task.protocol
    luma, border = protocol.luma == "y", protocol.border
    psnr = metrics.psnr(restored, target, luma, border)
    if protocol.equal_psnr is not None and psnr == math.inf:
        psnr = protocol.equal_psnr
    return Score(
        psnr=psnr,
        ssim=_ssim(protocol)(seen, target, luma, border) if with_ssim else None,
        psnr_b=metrics.psnr_b(restored, target, True, border) if protocol.psnr_b else None,
    )


#: what a protocol may name as its SSIM
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


def images(pair: Pair | tuple[Array, Array], task: Task, seed: int = 0) -> tuple[Array, Array]:
    """(degraded, target) of a pair on disk or in memory; the target of a grey file is grey again.

    Both are cut to the multiple that the protocol asks for.
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
    """Cut (H, W[, C]) to multiples, half of the surplus (rounded down) off the top and the left (DSRIR)."""
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
    """Mean PSNR in dB by the task's protocol; no SSIM, for use while training.

    pairs: of ``nas.data``, or (degraded, target) arrays (H, W[, C]) on 0..255. Degradations that are drawn
    are the same at every call. The training flag and the random state are left as they were.
    """
    channels = descriptor_of(model).channels
    values = []
    for pair in pairs:
        degraded, target = images(pair, task)
        image = restore(model, to_tensor(degraded, channels), device, tile=tile, dtype=dtype)
        values.append(score_output(image, target, task, with_ssim=False)[0].psnr)
    if not values:
        raise UsageError("validation has no images; give at least one pair or turn validation off")
    return float(np.mean(values))


def validation_scores(
    model: nn.Module, pairs: Iterable[Pair], task: Task, device: torch.device | str | None = None
) -> dict[str, float]:
    """What a training logs: ``psnr``, and for the all-in-one task ``psnr_noise``, ``psnr_rain``, ``psnr_haze``.

    There ``psnr`` is the mean over the degradations, not over the images, so that many noisy images do not
    hide a failure in the rain.
    """
    if task.family != "all_in_one":
        return {"psnr": validate(model, pairs, task, device)}
    parts = {kind: validate(model, group, task, device) for kind, group in by_degradation(pairs).items()}
    if not parts:
        raise UsageError("validation has no images; give at least one pair or turn validation off")
    return {"psnr": float(np.mean(list(parts.values()))), **{f"psnr_{k}": v for k, v in parts.items()}}
