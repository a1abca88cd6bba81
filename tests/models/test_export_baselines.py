"""Multiples of sizes and several outputs are handled inside the graph; what a graph cannot express is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.evaluation.inference import restore
from nas.models.descriptor import ModelDescriptor
from nas.models.export.checking import check_shapes, compare
from nas.models.export.host import HostModel


class Pyramid(nn.Module):
    """Two outputs; takes multiples of 8 pixels, at least 16, in the order BGR, on 0..1."""

    descriptor = ModelDescriptor("pyramid", 2, size_multiple=8, min_size=16, value_range=1.0, colour_order="bgr")

    def __init__(self) -> None:
        super().__init__()
        self.down, self.same = nn.Conv2d(3, 4, 8, stride=8), nn.Conv2d(3, 4, 1)
        self.up = nn.Conv2d(4, 12, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        assert all(size % 8 == 0 and size >= 16 for size in x.shape[-2:])
        y = self.same(x) + F.interpolate(self.down(x), scale_factor=8.0, mode="nearest")
        return {"stages": y, "restored": F.pixel_shuffle(self.up(y), 2)}


@pytest.mark.parametrize("size", [(16, 24), (17, 33), (5, 40), (1, 1)])
def test_a_host_pads_and_crops_as_the_platform_does(size: tuple[int, int]) -> None:
    model = Pyramid().eval()
    image = torch.floor(torch.rand(1, 3, *size) * 255)
    wanted = restore(model, image).clamp(0, 255)
    torch.testing.assert_close(HostModel(model, model.descriptor)(image / 255) * 255, wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize("format", ["onnx", "torchscript", "pt2"])
def test_multiples_and_several_outputs_are_handled_inside_the_graph(tmp_path: Path, format: str) -> None:
    from nas.models.export.onnx_file import OPSET, OnnxRunner, save_onnx
    from nas.models.export.program import ProgramRunner, free_program, save_program
    from nas.models.export.torchscript import ScriptRunner, save_torchscript

    host, out = HostModel(Pyramid(), Pyramid.descriptor), tmp_path / "m"
    run: OnnxRunner | ProgramRunner | ScriptRunner
    if format == "torchscript":
        save_torchscript(host, torch.float32, out, {})
        run = ScriptRunner(out)
    elif format == "pt2":
        save_program(free_program(host, torch.float32), out.with_suffix(".pt2"), {})
        run = ProgramRunner(out.with_suffix(".pt2"))
    else:
        pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
        pytest.importorskip("onnxscript", reason="the extra 'onnx' is not installed")
        save_onnx(free_program(host, torch.float32), "pyramid", out, {}, OPSET)
        run = OnnxRunner(out)
    shapes = (*check_shapes(host.descriptor, padded=True, batches=True), (3, 16, 24), (1, 17, 7))
    assert compare(host, run, torch.float32, shapes).difference < 1e-3
