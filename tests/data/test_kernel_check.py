"""Stored low-resolution images are told apart: MATLAB's bicubic, its border, rounding, shifts and other kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from nas.data.check import check_folder
from nas.data.kernel_check import BORDER, EXACT, OTHER, ROUNDING, SHIFTED, compare
from nas.images import imresize, write_image

PHOTO = np.ascontiguousarray(data.astronaut()[100:292, 150:342])


def smaller(image: np.ndarray, scale: int) -> tuple[int, int]:
    return image.shape[1] // scale, image.shape[0] // scale


def pillow(kind: Image.Resampling) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda image, s: np.asarray(Image.fromarray(image).resize(smaller(image, s), kind))


def opencv(kind: int) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda image, s: cv2.resize(image, smaller(image, s), interpolation=kind)


def rolled(rows: int, columns: int) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda image, s: imresize(np.roll(image, (rows, columns), (0, 1)), 1 / s)


def cut_from_larger(image: np.ndarray, s: int) -> np.ndarray:
    whole = np.pad(image, ((12, 12), (12, 12), (0, 0)), mode="reflect")
    return imresize(whole, 1 / s)[12 // s : -12 // s, 12 // s : -12 // s]


def noisy(image: np.ndarray, s: int) -> np.ndarray:
    made = imresize(image, 1 / s)
    return np.clip(made + np.random.default_rng(0).normal(0, 5, made.shape), 0, 255).astype(np.uint8)


MAKERS: dict[str, tuple[Callable[[np.ndarray, int], np.ndarray], str]] = {
    "matlab": (lambda image, s: imresize(image, 1 / s), EXACT),
    "cut from a larger image": (cut_from_larger, BORDER),
    "pillow bicubic": (pillow(Image.Resampling.BICUBIC), ROUNDING),
    "pillow bilinear": (pillow(Image.Resampling.BILINEAR), OTHER),
    "pillow lanczos": (pillow(Image.Resampling.LANCZOS), OTHER),
    "pillow box": (pillow(Image.Resampling.BOX), OTHER),
    "opencv cubic": (opencv(cv2.INTER_CUBIC), OTHER),
    "opencv area": (opencv(cv2.INTER_AREA), OTHER),
    "noise": (noisy, OTHER),
    "blur": (lambda image, s: imresize(cv2.GaussianBlur(image, (7, 7), 1.6), 1 / s), OTHER),
    "one row down": (rolled(1, 0), SHIFTED),
    "one column right": (rolled(0, 1), SHIFTED),
    "one row up, two columns left": (rolled(-1, -2), SHIFTED),
    "every s-th row": (lambda image, s: imresize(np.roll(image, (-(s // 2), 0), (0, 1)), 1 / s), SHIFTED),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_each_way_of_making_inputs_is_recognised(maker: str, scale: int) -> None:
    make, verdict = MAKERS[maker]
    assert compare(PHOTO, make(PHOTO, scale), scale)[0] == verdict
    assert compare(PHOTO[..., 0].copy(), make(PHOTO[..., :1].repeat(3, 2), scale)[..., 0].copy(), scale)[0] == verdict


@pytest.mark.parametrize(("rows", "columns"), [(1, 0), (0, 2), (1, 1), (-2, 1)])
def test_a_shift_is_measured(rows: int, columns: int) -> None:
    verdict, distance = compare(PHOTO, rolled(rows, columns)(PHOTO, 2), 2)
    assert verdict == SHIFTED and distance == pytest.approx(np.hypot(rows, columns) / 2, abs=0.08)


@pytest.mark.parametrize(
    ("maker", "folder", "severity"),
    [
        ("matlab", "LR_bicubic/X2", ""),
        ("pillow bicubic", "LR_bicubic/X2", ""),
        ("cut from a larger image", "LRbicx2", ""),
        ("opencv cubic", "LR_bicubic/X2", "warning"),
        ("one row down", "LRbicx2", "warning"),
        ("opencv cubic", "LRx2", "note"),
        ("noise", "LR_unknown/X2", "note"),
    ],
)
def test_the_check_says_it_and_warns_where_the_name_claims_bicubic(
    maker: str, folder: str, severity: str, tmp_path: Path
) -> None:
    make, verdict = MAKERS[maker]
    for name, image in (("a", PHOTO), ("b", np.ascontiguousarray(PHOTO[::-1]))):
        write_image(tmp_path / f"HR/{name}.png", image)
        write_image(tmp_path / f"{folder}/{name}.png", make(image, 2))
    report = check_folder(tmp_path, "sr_x2")
    assert report.bicubic == verdict and report.bicubic_words in report.to_text() and report.pairs == 2
    said = [f.severity for f in report.findings if "MATLAB" in f.sentence]
    assert said == ([severity] if severity else [])


def test_the_genuine_inputs_of_set5_are_exact(shared: Path) -> None:
    for scale in (2, 3, 4):
        assert check_folder(shared / "data/benchmarks/Set5", f"sr_x{scale}", split="test").bicubic == EXACT
