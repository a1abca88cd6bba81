"""An image is turned as its EXIF orientation says, in every format, and its header tells the size that it then has."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from nas.images import image_info, read_image
from nas.images.orientation import seems_cut

BLOCKS = np.kron(np.random.default_rng(3).integers(0, 256, (3, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def tagged(path: Path, image: np.ndarray, orientation: int, **words: object) -> Path:
    picture = Image.fromarray(image)
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, exif=exif, **words)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "jfif", "tif", "webp"])
def test_eight_bits_are_turned(ending: str, orientation: int, tmp_path: Path) -> None:
    words = {"lossless": True} if ending == "webp" else {"quality": 100, "subsampling": 0} if ending[0] == "j" else {}
    if ending == "jfif":
        file = tagged(tmp_path / "a.jpg", BLOCKS, orientation, **words).rename(tmp_path / "a.jfif")
    else:
        file = tagged(tmp_path / f"a.{ending}", BLOCKS, orientation, **words)
    exif = Image.Exif()
    exif[0x0112] = orientation
    bare = Image.fromarray(BLOCKS)
    bare.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(bare))
    found, info = read_image(file), image_info(file)
    assert found.shape == expected.shape == (info.height, info.width, 3)
    assert np.abs(found.astype(int) - expected).max() <= (4 if ending[0] == "j" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_turned_alike(ending: str, orientation: int, tmp_path: Path) -> None:
    deep = BLOCKS[..., 0].astype(np.uint16) * 257
    file = tagged(tmp_path / f"deep.{ending}", deep, orientation)
    shallow = tagged(tmp_path / "a.png", BLOCKS[..., 0].copy(), orientation)
    found, info = read_image(file), image_info(file)
    assert (info.height, info.width, info.bits) == (*found.shape, 16)
    np.testing.assert_array_equal(found // 257, read_image(shallow))


def test_a_tag_behind_the_pixels_of_a_png_counts(tmp_path: Path) -> None:
    file = tagged(tmp_path / "a.png", BLOCKS, 6)
    data = file.read_bytes()
    start = data.index(b"eXIf") - 4
    (length,) = struct.unpack(">I", data[start : start + 4])
    chunk = data[start : start + 12 + length]
    rest = data[:start] + data[start + 12 + length :]
    end = rest.index(b"IEND") - 4
    file.write_bytes(rest[:end] + chunk + rest[end:])
    assert (image_info(file).height, image_info(file).width) == read_image(file).shape[:2] == (40, 24)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_a_tag_that_means_nothing_turns_nothing(orientation: int, tmp_path: Path) -> None:
    assert read_image(tagged(tmp_path / "a.jpg", BLOCKS, orientation)).shape == BLOCKS.shape


def test_a_damaged_tag_turns_nothing(tmp_path: Path) -> None:
    Image.fromarray(BLOCKS).save(tmp_path / "a.png", exif=b"Exif\x00\x00MM\x00*\x00\x00")
    assert read_image(tmp_path / "a.png").shape == BLOCKS.shape


@pytest.mark.parametrize(("ending", "name"), [("webp", "WEBP"), ("jfif", "JPEG")])
def test_webp_and_jfif_are_read(ending: str, name: str, tmp_path: Path) -> None:
    words = {"lossless": True} if ending == "webp" else {"quality": 100, "subsampling": 0}
    Image.fromarray(BLOCKS).save(tmp_path / f"a.{ending}", name, **words)
    assert np.abs(read_image(tmp_path / f"a.{ending}").astype(int) - BLOCKS).max() <= (0 if ending == "webp" else 4)


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_file_without_its_end_is_told_without_decoding_it(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{ending}"
    Image.fromarray(BLOCKS).save(file)
    assert not seems_cut(file)
    data = file.read_bytes()
    file.write_bytes(data + b"more, as cameras append it")
    assert not seems_cut(file)
    for kept in (len(data) // 2, len(data) - 5):
        file.write_bytes(data[:kept])
        assert seems_cut(file)
