"""The degradations that tasks are made of: uint8 images (H, W[, 3]) in 0..255, all randomness from ``rng``."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.images.resize import imresize

Array = NDArray[Any]
Rng = np.random.Generator


def _to_uint8(values: Array) -> Array:
    """Round half up in the type of the values, then clip, as MATLAB's ``uint8`` does."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def bicubic(image: Array, scale: int) -> Array:
    """Shrink by an integer factor, by MATLAB's rule: uint8 (H, W[, 3]) -> uint8 (H / scale, W / scale[, 3])."""
    return imresize(image, 1 / scale)


def bicubic_plane(plane: Array, scale: int) -> Array:
    """``bicubic`` of one plane in floating point, nothing rounded: (H, W) -> float32 (H / scale, W / scale)."""
    return imresize(plane.astype(np.float64), 1 / scale).astype(np.float32)


def blur_and_pick(image: Array, scale: int = 3, size: int = 7, sigma: float = 1.6) -> Array:
    """The BD degradation: Gaussian blur, then every ``scale``-th pixel (as in RDN, Zhang et al., CVPR 2018).

    Args:
        image: uint8 (H, W[, 3]); its border is replicated.
        scale: Factor; of 3, rows and columns 1, 4, 7, ... (counted from 0) are kept.
        size: Side of the blur kernel in pixels, odd.
        sigma: Of the Gaussian, in pixels.

    Returns:
        uint8 (H / scale, W / scale[, 3]); the blurred image is rounded to 8 bits.
    """
    reach = size // 2
    taps = np.exp(-((np.arange(size) - reach) ** 2) / (2.0 * sigma**2))
    taps /= taps.sum()
    margin = [(reach, reach), (reach, reach)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image.astype(np.float64), margin, mode="edge")
    height, width = image.shape[:2]
    rows = sum(taps[i] * padded[i : i + height] for i in range(size))
    blurred = sum(taps[i] * rows[:, i : i + width] for i in range(size))
    first = (scale - 1) // 2
    return _to_uint8(blurred)[first::scale, first::scale]


def gaussian_noise(image: Array, rng: Rng, sigma: float, clip: bool = False, truncate: bool = False) -> Array:
    """Add noise from N(0, sigma^2) on the scale 0..255.

    Args:
        image: uint8 (H, W[, 3]).
        rng: Source of the randomness.
        sigma: Standard deviation on 0..255.
        clip: Make an 8-bit image of the sum, clipped and rounded. The literature does not.
        truncate: Clip, and cut down to integers, which is half a level too dark (DSRIR).

    Returns:
        uint8 with ``clip`` or ``truncate``, else float32 that may leave 0..255; of the same shape.
    """
    noisy = image.astype(np.float32) + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    if truncate:
        return np.clip(noisy, 0, 255).astype(np.uint8)
    return _to_uint8(noisy) if clip else noisy


def blind_noise(
    image: Array, rng: Rng, lowest: int = 0, highest: int = 55, clip: bool = False, truncate: bool = False
) -> Array:
    """``gaussian_noise`` with an integer sigma drawn uniformly from the range, both ends included (DSRIR: 0..55)."""
    return gaussian_noise(image, rng, float(rng.integers(lowest, highest + 1)), clip, truncate)


def jpeg(image: Array, quality: int) -> Array:
    """Compress and decompress by Pillow's JPEG coder, uint8 -> uint8; RGB has its chroma at half resolution."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def camera_noise(image: Array, rng: Rng) -> Array:
    """Noise of a camera, for light and for read-out, of one random strength; a stand-in for real pairs.

    Light has a variance that grows with the signal, read-out a constant one (Foi et al., TIP 2008), both before the
    sRGB curve, here a power of 2.2. The strengths cover those of the phones in SIDD at high sensitivity.

    Args:
        image: uint8 (H, W[, 3]).
        rng: Source of the randomness.

    Returns:
        uint8 of the same shape.
    """
    light, read_out = 10.0 ** rng.uniform(-3.5, -2.0), 10.0 ** rng.uniform(-3.0, -1.5)
    linear = (image / 255.0) ** 2.2
    noisy = linear + np.sqrt(light * linear + read_out**2) * rng.standard_normal(image.shape)
    return _to_uint8(255.0 * np.clip(noisy, 0.0, 1.0) ** (1 / 2.2))


def motion_blur(image: Array, rng: Rng) -> Array:
    """The mean of the image along a straight path of random direction and length, 5 to 21 pixels; a stand-in for pairs.

    Light adds up before the sRGB curve, here a power of 2.2, as in the GoPro set (Nah et al., CVPR 2017).

    Args:
        image: uint8 (H, W[, 3]); its border is replicated.
        rng: Source of the randomness.

    Returns:
        uint8 of the same shape.
    """
    length, angle = float(rng.uniform(5.0, 21.0)), float(rng.uniform(0.0, math.pi))
    reach = math.ceil(length / 2) + 1
    height, width = image.shape[:2]
    margin = [(reach, reach), (reach, reach)] + [(0, 0)] * (image.ndim - 2)
    linear = np.pad((image / 255.0) ** 2.2, margin, mode="edge")
    count = math.ceil(length) + 1
    total = np.zeros(image.shape)
    for way in np.linspace(-length / 2, length / 2, count):
        y, x = reach + way * math.sin(angle), reach + way * math.cos(angle)
        top, left = math.floor(y), math.floor(x)
        down, right = y - top, x - left
        for dy, dx, weight in (
            (0, 0, (1 - down) * (1 - right)),
            (0, 1, (1 - down) * right),
            (1, 0, down * (1 - right)),
            (1, 1, down * right),
        ):
            total += weight * linear[top + dy : top + dy + height, left + dx : left + dx + width]
    return _to_uint8(255.0 * np.clip(total / count, 0.0, 1.0) ** (1 / 2.2))


def synthetic_rain(image: Array, rng: Rng) -> Array:
    """Bright oblique streaks of one random direction, length and density; a stand-in for real pairs."""
    height, width = image.shape[:2]
    length = int(rng.integers(9, 26))
    slope = math.tan(math.radians(rng.uniform(-30.0, 30.0)))
    drops = rng.random((height + length, width)) < rng.uniform(0.005, 0.03)
    strength = drops * rng.uniform(0.4, 1.0, drops.shape)
    streaks = np.zeros((height, width))
    for step in range(length):  # each drop falls `length` pixels, moving sideways by the slope
        streaks += np.roll(strength[step : step + height], round(slope * step), axis=1)
    streaks = np.minimum(streaks, 1.0) * rng.uniform(0.4, 0.8)
    layer = streaks if image.ndim == 2 else streaks[..., None]
    return _to_uint8(image + layer * (255.0 - image))


def synthetic_haze(image: Array, rng: Rng, depth: Array | None = None) -> Array:
    """Atmospheric scattering I = J t + A (1 - t), t = exp(-beta depth); a stand-in for real pairs.

    The airlight A is 0.8 to 1 of the peak, as in RESIDE; beta is up to 2.5, so that far parts
    keep between 90 % and 10 % of their light.

    Args:
        image: uint8 (H, W[, 3]).
        rng: Source of the randomness.
        depth: (H, W), 8 or 16 bits (0 near, the type's largest value far) or floats in 0..1. Without it depth is
            estimated (``estimate_depth``) and blended with a random plane, since a patch shows little of a scene's
            geometry.

    Returns:
        uint8 of the same shape.
    """
    airlight = rng.uniform(0.8, 1.0) * 255.0
    beta = rng.uniform(0.5, 2.5)
    corner = rng.uniform(0.2, 1.0, 4)  # of the plane; drawn also when unused, so that the stream stays in step
    if depth is None:
        height, width = image.shape[:2]
        y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
        plane = (1 - y) * ((1 - x) * corner[0] + x * corner[1]) + y * ((1 - x) * corner[2] + x * corner[3])
        far = 0.5 * plane + 0.5 * estimate_depth(image)
    else:
        far = depth / np.iinfo(depth.dtype).max if np.issubdtype(depth.dtype, np.integer) else depth
    transmission = np.exp(-beta * far)
    if image.ndim == 3:
        transmission = transmission[..., None]
    return _to_uint8(image * transmission + airlight * (1.0 - transmission))


def estimate_depth(image: Array) -> Array:
    """Depth of an outdoor photograph by the colour attenuation prior (Zhu, Mai and Shao, TIP 2015).

    d = 0.121779 + 0.959710 value - 0.780245 saturation: far things are bright and pale. Its possible range is
    mapped to 0..1 and the result smoothed by a box of a twentieth of the longer side.

    Args:
        image: uint8 (H, W[, 3]).

    Returns:
        (H, W) in 0..1, 0 near.
    """
    colour = image.astype(np.float64) if image.ndim == 3 else np.repeat(image[..., None].astype(np.float64), 3, 2)
    most, least = colour.max(axis=2), colour.min(axis=2)
    saturation = (most - least) / np.maximum(most, 1.0)
    raw = 0.121779 + 0.959710 * most / 255.0 - 0.780245 * saturation
    lowest, highest = 0.121779 - 0.780245, 0.121779 + 0.959710
    depth = _box((raw - lowest) / (highest - lowest), max(1, max(image.shape[:2]) // 40))
    return np.clip(depth, 0.0, 1.0)


def _box(plane: Array, reach: int) -> Array:
    """Mean over squares of side 2 reach + 1, edges repeated; by running sums."""
    for axis in (0, 1):
        margin = [(0, 0), (0, 0)]
        margin[axis] = (reach + 1, reach)
        total = np.cumsum(np.pad(plane, margin, mode="edge"), axis=axis)
        length = plane.shape[axis]
        upper = np.take(total, range(2 * reach + 1, 2 * reach + 1 + length), axis=axis)
        plane = (upper - np.take(total, range(length), axis=axis)) / (2 * reach + 1)
    return plane


#: What a pair without a degraded file may ask for by name: the kinds of the all-in-one mixture, and its test noises.
SYNTHETIC: dict[str, Callable[..., Array]] = {
    "noise": partial(blind_noise, clip=True),
    "rain": synthetic_rain,
    "haze": synthetic_haze,
    **{f"sigma {s}": partial(gaussian_noise, sigma=float(s), clip=True) for s in (15, 25, 50)},
}

#: the three degradations of the mixture
MIXED_KINDS = ("noise", "rain", "haze")


def kind_of(degradation: str) -> str:
    """Which of MIXED_KINDS a name of SYNTHETIC belongs to: "sigma 25" is noise."""
    return "noise" if degradation.startswith("sigma") else degradation


def synthesise(
    name: str, image: Array, rng: Rng, depth: Array | None = None, clip: bool = True, truncate: bool = False
) -> Array:
    """Degrade an image by name.

    Args:
        name: One of SYNTHETIC.
        image: uint8 (H, W[, 3]).
        rng: Source of the randomness.
        depth: For haze, see ``synthetic_haze``.
        clip: For noise, see ``gaussian_noise``.
        truncate: For noise, see ``gaussian_noise``.
    """
    if kind_of(name) == "noise":
        return SYNTHETIC[name](image, rng, clip=clip, truncate=truncate)
    return SYNTHETIC[name](image, rng, depth=depth) if name == "haze" else SYNTHETIC[name](image, rng)


def mixture(image: Array, rng: Rng, depth: Array | None = None, clip: bool = True, truncate: bool = False) -> Array:
    """Noise, rain or haze with equal chances; uint8 (noise is stored as an 8-bit image unless ``clip`` is off)."""
    return synthesise(MIXED_KINDS[int(rng.integers(len(MIXED_KINDS)))], image, rng, depth, clip, truncate)
