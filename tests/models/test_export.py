"""An exported network computes what torch computes, at sizes other than the traced one."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.models.weights import save_weights
from nas.space import load_genotype, load_space


def test_onnx_equals_torch_at_another_size(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    import numpy as np
    import torch

    from nas.models.export import TOLERANCE, export_onnx

    space = load_space("jsm", overrides={"network.cells": 1})
    genotype = load_genotype("jsnet_released").with_network(cells=1)
    model = space.network(genotype, "sr_x2").eval()
    path, document = tmp_path / "w.safetensors", space.document
    save_weights(path, model, kind="derived", task="sr_x2", genotype=genotype, space=document)
    assert export_onnx(tmp_path / "w.safetensors", tmp_path / "w.onnx") <= TOLERANCE
    session = onnxruntime.InferenceSession(str(tmp_path / "w.onnx"), providers=["CPUExecutionProvider"])
    image = torch.rand(1, 3, 33, 21) * 255
    with torch.inference_mode():
        wanted = model(image).numpy()
    (found,) = session.run(None, {"image": image.numpy()})
    assert found.shape == (1, 3, 66, 42)
    np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
