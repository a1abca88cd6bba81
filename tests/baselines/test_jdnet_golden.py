"""Every part of JDNet equals the reference tensors: values, gradients, losses, training traces."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import baselines
from baselines.jdnet.attention import AttentionBlock, SelfAttention, position_grid
from baselines.jdnet.blocks import ResidualBlock, SelfCalibratedBlock, SelfCalibratedConvolution
from baselines.jdnet.loss import LOSSES
from baselines.jdnet.model import JDNet, JointUnit, Plan
from baselines.jdnet.primitives import Neighbourhood, aggregation, subtraction, subtraction2
from baselines.similarity import ssim, ssim_window
from nas.registry import BASELINES
from tests.golden_tools import Tensors, assert_float32_output, assert_golden, golden_manifest, load_golden

pytestmark = pytest.mark.golden

MANIFEST = golden_manifest("jdnet")
ENTRIES: dict[str, dict[str, Any]] = {
    entry["file"].removesuffix(".safetensors"): entry for entry in MANIFEST["entries"]
}
MODULES = [name for name, entry in ENTRIES.items() if entry["kind"] == "module"]
GEOMETRIES = [case["name"] for case in ENTRIES["primitives"]["cases"]]


def golden(name: str) -> Tensors:
    return load_golden("jdnet", f"{name}.safetensors")


def module_of(name: str) -> nn.Module:
    e = ENTRIES[name]
    if name.startswith("sam_"):
        planes = (e["in_planes"], e["rel_planes"], e["out_planes"], e["share_planes"])
        return SelfAttention(*planes, sa_type=e["sa_type"], kernel_size=e["kernel_size"])
    if name.startswith("sa_bottleneck"):
        planes = (e["in_planes"], e["rel_planes"], e["mid_planes"], e["share_planes"])
        return AttentionBlock(*planes, kernel_size=e["kernel_size"])
    if name == "scconv":
        return SelfCalibratedConvolution(e["planes"], e["pooling_r"])
    if name == "sc_bottleneck":
        return SelfCalibratedBlock(e["in_planes"], e["planes"], e["pooling_r"])
    if name == "residual_block":
        return ResidualBlock(e["in_ch"], e["out_ch"], e["stride"])
    return JointUnit(Plan(scale_attention=e["scale_attention"]))


def load(model: nn.Module, tensors: Tensors) -> nn.Module:
    own = {key: t for key, t in tensors.items() if key.startswith("param.")}
    baselines.load_strict(model.double(), baselines.convert("jdnet", own))
    return model


#: One rounding to float32, which is all that parts the stored tensors from ours.
STORED = 2.0**-23
#: Largest float32 error of the full network's rain layer, of its largest value.
FLOAT32 = 1.2e-6


def close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    assert_golden(actual, expected, atol=tolerance, rtol=0, of_largest=STORED)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("mode", ["zero", "reflect"])
def test_primitives_give_reference_values_and_gradients(geometry: str, mode: str) -> None:
    t, tolerance = golden("primitives"), ENTRIES["primitives"]["tolerance"]
    case = next(c for c in ENTRIES["primitives"]["cases"] if c["name"] == geometry)
    hood = Neighbourhood(case["kernel"], case["stride"], case["dilation"], case["padding"], mode)
    assert hood.pad == Neighbourhood(case["kernel"], case["stride"], case["dilation"]).pad
    x1, x2, w = (t[f"{geometry}/{name}"].requires_grad_() for name in ("x1", "x2", "w"))
    runs = {
        "subtraction": (subtraction(x1, hood), "sub", {"x1": x1}),
        "subtraction2": (subtraction2(x1, x2, hood), "sub", {"x1": x1, "x2": x2}),
        "aggregation": (aggregation(x1, w, hood), "agg", {"x1": x1, "w": w}),
    }
    for name, (y, cotangent, inputs) in runs.items():
        stem = f"{geometry}/{mode}/{name}"
        close(y, t[f"{stem}/y"], tolerance)
        gradients = torch.autograd.grad(y, list(inputs.values()), t[f"{geometry}/cot_{cotangent}"])
        for key, gradient in zip(inputs, gradients, strict=True):
            close(gradient, t[f"{stem}/grad_{key}"], tolerance)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_module_gives_reference_output_and_gradient(name: str, recompute: bool) -> None:
    t, e = golden(name), ENTRIES[name]
    module = load(module_of(name), t).train(e["train_mode"])
    assert sum(p.numel() for p in module.parameters()) == e["n_params"]
    attention = [m for m in module.modules() if isinstance(m, SelfAttention)]
    if recompute and not attention:
        return
    for part in attention:
        part.recompute = recompute
    x = t["x"].requires_grad_()
    y = module(x)
    close(y, t["y"], e["tolerance"])
    close(torch.autograd.grad(y, x, t["cot"])[0], t["grad_x"], e["tolerance"])
    for key in (key for key in t if key.startswith("after.")):
        close(module.get_buffer(key.removeprefix("after.")), t[key], e["tolerance"])


@pytest.mark.parametrize("name", [n for n in MODULES if "zero_gradient_params" in ENTRIES[n]])
def test_inert_parameters_have_no_gradient(name: str) -> None:
    t, e = golden(name), ENTRIES[name]
    module = load(module_of(name), t).train(e["train_mode"])
    (module(t["x"]) * t["cot"]).sum().backward()
    largest = {key: float(p.grad.abs().max()) for key, p in module.named_parameters() if p.grad is not None}
    assert len(largest) == len(list(module.parameters()))
    assert {key for key, value in largest.items() if value < 1e-10} == set(e["zero_gradient_params"])


@pytest.mark.parametrize("size", ["3x5", "8x8"])
def test_position_grid_is_the_reference(size: str) -> None:
    t = golden("position_grid")
    height, width = (int(side) for side in size.split("x"))
    close(position_grid(height, width, t[size]), t[size], ENTRIES["position_grid"]["tolerance"])


@pytest.mark.shared
def test_narrow_network_gives_reference_output_taps_and_gradient() -> None:
    t, e = golden("network_narrow"), ENTRIES["network_narrow"]
    model = load(baselines.create("jdnet", unit_num=e["unit_num"], channel=e["channel"]), t).eval()
    assert sum(p.numel() for p in model.parameters()) == e["n_params"]
    parts = {"enter": "enterBlock", "rain": "exitBlock"}
    for i in range(e["unit_num"]):
        parts |= {f"unit{i}": f"derain_net.units.{i}", f"fuse{i}": f"derain_net.conv1x1.{i}"}
    seen: Tensors = {}
    for name, path in parts.items():
        model.get_submodule(path).register_forward_hook(lambda _m, _i, y, name=name: seen.update({name: y}))
    x = t["x"].requires_grad_()
    y = model(x)
    close(y, t["y"], e["tolerance"])
    for name in parts:
        close(seen[name], t["rain" if name == "rain" else f"tap.{name}"], e["tolerance"])
    # An input of the LeakyReLU in unit 2 lies within 2e-7 of its range of zero: float32 kernels differ in its sign and
    # the gradient by 1e-4 with it (seen with oneDNN's AVX-512 kernels); the stored gradient took the side of float64.
    close(torch.autograd.grad(y, x, t["cot"])[0], t["grad_x"], e["tolerance"])


def recipe_weights(model: nn.Module, seed: int) -> tuple[Tensors, str]:
    """The seeded weights of the manifest's recipe, and their digest."""
    rng, digest, state = np.random.RandomState(seed), hashlib.sha256(), {}
    for key, tensor in sorted(model.state_dict().items()):
        if key.endswith("num_batches_tracked"):
            continue
        z = rng.standard_normal(tuple(tensor.shape))
        module, norm = key.rsplit(".", 1)[0], key.split(".")[-2] in ("bn1", "bn2")
        if key.endswith("running_var"):
            value = 1 + 0.25 * np.abs(z)
        elif key.endswith("running_mean") or (norm and key.endswith("bias")):
            value = 0.1 * z
        elif norm:
            value = 1 + 0.1 * z
        elif key.endswith("bias"):
            value = 0.05 * z
        else:
            strong = "conv_w" in key or "conv_p" in key or module.endswith(("sam.conv1", "sam.conv2"))
            value = (2.0 if strong else 0.8) * z / np.sqrt(np.prod(z.shape[1:]))
        single = np.ascontiguousarray(value, dtype="<f4")
        digest.update(key.encode() + single.tobytes())
        state[key] = torch.from_numpy(single)
    return state, digest.hexdigest()


def full_network() -> JDNet:
    entry, model = ENTRIES["network_full"], baselines.create("jdnet").double().eval()
    assert isinstance(model, JDNet)
    state, digest = recipe_weights(model, entry["seed"])
    assert digest == entry["weights_sha256"]
    baselines.load_strict(model, baselines.convert("jdnet", state))
    return model


def test_full_network_gives_reference_output() -> None:
    t, e, model = golden("network_full"), ENTRIES["network_full"], full_network()
    assert sum(p.numel() for p in model.parameters()) == e["n_params"] == 4_681_859
    assert len(model.state_dict()) == 2084
    with torch.no_grad():
        rain = model.rain(t["x"])
    close(rain, t["rain"], e["tolerance"])
    close(t["x"] - rain, t["y"], e["tolerance"])


def test_float32_gives_almost_the_float64_output() -> None:
    x, model = golden("network_full")["x"], full_network()
    with torch.no_grad():
        exact = model.rain(x)
        assert_float32_output(model.float().rain(x.float()), exact, measured=FLOAT32)


@pytest.mark.parametrize("loss", list(ENTRIES["train_steps"]["results"]))
def test_training_trace_is_the_reference(loss: str) -> None:
    t, e = golden("train_steps"), ENTRIES["train_steps"]
    expected = e["results"][loss]
    model = load(baselines.create("jdnet", unit_num=e["unit_num"], channel=e["channel"], loss=loss), t)
    model.train()
    make = BASELINES.get("jdnet").criterion
    assert make is not None
    criterion = make(model, {"loss": "l1"})
    optimizer = torch.optim.Adam(model.parameters(), lr=e["lr"])
    rainy, clean = t["rainy"], t["clean"]
    for step, value in enumerate(expected["losses"]):
        optimizer.zero_grad()
        result, parts = criterion(model(rainy), rainy, clean, step)
        assert result.item() == pytest.approx(value, rel=e["tolerance_rel_float64"])
        assert parts == {loss: result.item()}
        result.backward()
        if step == 0:
            norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
            assert norm.item() == pytest.approx(expected["grad_norm_step0"], rel=1e-6)
        optimizer.step()


@pytest.mark.parametrize("index", [0, 1])
def test_losses_and_similarity_are_the_reference(index: int) -> None:
    t, e = golden("metrics"), ENTRIES["metrics"]
    values, tolerance = e["values"][index], e["tolerance"]
    a, b = t[f"pred{index}"], t[f"gt{index}"]
    close(ssim_window(t["ssim_window"]), t["ssim_window"], tolerance)
    assert ssim(a, b).item() == pytest.approx(values["ssim_unclipped"], abs=tolerance)
    assert ssim(a.clamp(0, 1), b.clamp(0, 1)).item() == pytest.approx(values["ssim_clipped"], abs=tolerance)
    for loss, key, sign in (("neg_ssim", "ssim_unclipped", -1), ("mae", "mae", 1), ("mse", "mse", 1)):
        assert LOSSES[loss](a, b).item() == pytest.approx(sign * values[key], abs=tolerance)
