"""Images whose sides are no multiples of eight: padded (our default) or cropped (published evaluation)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from baselines.dsrir.subnets import SIZE_MULTIPLE


def crop8(image: Tensor) -> Tensor:
    """The central part with sides that are multiples of eight; (..., H, W), a view.

    Of c surplus rows c//2 go from the top, the rest from the bottom; columns likewise. The published protocol
    applies it to both images of a pair, before noise is added and before metrics.
    """
    h, w = image.shape[-2:]
    return image[..., _kept(h), _kept(w)]


def _kept(size: int) -> slice:
    surplus = size % SIZE_MULTIPLE
    return slice(surplus // 2, size - surplus + surplus // 2)


def pad8(image: Tensor) -> Tensor:
    """(B, C, H, W) extended at the bottom and right to multiples of eight; the same tensor if they are.

    Mirrored without repeating the border; a side too short to mirror repeats its border.
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        extra = -size % SIZE_MULTIPLE
        if extra:
            padding = (0, extra, 0, 0) if axis == -1 else (0, 0, 0, extra)
            image = F.pad(image, padding, mode="reflect" if extra < size else "replicate")
    return image
