"""ncnn computes what torch computes, block by block; what it has no layer for is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import baselines
from nas.errors import NasError
from nas.models.export import export
from nas.models.export.ncnn_files import NcnnRunner, convert, foreign_layers
from nas.models.merging import merge
from nas.models.parametrized import without_parametrizations
from nas.models.weights import save_weights
from nas.space import BLOCKS, load_space

SPACE = load_space("jsm")
CHANNELS = 16
#: every candidate of the space of JSNet but the empty edges
CANDIDATES = [
    pytest.param(cell.role, name, id=name)
    for cell in SPACE.cells.values()
    for name in sorted({str(name) for edge in cell.edges for name in edge.candidates})
    if name not in ("none", "skip_connect")
]


@pytest.fixture(autouse=True)
def _installed() -> None:
    for package in ("ncnn", "pnnx"):
        pytest.importorskip(package, reason="the extra 'ncnn' is not installed")


@pytest.mark.parametrize(("role", "name"), CANDIDATES)
def test_every_block_of_jsnet_is_the_same_in_ncnn_at_another_size(role: str, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    block = BLOCKS[role].get(name).build(CHANNELS)
    network = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), block, nn.Conv2d(CHANNELS, CHANNELS, 1))
    network = without_parametrizations(merge(network)).eval()
    run = NcnnRunner(convert(network, torch.rand(1, CHANNELS, 24, 32), tmp_path))
    x = torch.randn(1, CHANNELS, 41, 29)
    with torch.no_grad():
        torch.testing.assert_close(run(x), network(x), atol=1e-4, rtol=1e-3)


def test_a_jsnet_is_exported_with_its_description(tmp_path: Path) -> None:
    model = baselines.create("jsnet", layers=1, C=8)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="sr_x2")
    result = export(tmp_path / "w.safetensors", tmp_path / "m.param", "ncnn")
    assert "in0" in result.interface and "at least 15 pixels" in result.interface
    assert {path.name for path in tmp_path.iterdir()} == {"w.safetensors", "m.param", "m.bin", "m.json"}


def test_what_ncnn_has_no_layer_for_is_refused_by_name(tmp_path: Path) -> None:
    model = baselines.create("safmn", dim=8, n_blocks=1)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="sr_x2")
    with pytest.raises(NasError, match="adaptive_max_pool2d"):
        export(tmp_path / "w.safetensors", tmp_path / "m.param", "ncnn")
    assert not (tmp_path / "m.param").exists()


def test_operations_of_torch_in_a_param_file_are_found() -> None:
    text = "7767517\n3 3\nInput a 0 1 a\nF.gelu b 1 1 a b\npnnx.Expression c 0 1 c\naten::view d 2 1 b c d\n"
    assert foreign_layers(text) == ["F.gelu", "aten::view"]
