"""One restored image against its reference by the task's protocol, and the cheap validation built on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nas.data import Pair, load_pair
from nas.errors import NasError, UsageError, did_you_mean
from nas.evaluate import metrics
from nas.evaluate.infer import describe, restore

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


def to_image(image: Tensor, rounded: bool = True) -> Array:
    """([1,] C, H, W) on 0..255 -> (H, W[, C]), clamped; uint8 rounded half up, else float32."""
    image = (image[0] if image.dim() == 4 else image).detach().float().clamp(0, 255).cpu()
    array = (torch.floor(image + 0.5).to(torch.uint8) if rounded else image).numpy()
    return array[0] if array.shape[0] == 1 else np.ascontiguousarray(array.transpose(1, 2, 0))


def score(restored: Array, target: Array, task: Task, with_ssim: bool = True) -> Score:
    """Score a restored image (see ``to_image``) by ``task.protocol``.

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
    if target.ndim == 2 and restored.ndim == 3:
        restored = metrics.grey(restored)
    protocol = task.protocol
    luma, border = protocol.luma == "y", protocol.border
    return Score(
        psnr=metrics.psnr(restored, target, luma, border),
        ssim=_ssim(protocol)(restored, target, luma, border) if with_ssim else None,
        psnr_b=metrics.psnr_b(restored, target, True, border) if protocol.psnr_b else None,
    )


def _ssim(protocol: Protocol) -> Callable[..., float]:
    kinds = {"gaussian": metrics.ssim, "uniform": metrics.ssim_uniform, "columnwise": metrics.ssim_columnwise}
    kind = protocol.ssim.split()[0]
    if kind not in kinds:
        raise UsageError(f"unknown SSIM {protocol.ssim!r} in the protocol; {did_you_mean(kind, kinds)}")
    return kinds[kind]


def images(pair: Pair | tuple[Array, Array], task: Task, seed: int = 0) -> tuple[Array, Array]:
    """(degraded, target) of a pair on disk or in memory; the target of a grey file is grey again."""
    if isinstance(pair, tuple):
        return pair
    sample = load_pair(pair, task, seed)
    return sample.degraded, sample.target[..., 0] if sample.one_channel else sample.target


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
    channels = describe(model).channels
    values = []
    for pair in pairs:
        degraded, target = images(pair, task)
        image = restore(model, to_tensor(degraded, channels), device, tile=tile, dtype=dtype)
        values.append(score(to_image(image, task.protocol.rounded), target, task, with_ssim=False).psnr)
    if not values:
        raise UsageError("validation has no images; give at least one pair or turn validation off")
    return float(np.mean(values))
