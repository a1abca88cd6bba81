"""Images are read as they are, or refused in one sentence that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.errors import NasError, UsageError
from nas.images import image_info, read_image, to_uint8, write_image

RGB = np.random.default_rng(0).integers(0, 256, (13, 17, 3)).astype(np.uint8)
GREY = RGB[..., 0].copy()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
@pytest.mark.parametrize("image", [RGB, GREY], ids=["rgb", "grey"])
def test_lossless_round_trip(tmp_path: Path, suffix: str, image: np.ndarray) -> None:
    file = write_image(tmp_path / f"sub/a{suffix}", image)
    np.testing.assert_array_equal(read_image(file), image)
    info = image_info(file)
    assert (info.height, info.width, info.bits) == (13, 17, 8)
    assert info.channels == (3 if image.ndim == 3 else 1)
    assert [p.name for p in file.parent.iterdir()] == [file.name]  # no partial file is left


@pytest.mark.parametrize("width", [38, 53, 72, 105, 160, 161, 338, 386, 536, 720])
def test_no_width_is_taken_for_a_number_of_bits(tmp_path: Path, width: int) -> None:
    """A decoder is told the length of a row and the place of a table too, in which a 16 means nothing."""
    image = np.random.default_rng(width).integers(0, 256, (5, width, 3)).astype(np.uint8)
    write_image(tmp_path / "a.bmp", image)
    for compression in ("tiff_lzw", "tiff_deflate", "raw"):
        Image.fromarray(image).save(tmp_path / f"{compression}.tif", compression=compression)
    for file in tmp_path.iterdir():
        assert image_info(file).bits == 8, file.name
        np.testing.assert_array_equal(read_image(file), image)


@pytest.mark.parametrize("suffix", [".bmp", ".jpg"])
def test_sixteen_bits_are_not_written_to_files_of_eight(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match="hold 8 bits"):
        write_image(tmp_path / f"a{suffix}", GREY.astype(np.uint16))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colour", [True, False])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str, colour: bool) -> None:
    image = (RGB if colour else GREY).astype(np.uint16) * 257 - 3 * (RGB if colour else GREY).clip(0, 1)
    file = write_image(tmp_path / f"deep{suffix}", image)
    assert image_info(file).bits == 16
    found = read_image(file)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, image)
    np.testing.assert_array_equal(to_uint8(found), RGB if colour else GREY)


def test_order_is_rgb(tmp_path: Path) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    write_image(tmp_path / "r.png", red)
    assert Image.open(tmp_path / "r.png").getpixel((0, 0)) == (255, 0, 0)
    assert read_image(tmp_path / "r.png")[0, 0].tolist() == [255, 0, 0]


def test_jpeg_palette_and_one_bit_files(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=95)
    assert read_image(tmp_path / "a.jpg").shape == RGB.shape
    Image.fromarray(RGB).quantize(16).save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png").shape == RGB.shape and image_info(tmp_path / "p.png").palette
    Image.fromarray(GREY).convert("1").save(tmp_path / "b.png")
    assert set(np.unique(read_image(tmp_path / "b.png"))) <= {0, 255}


def broken(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    write_image(folder / "whole.png", noise)
    Image.fromarray(noise).save(folder / "whole.jpg")
    files = {name: folder / name for name in ("cut.png", "cut.jpg", "empty.png", "text.png", "missing.png")}
    for suffix in ("png", "jpg"):
        data = (folder / f"whole.{suffix}").read_bytes()
        files[f"cut.{suffix}"].write_bytes(data[: len(data) // 2])
    files["empty.png"].write_bytes(b"")
    files["text.png"].write_text("no image")
    files["alpha.png"], files["cmyk.jpg"], files["trns.png"] = (
        folder / n for n in ("alpha.png", "cmyk.jpg", "trns.png")
    )
    Image.fromarray(noise).convert("RGBA").save(files["alpha.png"])
    Image.fromarray(noise).convert("CMYK").save(files["cmyk.jpg"])
    Image.fromarray(noise).quantize(8).save(files["trns.png"], transparency=0)
    return files


@pytest.mark.parametrize(
    "name", ["cut.png", "cut.jpg", "empty.png", "text.png", "missing.png", "alpha.png", "cmyk.jpg", "trns.png"]
)
def test_unusable_files_are_refused_by_name(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = broken(tmp_path)[name]
    with pytest.raises(NasError) as caught:
        read_image(file)
    message = str(caught.value)
    assert name in message and "\n" not in message and ";" in message
    assert capfd.readouterr().err == ""


def test_a_cut_sixteen_bit_file_is_refused(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (64, 64, 3)).astype(np.uint16)
    data = write_image(tmp_path / "deep.png", deep).read_bytes()
    (tmp_path / "deep.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(NasError, match=r"deep\.png.*truncated"):
        read_image(tmp_path / "deep.png")


def test_several_frames_and_folders_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    frames[0].save(tmp_path / "many.tif", save_all=True, append_images=frames[1:])
    with pytest.raises(NasError, match="several frames"):
        read_image(tmp_path / "many.tif")
    with pytest.raises(NasError, match="folder"):
        read_image(tmp_path)


def test_floats_are_rounded_and_clipped_on_writing(tmp_path: Path) -> None:
    file = write_image(tmp_path / "f.png", np.array([[-4.0, 0.5, 254.5, 999.0]]))
    assert read_image(file).tolist() == [[0, 1, 255, 255]]


@pytest.mark.parametrize(
    ("name", "image"),
    [("a.png", np.zeros((4, 4, 4), np.uint8)), ("a.png", np.zeros((4, 4), np.int32)), ("a.xyz", GREY)],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, image: np.ndarray) -> None:
    with pytest.raises(UsageError):
        write_image(tmp_path / name, image)
    assert list(tmp_path.iterdir()) == []
