"""``nas.restore`` gives back what it was given: path, array, tensor or Pillow image, with the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import nas
from nas.errors import UsageError
from nas.images import write_image
from nas.images.pictures import Picture, write_picture
from tests.restoration.networks import Enlarger

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (6, 8)).astype(np.uint8)


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    return nas.restore(Enlarger(), PIXELS)


def test_a_path_and_a_pillow_image_give_the_pixels_of_the_array(wanted: np.ndarray, tmp_path: Path) -> None:
    np.testing.assert_array_equal(nas.restore(Enlarger(), write_image(tmp_path / "a.png", PIXELS)), wanted)
    np.testing.assert_array_equal(nas.restore(Enlarger(), str(tmp_path / "a.png")), wanted)
    image = Image.fromarray(PIXELS)
    image.info["icc_profile"] = b"profile"
    found = nas.restore(Enlarger(), image)
    assert found.mode == "RGB" and found.info["icc_profile"] == b"profile"
    np.testing.assert_array_equal(np.asarray(found), wanted)


@pytest.mark.parametrize("low_high", [None, 1, (-1.0, 1.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_stay_floats_on_their_own_range(wanted: np.ndarray, low_high: object, dtype: type) -> None:
    low, high = low_high if isinstance(low_high, tuple) else (0.0, low_high or 255.0)
    values = (PIXELS / 255.0 * (high - low) + low).astype(dtype)
    found = nas.restore(Enlarger(), values, data_range=low_high)
    assert found.dtype == dtype and found.shape == wanted.shape
    on_255 = (found.astype(np.float64) - low) * 255 / (high - low)
    assert np.abs(on_255 - wanted).max() < (0.51 if dtype != np.float16 else 1.0)


@pytest.mark.parametrize("batched", [False, True])
def test_a_tensor_keeps_layout_and_type(wanted: np.ndarray, batched: bool) -> None:
    tensor = torch.from_numpy(PIXELS).permute(2, 0, 1)
    found = nas.restore(Enlarger(), tensor[None] if batched else tensor)
    assert found.dtype == torch.uint8 and found.dim() == (4 if batched else 3)
    np.testing.assert_array_equal((found[0] if batched else found).permute(1, 2, 0).numpy(), wanted)
    one = nas.restore(Enlarger(channels=1), torch.rand(1, 6, 8), data_range=1)
    assert one.shape == (1, 12, 16) and one.dtype == torch.float32 and 0 <= one.min() <= one.max() <= 1


def test_a_channel_beyond_colour_or_grey_is_alpha(wanted: np.ndarray, tmp_path: Path) -> None:
    alpha = nas.restore(Enlarger(), ALPHA)
    found = nas.restore(Enlarger(), np.dstack([PIXELS, ALPHA]))
    np.testing.assert_array_equal(found, np.dstack([wanted, alpha]))
    path = write_picture(tmp_path / "a.png", Picture(PIXELS, ALPHA))
    np.testing.assert_array_equal(nas.restore(Enlarger(), path), found)
    np.testing.assert_array_equal(np.asarray(nas.restore(Enlarger(), Image.open(path))), found)
    floats = nas.restore(Enlarger(), np.dstack([PIXELS, ALPHA]) / 255.0, data_range=1)
    assert np.abs(floats * 255 - found).max() < 0.51


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((2, 3, 4, 5), np.uint8), "is no image"),
        (np.zeros((4, 5, 7), np.uint8), "is no image"),
        (torch.zeros(2, 3, 4, 4), "is no image"),
        (np.full((4, 4, 3), 0.5), "data_range=1"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (Image.new("CMYK", (4, 4)), "CMYK"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(image: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        nas.restore(Enlarger(), image)


def test_the_network_is_left_as_it_was_and_may_be_given_in_its_form_for_inference(wanted: np.ndarray) -> None:
    network = Enlarger().train()
    nas.restore(network, PIXELS)
    assert network.training and network.conv.weight.requires_grad
    np.testing.assert_array_equal(nas.restore(nas.models.optimize(network), PIXELS), wanted)
