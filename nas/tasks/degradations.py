"""The degradations that tasks are made of: uint8 (H, W[, 3]) images in 0..255, chance from ``rng`` only."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]
Rng = np.random.Generator


def _to_uint8(values: Array) -> Array:
    """Round half up and clip, as MATLAB's ``uint8`` does."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def bicubic(image: Array, scale: int) -> Array:
    """Shrink by an integer factor by MATLAB's rule; (H, W[, 3]) -> (H / scale, W / scale[, 3]) uint8."""
    from nas.data.resize import imresize  # nas.data builds on nas.tasks; imported late to keep that one-way

    return imresize(image, 1 / scale)


def blur_and_pick(image: Array, scale: int = 3, size: int = 7, sigma: float = 1.6) -> Array:
    """The BD degradation: Gaussian blur of the 8-bit image (replicated border), then the centre of each cell.

    The blurred image is rounded to 8 bits; rows and columns 1, 4, 7, ... (from 0) are kept for scale 3.
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


def gaussian_noise(image: Array, rng: Rng, sigma: float, clip: bool = False) -> Array:
    """Add N(0, sigma^2) on the 0..255 scale; float32 that may leave 0..255, or rounded and clipped uint8."""
    noisy = image.astype(np.float32) + np.float32(sigma) * rng.standard_normal(image.shape, dtype=np.float32)
    return _to_uint8(noisy) if clip else noisy


def blind_noise(image: Array, rng: Rng, highest: int = 55, clip: bool = False) -> Array:
    """``gaussian_noise`` with an integer sigma drawn uniformly from 0..highest, both included."""
    return gaussian_noise(image, rng, float(rng.integers(0, highest + 1)), clip)


def jpeg(image: Array, quality: int) -> Array:
    """Through Pillow's JPEG coder at exactly that quality (chroma at half resolution for RGB); uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


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


def synthetic_haze(image: Array, rng: Rng) -> Array:
    """Atmospheric scattering I = J t + A (1 - t) with a smooth random depth; a stand-in for real pairs.

    Airlight 0.8..1 as in RESIDE; transmission exp(-beta depth) lies between about 0.2 and 0.9.
    """
    height, width = image.shape[:2]
    airlight = rng.uniform(0.8, 1.0) * 255.0
    beta = rng.uniform(0.4, 1.6)
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
    corner = rng.uniform(0.2, 1.0, 4)  # depth at the four corners, blended linearly
    depth = (1 - y) * ((1 - x) * corner[0] + x * corner[1]) + y * ((1 - x) * corner[2] + x * corner[3])
    transmission = np.exp(-beta * depth)
    if image.ndim == 3:
        transmission = transmission[..., None]
    return _to_uint8(image * transmission + airlight * (1.0 - transmission))


#: What a pair without a degraded file may ask for by name: the parts of the all-in-one mixture.
SYNTHETIC: dict[str, Callable[[Array, Rng], Array]] = {
    "noise": partial(blind_noise, clip=True),
    "rain": synthetic_rain,
    "haze": synthetic_haze,
}


def mixture(image: Array, rng: Rng) -> Array:
    """Noise, rain or haze with equal chances; uint8."""
    return list(SYNTHETIC.values())[int(rng.integers(len(SYNTHETIC)))](image, rng)
