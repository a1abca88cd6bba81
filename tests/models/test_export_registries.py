"""Every registered baseline and a derived network of every registered space is exported, or refused with the reason."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.models.export import FORMATS, export
from nas.models.weights import save_weights
from nas.registry import BASELINES
from nas.space import SPACES, Space, load_space
from nas.space.document import DocumentError
from tests.train.test_model_task import TINY, supported

#: (model, format) -> words of the refusal; whatever is not here is exported
REFUSED = {
    ("dlsn", "torchscript"): "depends on the image size",  # its hashes are drawn anew for every image
    ("dlsn", "onnx"): "no ONNX for aten::normal",
}


def cases(names: Iterable[str], quick: Iterable[str]) -> list[Any]:
    """Every name with the formats that have writers of their own (pt2 is what the ONNX writer starts from).

    ONNX files take seconds each; all but those of the ``quick`` names are for 'make slow'.
    """
    slow = {name: () if name in set(quick) else (pytest.mark.slow,) for name in names}
    return [
        *(pytest.param(name, "torchscript") for name in slow),
        *(pytest.param(name, "onnx", marks=marks) for name, marks in slow.items()),
    ]


def tiny(name: str) -> tuple[nn.Module, str]:
    """A small network of a baseline with random weights, and a task that it serves."""
    torch.manual_seed(0)
    tasks = supported(name)
    task = "sr_x2" if "sr_x2" in tasks else tasks[0]
    sizes: dict[str, Any] = {"n_hashes": 1} if name == "dlsn" else {}
    for entry in TINY.get(name, ()):
        key, _, value = entry.partition("=")
        if key.startswith("network."):
            sizes[key.removeprefix("network.")] = int(value)
    baseline = BASELINES.get(name)
    return baseline.create(**baseline.config_for_task(task), **baseline.own_names(sizes)).eval(), task


@pytest.mark.parametrize(("name", "format"), cases(BASELINES.names(), quick=("jsnet", "bicubic")))
def test_every_baseline_is_exported_or_refused_with_the_reason(name: str, format: str, tmp_path: Path) -> None:
    model, task = tiny(name)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task=task)
    check(tmp_path, name, format)


@pytest.mark.parametrize(("name", "format"), cases(SPACES.names(), quick=("bench", "modern_small")))
def test_a_derived_network_of_every_space_is_exported(name: str, format: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    space = smallest(name)
    genotype = space.sample(random.Random(1))
    model = space.network(genotype, "sr_x2").eval()
    save_weights(
        tmp_path / "w.safetensors", model, kind="derived", task="sr_x2", genotype=genotype, space=space.document
    )
    check(tmp_path, name, format)


def smallest(name: str) -> Space:
    """A space with networks of one cell, whatever its skeleton calls that."""
    for overrides in ({"network.cells": 1}, {"network.depths": [1]}):
        with suppress(DocumentError):
            return load_space(name, overrides=overrides)
    return load_space(name)


def check(folder: Path, name: str, format: str) -> None:
    """``export`` itself compares with torch at three sizes, one of them a batch."""
    if format == "onnx":
        pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
        pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    out = folder / f"w{FORMATS[format]}"
    reason = REFUSED.get((name, format))
    if reason is None:
        assert export(folder / "w.safetensors", out, format).path.stat().st_size > 0
        return
    with pytest.raises(NasError, match=reason):
        export(folder / "w.safetensors", out, format)
    assert not out.exists()
