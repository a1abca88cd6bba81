"""Whether stored low-resolution images are what MATLAB's bicubic makes of the clean ones, as papers assume.

Models that were trained on one kernel lose decibels on another, and a shift of half a pixel loses more than most
papers gain; neither shows when one looks at the images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.data.pairs import Pair
from nas.data.roles import folder_role
from nas.errors import NasError
from nas.images.files import read_image, to_uint8
from nas.images.resize import imresize, modcrop
from nas.tasks.task import Task

Array = NDArray[Any]

EXACT, BORDER, ROUNDING, SHIFTED, OTHER = "exact", "border only", "rounding", "shifted", "other kernel"
#: what stored images may be, the best first
VERDICTS = (EXACT, BORDER, ROUNDING, SHIFTED, OTHER)
_LOOKED_AT = 8  # pairs, evenly spread
_BORDER = 4  # pixels of the input that a kernel of four reaches beyond the border, and two to spare
_SHIFT = 0.08  # pixels of the input; a shift by half a pixel of the clean image at x4 is 0.125


@dataclass(frozen=True)
class Comparison:
    """What a set of stored inputs is.

    Attributes:
        verdict: One of VERDICTS, that of most images.
        sentence: It in words, with numbers.
        claimed: Whether the folder's name says bicubic.
    """

    verdict: str
    sentence: str
    claimed: bool

    @property
    def harmless(self) -> bool:
        """Whether results remain comparable with those of papers."""
        return self.verdict in (EXACT, BORDER, ROUNDING)


def compares(task: Task) -> bool:
    """Whether a task is about bicubic inputs, so that stored ones can be compared."""
    return task.scale > 1 and task.stored == "LR_bicubic"


def compare_inputs(pairs: Sequence[Pair], task: Task) -> Comparison | None:
    """Compare stored inputs with the bicubic ones of the clean images.

    Args:
        pairs: Of the set; a few, evenly spread, are looked at.
        task: A task of super-resolution.

    Returns:
        The comparison; None where no pair has a stored input, or none can be read.
    """
    stored = [p for p in pairs if p.degraded is not None]
    chosen = stored[:: max(1, len(stored) // _LOOKED_AT)][:_LOOKED_AT]
    seen = []
    for pair in chosen:
        assert pair.degraded is not None
        try:
            clean, low = to_uint8(read_image(pair.target)), to_uint8(read_image(pair.degraded))
        except NasError:
            continue
        if clean.ndim == low.ndim:
            seen.append(compare(clean, low, task.scale))
    if not seen:
        return None
    counts = Counter(verdict for verdict, _ in seen)
    worst = max(counts, key=lambda v: (counts[v], VERDICTS.index(v)))
    number = next(value for verdict, value in seen if verdict == worst)
    words = {
        EXACT: "are exactly what MATLAB's bicubic makes of the clean ones",
        BORDER: "differ from MATLAB's bicubic at the border only (made before the images were cut, or by another rule "
        "for the border)",
        ROUNDING: "are not exactly what MATLAB's bicubic makes: they differ by rounding and at the border, as Pillow's "
        "bicubic does",
        SHIFTED: f"are shifted against MATLAB's bicubic by about {number:.2f} pixels; make them with nas.imresize",
        OTHER: f"were made with another kernel than MATLAB's bicubic (rms difference {number:.1f}); make them with "
        "nas.imresize, unless another degradation is meant",
    }
    claimed = any(folder_role(part).sort == "bicubic" for part in (chosen[0].degraded or chosen[0].target).parts[-4:-1])
    sentence = f"stored LR images ({counts[worst]} of {len(seen)} looked at) {words[worst]}"
    return Comparison(worst, sentence, claimed)


def compare(clean: Array, low: Array, scale: int) -> tuple[str, float]:
    """What one stored input is.

    Args:
        clean: The clean image, uint8 (H, W[, 3]).
        low: The stored input, uint8, of 1/scale its size.
        scale: The scale.

    Returns:
        One of VERDICTS, and the shift in pixels of the input (SHIFTED) or the rms difference.
    """
    made = imresize(modcrop(clean, scale), 1 / scale)
    if made.shape != low.shape:
        return OTHER, float("nan")
    difference = low.astype(np.float64) - made
    if not difference.any():
        return EXACT, 0.0
    inside = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
    inner = difference[inside]
    if inner.size == 0:
        inner = difference
    elif not inner.any():
        return BORDER, 0.0
    rms = float(np.sqrt(np.mean(inner**2)))
    pillow = low.astype(np.float64) - _pillow(modcrop(clean, scale), low.shape)
    if np.abs(inner).max() <= 1 or not (pillow[inside] if pillow[inside].size else pillow).any():
        return ROUNDING, rms
    shift, explained = _shift(made, low)
    if shift >= _SHIFT and explained:
        return SHIFTED, shift
    return OTHER, rms


def _pillow(clean: Array, shape: tuple[int, ...]) -> Array:
    """The bicubic of Pillow, which has the same kernel but rounds and ends otherwise."""
    small = Image.fromarray(clean).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.float64)


def _shift(made: Array, low: Array) -> tuple[float, bool]:
    """Distance by which ``low`` is moved against ``made``, and whether that explains most of their difference."""
    one, two = (x.astype(np.float64) if x.ndim == 2 else x.mean(axis=2, dtype=np.float64) for x in (made, low))
    if min(one.shape) < 2 * _BORDER + 4:
        return 0.0, False
    whole = np.zeros(2)
    for _ in range(4):  # one step of least squares finds small shifts; whole pixels are moved first
        moved = _moved(one, whole)
        rows, columns = np.gradient(moved)
        cut = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
        slopes = np.stack([-rows[cut].ravel(), -columns[cut].ravel()], axis=1)
        step, *_ = np.linalg.lstsq(slopes, (two - moved)[cut].ravel(), rcond=None)
        whole = np.clip(whole + step, -3, 3)
    cut = (slice(_BORDER, -_BORDER), slice(_BORDER, -_BORDER))
    before, after = np.mean((two - one)[cut] ** 2), np.mean((two - _moved(one, whole))[cut] ** 2)
    return float(np.hypot(*whole)), bool(after < 0.5 * before)


def _moved(image: Array, shift: Array) -> Array:
    """An image moved by a fraction of pixels, by its Fourier transform, mirrored at the border."""
    size = 2 * _BORDER
    padded = np.pad(image, size, mode="symmetric")
    rows, columns = (np.fft.fftfreq(n) for n in padded.shape)
    phase = np.exp(-2j * np.pi * (rows[:, None] * shift[0] + columns[None] * shift[1]))
    return np.fft.ifft2(np.fft.fft2(padded) * phase).real[size:-size, size:-size]
