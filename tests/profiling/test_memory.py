"""Images of any size are restored on little memory: the need is foreseen, tiles are chosen, a failure is mended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nas.profiling.memory as memory
from nas.errors import UsageError
from nas.evaluation.harness import evaluate
from nas.images import write_image
from nas.models.descriptor import ModelDescriptor
from nas.profiling.memory import SIDES, free_bytes, is_out_of_memory, peak_bytes, tile_that_fits


class Wide(nn.Module):
    """Two convolutions with 32 planes between: needs about 2 x 32 float32 planes at once."""

    def __init__(self, most: int = 10**9) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("wide")
        self.first, self.second = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 3, 3, padding=1)
        self.most, self.sides = most, []  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        if type(x) is Tensor:  # no trace
            self.sides.append(max(x.shape[-2:]))
            if x.shape[-1] * x.shape[-2] > self.most:
                raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
        out: Tensor = x + self.second(self.first(x).relu())
        return out


class Attentive(nn.Module):
    """Every pixel looks at every other one."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("attentive")

    def forward(self, x: Tensor) -> Tensor:
        v = x.flatten(2)
        return (v @ (v.transpose(1, 2) @ v).softmax(-1)).view_as(x)


def test_the_need_is_that_of_the_planes_alive_at_once() -> None:
    planes = peak_bytes(Wide(), 50, 40) / (50 * 40 * 4)
    assert 64 <= planes < 75
    assert peak_bytes(Wide(), 1000, 2000) == pytest.approx(planes * 1000 * 2000 * 4, rel=1e-3)  # and none is taken


def test_attention_over_all_pixels_is_seen_to_grow_with_the_square() -> None:
    assert peak_bytes(Attentive(), 64, 64) > 12 * peak_bytes(Attentive(), 32, 32)


def test_a_network_that_looks_at_values_is_measured_small_and_scaled() -> None:
    class Choosy(Wide):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if float(x.mean()) > 0 else x

    planes = peak_bytes(Choosy(), 640, 640) / (640 * 640 * 4)
    assert 64 <= planes < 80


def test_tracing_leaves_the_network_alone() -> None:
    model = Wide().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    peak_bytes(model, 32, 32)
    assert model.training and all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("limit", [2**20, 2**22, 2**24, 2**26])
def test_the_largest_tile_that_fits_is_taken(limit: int) -> None:
    def need(model: nn.Module, height: int, width: int) -> int:
        return 100 * height * width

    side = tile_that_fits(nn.Identity(), 700, 900, overlap=8, limit=limit, need=need)
    fitting = [s for s in SIDES if need(nn.Identity(), min(s + 16, 700), min(s + 16, 900)) <= limit * memory.SHARE]
    assert side == (None if need(nn.Identity(), 700, 900) <= limit * memory.SHARE else max(fitting, default=SIDES[-1]))
    assert side is None or side < 900


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    image = np.kron(np.random.default_rng(0).integers(0, 256, (20, 25, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    write_image(tmp_path / "sets/A/HR/big.png", image)
    return tmp_path / "sets"


def test_a_short_memory_makes_tiles_by_itself_and_the_row_says_so(sets: Path) -> None:
    model = Wide()
    options = {"overlap": 2, "with_costs": False, "with_ssim": False, "plain": True}  # the network counts its runs
    (whole,) = evaluate(model, "denoise_color_25", "A", sets, **options)  # type: ignore[arg-type]
    assert "tiles" not in whole.protocol and model.sides == [200]
    model.sides.clear()
    (short,) = evaluate(model, "denoise_color_25", "A", sets, memory=4 * 2**20, **options)  # type: ignore[arg-type]
    assert "tiles 64+2" in short.protocol
    assert max(model.sides) <= 64 + 4 and len(model.sides) == 3 * 4
    assert short.psnr == pytest.approx(whole.psnr, abs=1e-4)  # the overlap covers the receptive field
    (forced,) = evaluate(model, "denoise_color_25", "A", sets, memory=1, tile=None, **options)  # type: ignore[arg-type]
    assert forced.protocol == whole.protocol


def test_memory_that_runs_out_in_spite_of_the_estimate_is_met_with_smaller_tiles(sets: Path) -> None:
    model = Wide(most=80 * 80)
    (row,) = evaluate(model, "denoise_color_25", "A", sets, overlap=2, with_costs=False, with_ssim=False)
    assert "tiles 64+2" in row.protocol and row.psnr is not None
    with pytest.raises(UsageError, match="neither a side"):
        evaluate(model, "denoise_color_25", "A", sets, tile="often")


@pytest.mark.parametrize(("tile", "overlap"), [(0, 32), (64, -1), ("auto", -1)])
def test_tiles_of_no_size_are_wrong_use_and_no_failed_measurement(tile: int | str, overlap: int, sets: Path) -> None:
    with pytest.raises(UsageError, match="are not sizes"):
        evaluate(Wide(), "denoise_color_25", "A", sets, tile=tile, overlap=overlap)


def test_free_memory_is_that_of_the_machine_or_of_the_container_whichever_is_smaller(tmp_path: Path) -> None:
    def free() -> int:
        return free_bytes("cpu", tmp_path / "meminfo", tmp_path)

    assert free() == 2**62  # nothing is known
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 100\n")
    assert free() == 5_000_000 - 700 + 100  # the cache of files can be given up
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n")
    assert free() == 2 * 2**20
    (tmp_path / "memory.max").write_text("600\n")
    assert free() == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert free() == 2 * 2**20


def test_the_ways_of_saying_that_memory_is_used_up() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert not is_out_of_memory(RuntimeError("size mismatch"))
