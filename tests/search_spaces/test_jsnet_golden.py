"""Every part of JSNet equals the official release: values, gradients, loss, genotype, parameter counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import baselines
from baselines.conversion import modern_weight_norm
from nas.space import ATTENTIONS, OPERATIONS, load_space
from nas.supernet import MixedAttention, MixedOperation
from search_spaces.fusion import CrossScaleFusion, ProgressiveFusion
from search_spaces.upsample import upsampler
from tests.golden_tools import Tensors, assert_float32_output, assert_golden, golden_manifest, load_golden

pytestmark = pytest.mark.golden

CASES: dict[str, dict[str, Any]] = golden_manifest("jsnet")["cases"]
BLOCKS = [name for name in CASES if name.startswith(("op_", "att_"))]
SR_X2 = SimpleNamespace(name="sr_x2", scale=2, channels=3)


def golden(case: str) -> Tensors:
    return load_golden("jsnet", CASES[case]["file"])


def state_of(tensors: Tensors) -> Tensors:
    state = {key.removeprefix("state."): t for key, t in tensors.items() if key.startswith("state.")}
    return modern_weight_norm(state)


#: What the float32 of the stored tensors costs: 2e-7 for a block, 1.8e-6 after the released network's five cells.
STORED = 2e-6
#: Largest float32 error of the derived network's output, of its largest value.
FLOAT32 = 3.1e-7


def assert_close(actual: torch.Tensor, expected: torch.Tensor, case: str, kind: str = "") -> None:
    entry = CASES[case]
    atol, rtol = entry.get(f"{kind}atol", 1e-5), entry.get(f"{kind}rtol", 1e-5)
    assert_golden(actual, expected, atol, rtol, of_largest=STORED)


def loaded(model: nn.Module, case: str, tensors: Tensors) -> nn.Module:
    baselines.load_strict(model.double(), state_of(tensors))
    assert sum(p.numel() for p in model.parameters()) == CASES[case]["parameters"]
    return model


def cosine_gradient(output: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    cotangent = torch.cos(torch.arange(output.numel(), dtype=output.dtype)).view_as(output)
    return torch.autograd.grad(output, inputs, cotangent)


@pytest.mark.parametrize("case", BLOCKS)
def test_block_gives_reference_output_and_gradient(case: str) -> None:
    t = golden(case)
    role, rest = case.split("_", 1)
    registry = OPERATIONS if role == "op" else ATTENTIONS
    block = loaded(registry.get(rest.rsplit("_", 1)[0]).build(CASES[case]["C"]), case, t)
    x = t["input"].requires_grad_()
    y = block(x)
    assert_close(y, t["output"], case)
    if "grad_input" in t:
        assert_close(cosine_gradient(y, x)[0], t["grad_input"], case, "grad_")


@pytest.mark.parametrize("case", ["cssa_C64", "upm_x2", "upm_x3", "upm_x4"])
def test_part_gives_reference_output_and_gradient(case: str) -> None:
    t, entry = golden(case), CASES[case]
    part = CrossScaleFusion(64) if case == "cssa_C64" else upsampler(entry["n_feats"], entry["scale"], 3)
    loaded(part, case, t)
    x = t["input"].requires_grad_()
    y = part(x)
    assert_close(y, t["output"], case)
    assert_close(cosine_gradient(y, x)[0], t["grad_input"], case, "grad_")


@pytest.mark.parametrize("case", ["pffm_C64_L2", "pffm_C64_L3"])
def test_progressive_fusion_gives_reference_output_and_gradients(case: str) -> None:
    t, layers = golden(case), CASES[case]["layers"]
    fusion = loaded(ProgressiveFusion(64, layers), case, t)
    inputs = [t[f"input.{i}"].requires_grad_() for i in range(layers)]
    y = fusion(inputs)
    assert_close(y, t["output"], case)
    for i, gradient in enumerate(cosine_gradient(y, *inputs)):
        assert_close(gradient, t[f"grad_input.{i}"], case, "grad_")


@pytest.mark.parametrize("case", ["mixop_C16", "mixat_C64"])
def test_mixed_edge_gives_reference_output(case: str) -> None:
    t, entry = golden(case), CASES[case]
    if case == "mixop_C16":
        infos = [OPERATIONS.get(name) for name in entry["candidates"]]
        edge: nn.Module = MixedOperation(infos, entry["C"], entry["k"])
    else:
        edge = MixedAttention([ATTENTIONS.get(name) for name in entry["candidates"]], entry["C"])
    loaded(edge, case, t)
    assert_close(edge(t["input"], t["weights"]), t["output"], case)


def assert_gradient_norms(model: nn.Module, case: str) -> None:
    expected = modern_weight_norm({k: torch.tensor(v) for k, v in CASES[case]["weight_grad_norms"].items()})
    parameters = dict(model.named_parameters())
    for name, norm in expected.items():
        gradient = parameters[name].grad
        assert gradient is not None, name
        assert float(gradient.norm()) == pytest.approx(float(norm), rel=CASES[case]["weight_grad_norm_rtol"]), name


def test_supernet_gives_reference_loss_gradients_and_genotype() -> None:
    case = "supernet_c16_l2_x2"
    t, entry = golden(case), CASES[case]
    space = load_space("jsm", overrides={"network.cells": entry["layers"]})
    supernet = space.supernet(SR_X2, train_mean_shift=True)
    loaded(supernet, case, t)
    output = supernet(t["input"])
    assert_close(output, t["output"], case)
    loss = (output - t["target"]).abs().mean()
    loss.backward()
    assert loss.item() == pytest.approx(entry["loss"], abs=entry["loss_atol"])
    for name, parameter in zip(supernet.arch_parameter_names(), supernet.arch_parameters(), strict=True):
        assert parameter.grad is not None
        assert_close(parameter.grad, t[f"grad.{name}"], case, "grad_")
    assert_gradient_norms(supernet, case)
    lists = supernet.genotype().to_lists()
    assert [list(pair) for pair in lists.normal] == entry["genotype"]["normal"]
    assert [list(pair) for pair in lists.attention] == entry["genotype"]["attention"]


def derived(case: str, **options: Any) -> nn.Module:
    entry = CASES[case]
    keys = ("genotype", "C", "layers", "op_nodes", "at_nodes", "scale")
    return baselines.create("jsnet", **{key: entry[key] for key in keys}, **options)


def test_derived_network_gives_reference_output_loss_and_gradients() -> None:
    case = "derived_mixed_x3"
    t = golden(case)
    model = loaded(derived(case, train_mean_shift=True), case, t)
    output = model(t["input"])
    assert_close(output, t["output"], case)
    loss = (output - t["target"]).abs().mean()
    loss.backward()
    assert loss.item() == pytest.approx(CASES[case]["loss"], abs=CASES[case]["loss_atol"])
    assert_gradient_norms(model, case)


def test_float32_gives_almost_the_float64_output() -> None:
    t = golden("derived_mixed_x3")
    model = loaded(derived("derived_mixed_x3", train_mean_shift=True), "derived_mixed_x3", t)
    with torch.no_grad():
        exact = model(t["input"])
        assert_float32_output(model.float()(t["input"].float()), exact, measured=FLOAT32)


@pytest.mark.shared
def test_released_x2_network_gives_reference_output_and_features() -> None:
    t = golden("x2_io")
    model = derived("x2_io").double().eval()
    baselines.load_strict(model, baselines.convert("jsnet", golden("x2_checkpoint")))
    parts = {"sub_mean": "sub_mean", "head": "head", "cell0": "cells.0", "cell4": "cells.4"}
    parts |= {"fusion": "fusion", "cpam": "cpam"}
    seen: dict[str, torch.Tensor] = {}
    for name, path in parts.items():
        model.get_submodule(path).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        assert_close(model(t["input"]), t["output"], "x2_io")
    for name in parts:
        assert_close(seen[name], t[f"inter.{name}"], "x2_io")
