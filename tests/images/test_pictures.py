"""Pictures keep what their files carry: bits, alpha, colour profile and EXIF; orientation is taken into the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from nas.errors import NasError, UsageError
from nas.images.pictures import Picture, picture_info, read_picture, write_picture

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, bits: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**bits, shape).astype(f"uint{bits}")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_png_holds_every_kind_of_picture_exactly(
    bits: int, colours: tuple[int, ...], alpha: bool, tmp_path: Path
) -> None:
    picture = Picture(noise(7, 9, *colours, bits=bits), noise(7, 9, bits=bits) if alpha else None, ICC)
    found = read_picture(write_picture(tmp_path / "a.png", picture))
    wanted = picture.pixels
    if alpha and not colours:  # grey beside alpha is written as colour
        wanted = np.repeat(wanted[..., None], 3, axis=2)
    np.testing.assert_array_equal(found.pixels, wanted)
    assert found.pixels.dtype == picture.pixels.dtype
    assert (found.alpha is None) == (not alpha)
    if picture.alpha is not None and found.alpha is not None:
        np.testing.assert_array_equal(found.alpha, picture.alpha)
    assert found.icc == ICC


@pytest.mark.parametrize("source", ["jpg", "png", "webp"])
@pytest.mark.parametrize("format", ["png", "jpg", "webp"])
def test_profile_and_exif_stay_and_say_the_new_size(source: str, format: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", 6
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.DateTimeOriginal] = 30, "2020:01:01 00:00:00"
    Image.fromarray(noise(20, 30, 3)).save(tmp_path / f"photo.{source}", exif=exif, icc_profile=ICC)
    picture = read_picture(tmp_path / f"photo.{source}")
    assert picture.pixels.shape == (30, 20, 3)  # turned
    written = write_picture(tmp_path / f"out.{format}", picture)
    with Image.open(written) as image:
        assert image.size == (20, 30) and image.info["icc_profile"] == ICC
        found = image.getexif()
        assert found[ExifTags.Base.Make] == "Camera" and ExifTags.Base.Orientation not in found
        assert dict(found.get_ifd(ExifTags.IFD.Exif)) == {
            ExifTags.Base.ExifImageWidth: 20,
            ExifTags.Base.DateTimeOriginal: "2020:01:01 00:00:00",
        }


def test_malformed_exif_costs_nothing_but_itself(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 8, 3)).save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    picture = read_picture(tmp_path / "a.jpg")
    assert read_picture(write_picture(tmp_path / "a.png", picture)).pixels.shape == (8, 8, 3)


def test_a_transparent_colour_and_grey_with_alpha_are_alpha(tmp_path: Path) -> None:
    Image.fromarray(noise(8, 9, 3)).quantize(8).save(tmp_path / "palette.png", transparency=3)
    Image.fromarray(noise(8, 9)).save(tmp_path / "grey.png", transparency=7)
    Image.fromarray(noise(8, 9, 2)).save(tmp_path / "la.png")
    for name, dimensions in (("palette", 3), ("grey", 2), ("la", 2)):
        picture = read_picture(tmp_path / f"{name}.png")
        assert picture.pixels.ndim == dimensions and picture.alpha is not None
        assert picture_info(tmp_path / f"{name}.png").channels == (3 if dimensions == 3 else 1)


def test_16_bits_become_8_where_a_format_holds_no_more(tmp_path: Path) -> None:
    found = read_picture(write_picture(tmp_path / "a.webp", Picture(np.full((8, 8, 3), 257 * 100, np.uint16)), 100))
    assert found.pixels.dtype == np.uint8 and abs(int(found.pixels[0, 0, 0]) - 100) <= 2


@pytest.mark.parametrize(
    ("name", "picture", "words"),
    [
        ("a.gif", Picture(noise(4, 4)), "unknown suffix"),
        ("a.jpg", Picture(noise(4, 4, 3), noise(4, 4)), "alpha"),
        ("a.webp", Picture(noise(1, 16_384)), "16383"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(name: str, picture: Picture, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        write_picture(tmp_path / name, picture)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "F"])
def test_modes_that_nobody_can_mean_are_refused_by_the_name_of_the_file(mode: str, tmp_path: Path) -> None:
    Image.new(mode, (8, 8)).save(tmp_path / "a.tif")
    with pytest.raises(NasError, match=r"a\.tif"):
        read_picture(tmp_path / "a.tif")
