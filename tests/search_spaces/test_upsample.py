"""Enlarging: MATLAB's filter, its border rule and its gradient; sizes of the upsampling module."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.errors import UsageError
from search_spaces.upsample import bicubic_enlarge, mirrored_by_two, upsampler


def cubic(t: np.ndarray) -> np.ndarray:
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def enlarge_rows(image: np.ndarray, scale: int) -> np.ndarray:
    """One pass from the formula: output i lies at input (i + 0.5) / scale - 0.5, symmetric border."""
    height = image.shape[0]
    position = (np.arange(scale * height) + 0.5) / scale - 0.5
    out = np.zeros((scale * height, image.shape[1]))
    for tap in range(-1, 3):
        source = np.floor(position).astype(int) + tap
        mirrored = source % (2 * height)
        mirrored = np.minimum(mirrored, 2 * height - 1 - mirrored)
        out += cubic(position - source)[:, None] * image[mirrored]
    return out


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("shape", [(7, 9), (2, 3), (1, 1)])
def test_enlargement_equals_the_formula(scale: int, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, shape)
    expected = enlarge_rows(enlarge_rows(image, scale).T, scale).T
    actual = bicubic_enlarge(torch.from_numpy(image)[None, None], scale)[0, 0].numpy()
    np.testing.assert_allclose(actual, expected, atol=1e-9)


def test_eight_bit_enlargement_rounds_half_up_after_each_pass() -> None:
    image = np.random.default_rng(1).integers(0, 256, (6, 8)).astype(float)

    def round8(a: np.ndarray) -> np.ndarray:
        return np.floor(np.clip(a, 0, 255) + 0.5)

    expected = round8(enlarge_rows(round8(enlarge_rows(image, 3)).T, 3).T)
    actual = bicubic_enlarge(torch.from_numpy(image)[None, None], 3, eight_bit=True)[0, 0].numpy()
    np.testing.assert_array_equal(actual, expected)


def test_scale_one_returns_the_input() -> None:
    x = torch.rand(1, 3, 4, 5)
    assert bicubic_enlarge(x, 1) is x


@pytest.mark.parametrize(
    ("size", "places"),
    [(1, [0] * 5), (2, [1, 0, 0, 1, 1, 0]), (3, [1, 0, 0, 1, 2, 2, 1]), (5, [1, 0, 0, 1, 2, 3, 4, 4, 3])],
)
def test_the_border_is_mirrored_with_the_edge_pixel_repeated(size: int, places: list[int]) -> None:
    x = torch.arange(float(size)).view(1, 1, 1, size) + 10 * torch.arange(float(size)).view(1, 1, size, 1)
    wanted = torch.tensor(places, dtype=x.dtype)
    assert torch.equal(mirrored_by_two(x)[0, 0], 10 * wanted[:, None] + wanted)


@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (9, 4)])
def test_what_other_programs_get_is_the_same_filter(scale: int, shape: tuple[int, int], eight_bit: bool) -> None:
    x = torch.randint(0, 256, (2, 3, *shape), generator=torch.Generator().manual_seed(2)).double()
    traced = torch.jit.trace(lambda image: bicubic_enlarge(image, scale, eight_bit), torch.zeros(1, 3, 6, 7).double())
    assert "aten::_upsample" not in str(traced.graph)
    torch.testing.assert_close(traced(x), bicubic_enlarge(x, scale, eight_bit), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("scale", "count"), [(1, 867), (2, 37859), (3, 84099), (4, 74851)])
def test_upsampler_enlarges_and_has_the_documented_size(scale: int, count: int) -> None:
    up = upsampler(32, scale, 3)
    assert up(torch.rand(1, 32, 5, 6)).shape == (1, 3, 5 * scale, 6 * scale)
    assert sum(p.numel() for p in up.parameters()) == count


def test_unknown_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="1, 2, 3 or 4"):
        upsampler(32, 5, 3)
