"""A baseline with several outputs is exported as its restored image; what ONNX cannot express is said in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import baselines
from nas.errors import NasError
from nas.models.weights import save_weights


def test_dsrir_is_exported_as_its_restored_image_at_every_multiple_of_eight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    from nas.cli.app import main

    widths = {f"sn{i}_feats": 4 for i in (1, 2, 3)}
    model = baselines.create("dsrir", **widths, feats_step1=4, feats_step2=4, reduction=4).eval()
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="derain")
    with pytest.raises(SystemExit) as end:
        main(["export", str(tmp_path / "w.safetensors"), "--format", "onnx", "--out", str(tmp_path / "w.onnx")])
    assert not end.value.code and capsys.readouterr().out.splitlines()[-1].startswith("wrote ")
    session = onnxruntime.InferenceSession(str(tmp_path / "w.onnx"), providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["restored"]
    described = json.loads(session.get_modelmeta().custom_metadata_map["descriptor"])
    assert (described["name"], described["size_multiple"], described["value_range"]) == ("dsrir", 8, 1.0)
    image = torch.rand(1, 3, 16, 40)
    with torch.inference_mode():
        wanted = model(image)["restored"]
    (found,) = session.run(None, {"image": image.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), wanted, atol=1e-4, rtol=1e-4)


def test_a_network_whose_work_depends_on_the_size_is_refused_with_the_reason(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
    from nas.models.export import export_onnx

    model = baselines.create("dlsn", n_resgroups=1, n_resblocks=1, n_feats=16, chunk_size=16, n_hashes=1)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="sr_x2")
    with pytest.raises(NasError, match="depends on the image size"):
        export_onnx(tmp_path / "w.safetensors", tmp_path / "w.onnx")
