"""An exported file computes what the platform computes, the way other programs call it, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.evaluation.inference import restore
from nas.models.calling import descriptor_of
from nas.models.export import FORMATS, export
from nas.models.export.checking import TOLERANCE
from nas.models.weights import save_weights
from nas.space import load_genotype, load_space

#: (batch, height, width): two images, an odd size, one below the smallest that the network takes (15)
SHAPES = ((2, 31, 20), (1, 33, 47), (1, 9, 40))
SPACE = load_space("jsm", overrides={"network.cells": 1})
GENOTYPE = load_genotype("jsnet_released").with_network(cells=1)


def needs(format: str) -> None:
    """Skip without the packages of a format."""
    for package in {"onnx": ("onnxruntime", "onnxscript"), "ncnn": ("ncnn", "pnnx")}.get(format, ()):
        pytest.importorskip(package, reason=f"the extra '{format}' is not installed")


def run(path: Path, image: torch.Tensor) -> torch.Tensor:
    """A file as a program runs it that knows nothing of this project."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: image.numpy()})[0])
    with torch.no_grad():
        module: Any = torch.jit.load(str(path)) if path.suffix == ".torchscript" else torch.export.load(path).module()
        found: torch.Tensor = module(image)
    return found


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = SPACE.network(GENOTYPE, "sr_x2").eval()
    path = tmp_path_factory.mktemp("derived") / "w.safetensors"
    save_weights(path, model, kind="derived", task="sr_x2", genotype=GENOTYPE, space=SPACE.document)
    return path


@pytest.mark.parametrize("format", ["onnx", "torchscript", "pt2"])
def test_a_host_that_feeds_0_to_1_gets_what_the_platform_restores(weights: Path, tmp_path: Path, format: str) -> None:
    needs(format)
    from nas.models.weights import load_weights

    model, out = load_weights(weights).model, tmp_path / f"w{FORMATS[format]}"
    assert export(weights, out, format).parity.difference <= TOLERANCE
    for shape in SHAPES:
        image = torch.floor(torch.rand(shape[0], 3, *shape[1:]) * 255)
        wanted = torch.cat([restore(model, one[None]) for one in image]).clamp(0, 255)
        found = run(out, image / 255)
        assert float(found.min()) >= 0 and float(found.max()) <= 1
        torch.testing.assert_close(found * 255, wanted, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_native_range_is_that_of_the_network_and_is_not_clamped(weights: Path, tmp_path: Path, dtype: str) -> None:
    from nas.models.weights import load_weights

    model = load_weights(weights).model
    result = export(weights, tmp_path / "w.torchscript", "torchscript", range="native", dtype=dtype)
    assert "0..255" in result.interface and "not clamped" in result.interface and dtype in result.interface
    number = torch.float32 if dtype == "float32" else torch.float16
    image = torch.floor(torch.rand(1, 3, 24, 31) * 255)
    found, wanted = run(result.path, image.to(number)), restore(model, image)
    assert found.dtype == number
    assert float((found.float() - wanted).square().mean().sqrt()) <= (TOLERANCE if dtype == "float32" else 0.15)


def test_an_onnx_file_describes_itself_and_has_the_opset_asked_for(weights: Path, tmp_path: Path) -> None:
    needs("onnx")
    import onnx

    export(weights, tmp_path / "w.onnx", opset=20, dtype="float16")
    model = onnx.load(str(tmp_path / "w.onnx"))
    assert [entry.version for entry in model.opset_import if not entry.domain] == [20]
    (given,) = model.graph.input
    shape = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert shape == ["batch", 3, "height", "width"] and given.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    said = {entry.key: entry.value for entry in model.metadata_props}
    facts = {key: said[key] for key in ("scale", "range", "clamped", "task", "licence", "channels", "dtype")}
    assert facts == {
        "scale": "2",
        "range": "0..1",
        "clamped": "true",
        "task": "sr_x2",
        "licence": "MIT",
        "channels": "rgb",
        "dtype": "float16",
    }
    assert json.loads(said["genotype"]) == GENOTYPE.to_json()
    assert json.loads(said["descriptor"])["name"] == "jsm"


@pytest.mark.parametrize("format", ["torchscript", "pt2"])
def test_files_of_torch_carry_the_same_description(tmp_path: Path, format: str) -> None:
    import baselines

    model = baselines.create("span", channels=8, n_blocks=1)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="sr_x2")
    out = export(tmp_path / "w.safetensors", tmp_path / f"w{FORMATS[format]}", format).path
    files = {"jsnas.json": ""}
    if format == "pt2":
        torch.export.load(out, extra_files=files)
    else:
        torch.jit.load(str(out), _extra_files=files)
    said = json.loads(files["jsnas.json"])
    assert said["name"] == "span" == descriptor_of(model).name and said["range"] == "0..1"


def test_a_file_that_differs_is_refused_and_not_left(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.errors import NasError
    from nas.models.export import torchscript

    right = torchscript.ScriptRunner.__call__
    monkeypatch.setattr(torchscript.ScriptRunner, "__call__", lambda self, image: right(self, image) * 0.999)
    with pytest.raises(NasError, match="differs from torch"):
        export(weights, tmp_path / "w.torchscript", "torchscript")
    assert not list(tmp_path.iterdir())
