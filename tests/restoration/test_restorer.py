"""Images in memory: any number type, grey, alpha, tiles, batches, and what cannot be restored."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import nas.restoration.restorer as restoring
from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore
from nas.evaluation.scoring import to_image, to_tensor
from nas.images.pictures import Picture
from nas.restoration.options import RestorationOptions
from nas.restoration.restorer import Restorer
from tests.restoration.networks import Enlarger

PLAIN = RestorationOptions(plain=True)


def noise(*shape: int, bits: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**bits, shape).astype(f"uint{bits}")


def test_an_image_of_8_bits_is_what_evaluation_makes_of_it() -> None:
    image = noise(11, 14, 3)
    wanted = to_image(restore(Enlarger(), to_tensor(image, 3)))
    np.testing.assert_array_equal(Restorer(Enlarger(), PLAIN).images([image])[0], wanted)


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize("bits", [8, 16])
def test_tiles_give_what_the_whole_image_gives(ensemble: bool, multiple: int, bits: int) -> None:
    image = noise(21, 30, 3, bits=bits)
    network = Enlarger(size_multiple=multiple)
    whole = Restorer(network, RestorationOptions(tile=None, plain=True, ensemble=ensemble)).images([image])[0]
    network.calls.clear()
    tiled = Restorer(network, RestorationOptions(tile=8, overlap=4, plain=True, ensemble=ensemble)).images([image])[0]
    assert len(network.calls) == 12 * (8 if ensemble else 1)
    difference = np.abs(whole.astype(int) - tiled.astype(int))
    if ensemble and multiple > 1:  # a turned image is padded at another side than a turned tile
        difference = difference[8:-8, 8:-8]
    assert difference.max() <= 1 and (difference > 0).mean() < 0.01  # the order of rounding


def test_16_bits_are_finer_than_8_and_floats_are_not_rounded() -> None:
    image = noise(6, 8, 3)
    restorer = Restorer(Enlarger(), PLAIN)
    fine = restorer.images([image.astype(np.uint16) * 257])[0]
    exact = restorer.images([image.astype(np.float32)])[0]
    assert fine.dtype == np.uint16 and exact.dtype == np.float32
    np.testing.assert_allclose(fine / 257, exact, atol=0.5 / 257 + 1e-3)
    assert np.abs(exact - np.round(exact)).max() > 0.1


def test_grey_stays_grey_through_a_network_for_colour() -> None:
    image = noise(6, 8)
    restored = Restorer(Enlarger(), PLAIN).images([image])[0]
    assert restored.shape == (12, 16)
    coloured = restore(Enlarger(), to_tensor(image, 3))
    assert abs(float(restored.mean()) - float(coloured.mean())) < 8  # of the same brightness


def test_alpha_is_restored_apart_and_opaque_stays_opaque() -> None:
    restorer, pixels, alpha = Restorer(Enlarger(), PLAIN), noise(6, 8, 3), noise(6, 8)
    found = restorer.pictures([Picture(pixels, alpha, b"icc", b"exif")])[0]
    np.testing.assert_array_equal(found.pixels, restorer.images([pixels])[0])
    np.testing.assert_array_equal(found.alpha, restorer.images([alpha])[0])
    assert (found.icc, found.exif) == (b"icc", b"exif")
    opaque = restorer.pictures([Picture(pixels, np.full((6, 8), 255, np.uint8))])[0]
    np.testing.assert_array_equal(opaque.alpha, np.full((12, 16), 255))
    same = Restorer(Enlarger(scale=1), PLAIN).pictures([Picture(pixels, alpha)])[0]
    np.testing.assert_array_equal(same.alpha, alpha)  # what does not enlarge has no business with it


def test_several_images_are_given_to_the_network_at_once() -> None:
    images = [noise(6, 8, 3), noise(6, 8, 3)[::-1].copy()]
    network = Enlarger()
    restorer = Restorer(network, PLAIN)
    together = restorer.images(images)
    assert network.calls == [(2, 3, 6, 8)]
    for image, found in zip(images, together, strict=True):
        np.testing.assert_allclose(found.astype(int), restorer.images([image])[0].astype(int), atol=1)


def test_a_large_image_is_restored_in_tiles_whatever_is_free_and_memory_decides_their_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = []

    def tile_for(model: object, size: object, overlap: int, limit: int | None, *rest: object, **more: object) -> int:
        limits.append(limit)
        return 64

    monkeypatch.setattr(restoring, "tile_for", tile_for)
    monkeypatch.setattr(restoring, "free_bytes", lambda device: 2**40)
    restorer = Restorer(Enlarger(), PLAIN)
    assert restorer._tile(1000, 1000, np.empty((1000, 1000, 3), np.uint8)) == 64
    assert restorer._tile(5000, 8000, np.empty((5000, 8000, 3), np.uint8)) == 64
    bounded = Restorer(Enlarger(), RestorationOptions(memory=2**30, plain=True))
    assert bounded._tile(100, 100, np.empty((100, 100, 3), np.uint8)) == 64
    small, large, asked = limits
    assert small is None and large is not None and large < 4 * 2**30 - 5000 * 8000 * 3
    assert asked == 2**30 - 30_000 * 17


def test_smaller_tiles_are_tried_when_memory_runs_out() -> None:
    class Hungry(Enlarger):
        def forward(self, image: Tensor) -> Tensor:
            if image.shape[-1] > 200:
                raise MemoryError
            return super().forward(image)

    network = Hungry()
    image = noise(4, 300, 3)
    found = Restorer(network, RestorationOptions(tile=None, plain=True)).images([image])[0]
    np.testing.assert_array_equal(found, Restorer(Enlarger(), PLAIN).images([image])[0])
    assert max(shape[-1] for shape in network.calls) <= 64 + 2 * 32


@pytest.mark.parametrize(
    ("channels", "shape", "words"), [(1, (4, 4, 3), "takes grey images"), (3, (4, 4, 2), "takes 3 channels")]
)
def test_an_image_that_the_network_does_not_take_is_refused(channels: int, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Restorer(Enlarger(channels), PLAIN).images([noise(*shape)])


def test_values_that_are_not_finite_are_no_image() -> None:
    network = Enlarger()
    torch.nn.init.constant_(network.conv.weight, torch.nan)
    with pytest.raises(NasError, match="not finite"):
        Restorer(network, PLAIN).images([noise(4, 4, 3)])


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"tiles": 3}, "did you mean 'tile'"),
        ({"dtype": "int8"}, "unknown dtype"),
        ({"tile": "some"}, "neither a side"),
        ({"tile": 0}, "not sizes"),
        ({"batch": 0}, "batch 0"),
        ({"format": "gif"}, "unknown format"),
        ({"quality": 101}, "not between 1 and 100"),
        ({"device": "cuda:77"}, "device"),
    ],
)
def test_options_that_make_no_sense_are_refused(keywords: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RestorationOptions.from_keywords(keywords)
