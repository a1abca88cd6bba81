"""What the golden tests share: where the tensors lie, and float64.

The references wrote the tensors in float32, but our networks are compared with them in float64. Kernels add in
different orders, and at a kink (ReLU, LeakyReLU, PReLU, L1, maximum) or in a sort one rounding decides on which side
a value falls, so that a float32 gradient differs from machine to machine by far more than a rounding. In float64 the
side is the same everywhere. What remains is the rounding of the fixture itself, which the tolerances of the
manifests were made for.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

Tensors = dict[str, Tensor]

GOLDEN = Path(__file__).parent / "golden"

#: How many times the float32 error measured on one machine another machine's kernels may make.
OTHER_KERNELS = 8


def shared_folder() -> Path | None:
    """The reference data that is not part of the repository: NAS_SHARED, else ../shared."""
    folder = Path(os.environ.get("NAS_SHARED", Path(__file__).parents[2] / "shared"))
    return folder if (folder / "fixtures").is_dir() else None


def golden_manifest(model: str) -> dict[str, Any]:
    """What ``model``'s fixtures are: cases, settings, tolerances."""
    document: dict[str, Any] = json.loads((GOLDEN / model / "manifest.json").read_text(encoding="utf-8"))
    return document


def load_golden(model: str, file: str, whole: bool = False) -> Tensors:
    """The tensors of a file in float64, from the repository, else from the shared data, else the test skips.

    Args:
        model: Folder of the fixtures.
        file: Name of the safetensors file.
        whole: Only from the shared data; the repository holds a part of some files.
    """
    from safetensors.torch import load_file

    shared = shared_folder()
    places = ([] if whole else [GOLDEN]) + ([shared / "fixtures"] if shared else [])
    for place in places:
        if (place / model / file).is_file():
            return {key: upcast(tensor) for key, tensor in load_file(place / model / file).items()}
    pytest.skip(f"{model}/{file} is neither in tests/golden nor in the shared data (set NAS_SHARED to its folder)")


def upcast(tensor: Tensor) -> Tensor:
    """Floating-point tensors in float64 (exactly the same numbers); all others as they are."""
    return tensor.double() if tensor.is_floating_point() else tensor


def assert_golden(actual: Tensor, expected: Tensor, atol: float, rtol: float, of_largest: float) -> None:
    """A float64 result equals a stored one within the fixture's tolerance, and within what was measured.

    Args:
        actual: Our result, in float64.
        expected: The stored tensor, in float64.
        atol: Absolute tolerance of the manifest.
        rtol: Relative tolerance of the manifest, of every element.
        of_largest: Tolerance as a share of the largest stored value; it holds as well and is usually the tighter one.
    """
    torch.testing.assert_close(actual, expected, atol=atol, rtol=rtol)
    torch.testing.assert_close(actual, expected, atol=of_largest * float(expected.abs().max()), rtol=0)


def assert_float32_output(single: Tensor, double: Tensor, measured: float) -> None:
    """A float32 output is as near to the float64 one of the same network as float32 allows.

    Args:
        single: Output in float32.
        double: Output of the same network, weights and input in float64.
        measured: Largest difference found, relative to the largest value, with the kernels of oneDNN (AVX-512, AVX2,
            SSE4.1) and of ATen (AVX-512, AVX2, default) on one machine; ``OTHER_KERNELS`` times as much is allowed.
            Such a bound exists for outputs alone: they are continuous at a kink, gradients jump there.
    """
    assert single.dtype == torch.float32 and double.dtype == torch.float64
    difference = float((single.double() - double).abs().max() / double.abs().max())
    assert difference <= OTHER_KERNELS * measured, f"{difference:.2e} > {OTHER_KERNELS} x {measured:.2e}"
