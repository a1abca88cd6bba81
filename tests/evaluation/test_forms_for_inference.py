"""Evaluation runs the optimised form of a network unless told otherwise, and the numbers stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import baselines
from nas.evaluation import runner
from nas.evaluation.harness import evaluate
from nas.images import write_image
from nas.models.optimizing import OptimizedModel


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    write_image(tmp_path / "A/HR/one.png", coarse.repeat(6, axis=0).repeat(6, axis=1))
    return tmp_path


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """The classes of the networks that restored images."""
    found: list[type] = []
    original = runner.restore

    def noting(model: torch.nn.Module, *arguments: object, **options: object) -> torch.Tensor:
        found.append(type(model))
        return original(model, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "restore", noting)
    return found


def test_the_optimised_form_gives_the_row_of_the_network_as_written(sets: Path, ran: list[type]) -> None:
    torch.manual_seed(0)
    model = baselines.create("jsnet", layers=1, C=8, image_residual=True)
    (fast,) = evaluate(model, "sr_x2", ["A"], sets)
    (plain,) = evaluate(model, "sr_x2", ["A"], sets, plain=True)
    assert ran == [OptimizedModel, type(model)]
    assert fast.psnr == pytest.approx(plain.psnr, abs=5e-4) and fast.ssim == pytest.approx(plain.ssim, abs=5e-5)
    same = ("model", "weights", "parameters", "multiply_adds", "activations", "convolutions", "genotype")
    assert [getattr(fast, name) for name in same] == [getattr(plain, name) for name in same]


def test_reduced_number_types_and_networks_without_weights_run_as_written(sets: Path, ran: list[type]) -> None:
    model = baselines.create("jsnet", layers=1, C=8)
    evaluate(model, "sr_x2", ["A"], sets, dtype="bfloat16", with_costs=False)
    bicubic = baselines.create("bicubic", scale=2)
    evaluate(bicubic, "sr_x2", ["A"], sets, with_costs=False)
    assert ran == [type(model), type(bicubic)]
