"""Every block equals the module of its release: values, odd sizes, gradients, merged convolutions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import baselines
from nas.space import BLOCKS
from search_spaces.modern.catalogue import ENTRIES
from search_spaces.modern.cells import Cell
from search_spaces.modern.release_names import our_name
from search_spaces.modern.reparameterised import Conv3XC, MergedConv
from search_spaces.modern.settings import slot, uniform
from tests.golden_tools import Tensors, assert_float32_output, assert_golden, golden_manifest, load_golden

pytestmark = pytest.mark.golden

CASES: dict[str, dict[str, Any]] = golden_manifest("modern")["cases"]
PARTS = [name for name, entry in CASES.items() if not entry["kind"].startswith("whole")]
WIDE = ["smfa_C36", "pcfn_C48"]
#: What the float32 of the stored tensors costs, of the largest value.
STORED = 2e-6
#: Largest float32 error of an output, of its largest value; the re-parameterised blocks form their kernels in float32.
FLOAT32 = 7.7e-7


def block_of(case: str) -> str:
    return case.rpartition("_C")[0] if case in WIDE else case


def state_of(block: str, tensors: Tensors) -> Tensors:
    """The stored weights under our names, without what the re-parameterised convolutions merge into."""
    stored = {key.removeprefix("state."): t for key, t in tensors.items() if key.startswith("state.")}
    return {our_name(block, key): t for key, t in stored.items() if ".eval_conv." not in f".{key}"}


def loaded(case: str, tensors: Tensors) -> nn.Module:
    entry = CASES[case]
    name, width = block_of(case), entry["C"]
    block = Conv3XC(width, width) if name == "conv3xc" else BLOCKS[entry["kind"]].get(name).build(width)
    baselines.load_strict(block.double(), state_of(name, tensors))
    assert sum(p.numel() for p in block.parameters()) == entry["parameters"]
    return block


def assert_close(actual: torch.Tensor, expected: torch.Tensor, case: str, kind: str = "") -> None:
    entry = CASES[case]
    assert_golden(actual, expected, entry[f"{kind}atol"], entry[f"{kind}rtol"], of_largest=STORED)


def assert_output_and_gradient(block: nn.Module, case: str, t: Tensors) -> None:
    x = t["input"].requires_grad_()
    y = block(x)
    assert_close(y, t["output"], case)
    cotangent = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).view_as(y)
    assert_close(torch.autograd.grad(y, x, cotangent)[0], t["grad_input"], case, "grad_")


@pytest.mark.parametrize("case", PARTS)
def test_block_gives_reference_output_and_gradient(case: str) -> None:
    t = load_golden("modern", CASES[case]["file"])
    assert_output_and_gradient(loaded(case, t), case, t)


@pytest.mark.parametrize("case", [c for c in PARTS if CASES[c].get("minimum_input_side", 1) > 1 and c not in WIDE])
def test_overlapping_windows_of_odd_sizes_are_the_reference_ones(case: str) -> None:
    t = load_golden("modern", CASES[case]["file"])
    with torch.no_grad():
        assert_close(loaded(case, t)(t["input_odd"]), t["output_odd"], case)


@pytest.mark.shared
@pytest.mark.parametrize("case", PARTS)
def test_block_gives_reference_output_for_every_image_and_size(case: str) -> None:
    t = load_golden("modern", CASES[case]["file"], whole=True)
    block = loaded(case, t)
    assert_output_and_gradient(block, case, t)
    with torch.no_grad():
        assert_close(block(t["input_odd"]), t["output_odd"], case)


@pytest.mark.parametrize("case", PARTS)
def test_float32_gives_almost_the_float64_output(case: str) -> None:
    t = load_golden("modern", CASES[case]["file"])
    block = loaded(case, t)
    with torch.no_grad():
        exact = block(t["input"])
        assert_float32_output(block.float()(t["input"].float()), exact, measured=FLOAT32)


@pytest.mark.parametrize("case", ["conv3xc", "spab", "ecb"])
def test_convolutions_merge_into_the_reference_ones(case: str) -> None:
    t = load_golden("modern", CASES[case]["file"])
    layers = {name: m for name, m in loaded(case, t).named_modules() if isinstance(m, MergedConv)}
    official = {"spab": {f"conv{i}": f"merged.c{i}_r" for i in (1, 2, 3)}}.get(case, dict.fromkeys(layers, "merged"))
    for name, layer in layers.items():
        merged = layer.merged()
        assert merged.bias is not None
        assert_close(merged.weight, t[f"{official[name]}.weight"], case)
        assert_close(merged.bias, t[f"{official[name]}.bias"], case)
    assert len(layers) == len(official)


def test_a_cell_of_two_normed_slots_is_the_whole_block_of_smfanet() -> None:
    t, entry = load_golden("modern", CASES["fmb"]["file"]), CASES["fmb"]
    settings = uniform(entry["C"], 1, slot("modulation", "smfa"), slot("operation", "pcfn"))
    cell = Cell(settings.stages[0], settings).double()
    stored = {key.removeprefix("state."): value for key, value in t.items() if key.startswith("state.")}
    names = {"smfa": "slots.0.core", "pcfn": "slots.1.core"}
    state = {
        f"{names[b]}.{our_name(b, rest)}": v for (b, _, rest), v in ((k.partition("."), v) for k, v in stored.items())
    }
    baselines.load_strict(cell, state)
    assert_output_and_gradient(cell, "fmb", t)


def test_every_block_but_the_underived_has_a_reference() -> None:
    covered = {block_of(case) for case in PARTS}
    derived = {"skip", "res_pair", "pa", "easa", "lk_distil_mix"}  # plain, or not published alone
    assert set(ENTRIES) - covered == derived and covered - set(ENTRIES) == {"conv3xc"}
