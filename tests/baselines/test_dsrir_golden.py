"""DSRIR equals the authors' code: units, subnets, networks, losses with their gradients, training steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import baselines
from baselines.dsrir import blocks, subnets
from baselines.dsrir.criterion import DSRIRCriterion
from baselines.dsrir.extractor import Extractor, seeded_extractor
from baselines.dsrir.losses import LEVEL_WEIGHTS, contrast_loss, psnr_loss, uncertainty_loss
from baselines.dsrir.sizes import crop8
from tests.golden_tools import Tensors, assert_float32_output, assert_golden, golden_manifest, load_golden

pytestmark = pytest.mark.golden

MANIFEST = golden_manifest("dsrir")
BLOCKS = {entry["file"].split(".")[0].removeprefix("block_"): entry for entry in MANIFEST["blocks"]}
NETWORKS = {entry["file"].split(".")[0]: entry for entry in MANIFEST["networks"]}
CASES = [(name, case["name"]) for name, entry in NETWORKS.items() for case in entry["cases"]]
LOSSES, TRAIN = MANIFEST["losses"], MANIFEST["train"]
STAGES = ("3", "2", "1")
#: What the float32 of the stored tensors costs.
STORED = 1e-6
#: Largest float32 error of the first subnet's output, of its largest value.
FLOAT32 = 1.7e-7


def golden(file: str, whole: bool = False) -> Tensors:
    return load_golden("dsrir", file, whole)


def part(tensors: Tensors, prefix: str) -> Tensors:
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def unit(name: str) -> nn.Module:
    c = BLOCKS[name]["constructor"]
    n, r, k = c.get("n_feat", 16), c.get("reduction", 4), c.get("kernel_size", 3)
    style = subnets.Style(k, r, False)
    if name.startswith("patch_attention_g") and name != "patch_attention_group":
        return blocks.PatchAttention(c["channel"], r, tuple(c["pa_size"]))
    makers: dict[str, Callable[[], nn.Module]] = {
        "patch_attention_block": lambda: blocks.PatchAttentionBlock(n, k, r, False, tuple(c["pa_size"])),
        "patch_attention_group": lambda: blocks.PatchAttentionGroup(
            n, k, r, False, [tuple(grid) for grid in c["pa_sizes"]]
        ),
        "pixel_refine_unit": lambda: blocks.PixelRefinement(n, r),
        "uncertainty_unit": lambda: blocks.UncertaintyAttention(c["n_feats"], 3, 3, False),
        "downsample": lambda: blocks.Down(c["in_channels"], c["s_factor"]),
        "upsample": lambda: blocks.Up(c["in_channels"], c["s_factor"]),
        "subnet1": lambda: subnets.SubNet1(n, c["feats_step"], style),
        "subnet2": lambda: subnets.SubNet2(n, c["feats_step"], style),
        "subnet3": lambda: subnets.SubNet3(n, style),
    }
    return makers[name]()


def record(model: nn.Module, names: list[str]) -> Tensors:
    seen: Tensors = {}
    for name in names:
        model.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: seen.update({name: out[0] if isinstance(out, tuple) else out})
        )
    return seen


@pytest.mark.parametrize("name", BLOCKS)
def test_unit_gives_reference_output(name: str) -> None:
    entry = BLOCKS[name]
    t = golden(entry["file"])
    model = unit(name).double()
    baselines.load_strict(model, part(t, "sd."))
    expected = part(t, "out.")
    seen = record(model, [key for key in expected if key.startswith(("encoder", "decoder"))])
    with torch.no_grad():
        if name == "uncertainty_unit":
            found = dict(zip(("feat", "restored", "uncertainty"), model(t["in.x"], t["in.img"]), strict=True))
        else:
            found = {"y": model(t["in.x"]), **seen}
    assert found.keys() == expected.keys()
    for key in expected:
        assert_golden(found[key], expected[key], entry["atol"], entry["rtol"], of_largest=STORED)


def test_float32_gives_almost_the_float64_output() -> None:
    t = golden(BLOCKS["subnet1"]["file"])
    model = unit("subnet1").double()
    baselines.load_strict(model, part(t, "sd."))
    with torch.no_grad():
        exact = model(t["in.x"])
        assert_float32_output(model.float()(t["in.x"].float()), exact, measured=FLOAT32)


def test_last_uncertainty_unit_gives_the_same_images_and_no_features() -> None:
    t = golden("block_uncertainty_unit.safetensors")
    model = blocks.UncertaintyAttention(16, 3, 3, False, last=True).double()
    baselines.load_strict(model, part(t, "sd."))
    features, restored, uncertainty = model(t["in.x"], t["in.img"])
    assert features is None
    assert_golden(restored, t["out.restored"], atol=2e-5, rtol=2e-5, of_largest=STORED)
    assert_golden(uncertainty, t["out.uncertainty"], atol=2e-5, rtol=2e-5, of_largest=STORED)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "case"), CASES)
def test_network_gives_reference_images_and_features(name: str, case: str) -> None:
    entry = NETWORKS[name]
    t = golden(entry["file"])
    weights = t if any(key.startswith("sd.") for key in t) else golden("net_narrow.safetensors")
    state = part(weights, "sd.")
    model = baselines.create("dsrir", **entry["constructor"]).double().eval()
    baselines.load_strict(model, baselines.convert("dsrir", state))
    places = {"embedding": "ebd", "comp1": "channel_comp1", "comp2": "channel_comp2"}
    places |= {f"sn{i}": f"SN{i}" for i in STAGES} | {f"pru{i}": f"PRU{i}" for i in STAGES}
    places |= {"usau1_feat": "usau_1", "usau2_feat": "usau_2"}
    seen = record(model, list(places.values()))
    image = t[f"{case}.in.img"]
    mode = next(c["mode"] for c in entry["cases"] if c["name"] == case)
    with torch.no_grad():
        found = model(crop8(image) if mode == "crop8" else image)
    expected = part(t, f"{case}.out.")
    for i, stage in enumerate(STAGES):
        seen[f"y{stage}"], seen[f"u{stage}"] = found["stages"][i], found["variances"][i]
    assert found["restored"] is found["stages"][0]
    for key, value in expected.items():
        assert_golden(seen[places.get(key, key)], value, entry["atol"], entry["rtol"], of_largest=STORED)


@pytest.mark.parametrize(("kind", "config"), [("published_widths", {}), ("narrow", TRAIN["constructor"])])
def test_parameter_counts_are_the_reference_ones(kind: str, config: dict[str, Any]) -> None:
    expected = MANIFEST["parameter_counts"][kind]
    model = baselines.create("dsrir", **config)
    assert len(model.state_dict()) == expected["tensors"]
    assert sum(p.numel() for p in model.parameters()) == expected["total"]
    per_module = {name: sum(p.numel() for p in m.parameters()) for name, m in model.named_children()}
    assert per_module == expected["per_module"]


def test_patch_attention_needs_no_more_than_the_patch() -> None:
    model = unit("patch_attention_g4x2").double()
    baselines.load_strict(model, part(golden("block_patch_attention_g4x2.safetensors"), "sd."))
    x = torch.rand(1, 16, 16, 24, dtype=torch.float64)
    changed = x.clone()
    changed[..., :4, :12] = 0  # the first patch of the 4 x 2 grid
    difference = (model(x) - model(changed)).abs().amax(dim=(0, 1)) > 0
    assert difference[:4, :12].all() and not difference[4:].any() and not difference[:, 12:].any()


def seeded(width: float = LOSSES["extractor"]["width"]) -> Extractor:
    return seeded_extractor(width, LOSSES["extractor"]["numpy_seed"]).double()


def images(t: Tensors, requires_grad: bool = False) -> dict[str, list[torch.Tensor]]:
    stages = [t[f"y{i}"].clone().requires_grad_(requires_grad) for i in STAGES]
    return {"stages": stages, "variances": [t[f"u{i}"].clone().requires_grad_(requires_grad) for i in STAGES]}


def near(value: float) -> Any:
    return pytest.approx(value, rel=LOSSES["rtol"])


def test_losses_give_reference_values() -> None:
    t = golden(LOSSES["file"])
    outputs, criterion = images(t), DSRIRCriterion(seeded())
    loss, parts = criterion(outputs, t["input"], t["target"], 0)
    assert parts == {
        "uncertainty": near(LOSSES["uncertainty_mean"]),
        "psnr": near(LOSSES["psnr_weighted"]),
        "contrast": near(LOSSES["contrast"]),
        "total": near(LOSSES["total"]),
    }
    assert loss.item() == near(LOSSES["total"])
    for i in range(3):
        y, u = outputs["stages"][i], outputs["variances"][i]
        assert uncertainty_loss(y, u, t["target"]).item() == near(LOSSES["uncertainty_per_stage_3_2_1"][i])
        assert psnr_loss(y, t["target"]).item() == near(LOSSES["psnr_per_stage_3_2_1"][i])
    levels = criterion.levels(outputs["stages"], t["input"], t["target"])
    for level, weight, expected in zip(levels, LEVEL_WEIGHTS, LOSSES["contrast_levels"], strict=True):
        found = [level.target, level.stage2, level.stage1, level.degraded]
        names = ("d_target", "d_stage2", "d_stage1", "d_input")
        assert [f.item() for f in found] == [near(expected[name]) for name in names]
        assert weight == expected["level_weight"]


@pytest.mark.parametrize("width", [0.125, 0.25, 1.0])
def test_seeded_extractors_give_reference_weights_and_contrast(width: float) -> None:
    t, extractor = golden(LOSSES["file"]), seeded(width)
    expected = next(check for check in LOSSES["extractor_checks"] if check["width"] == width)
    first, last = extractor.weight0.flatten()[:4], extractor.weight12.flatten()[-4:]
    assert first.tolist() == pytest.approx(expected["first_weights"], rel=1e-6)
    assert last.tolist() == pytest.approx(expected["conv5_1_last_weights"], rel=1e-6)
    _, parts = DSRIRCriterion(extractor)(images(t), t["input"], t["target"], 0)
    assert parts["contrast"] == near(LOSSES["contrast_with_other_extractors"][f"width={width},seed=1234"])


def test_losses_have_the_reference_limits() -> None:
    t = golden(LOSSES["file"])
    x, target, criterion = t["input"], t["target"], DSRIRCriterion(seeded())
    flat = torch.zeros_like(target)
    assert uncertainty_loss(t["y3"], flat, target).item() == near(LOSSES["uncertainty_zero_map_equals_l1"])
    assert psnr_loss(target, target).item() == near(LOSSES["psnr_loss_when_equal"])
    at_target = contrast_loss(criterion.levels([target] * 3, x, target)).item()
    assert at_target == LOSSES["contrast_when_all_stages_equal_target"]
    at_input = contrast_loss(criterion.levels([x] * 3, x, target)).item()
    assert at_input == near(LOSSES["contrast_when_all_stages_equal_input"])


@pytest.mark.shared
def test_losses_give_reference_gradients_and_features() -> None:
    t = golden(LOSSES["file"], whole=True)
    extractor = seeded()
    for i, n in enumerate((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)):
        assert torch.equal(extractor.get_buffer(f"weight{i}"), t[f"vgg.features.{n}.weight"])
        assert torch.equal(extractor.get_buffer(f"bias{i}"), t[f"vgg.features.{n}.bias"])
    for i, feature in enumerate(extractor(t["y3"]), start=1):
        assert_golden(feature, t[f"vgg_y3.relu{i}_1"], atol=1e-5, rtol=1e-4, of_largest=STORED)
    criterion = DSRIRCriterion(extractor)
    for name in ("uncertainty", "psnr", "contrast", "total"):
        outputs = images(t, requires_grad=True)
        stages, variances = outputs["stages"], outputs["variances"]
        if name == "uncertainty":
            loss = criterion.uncertainty(stages, variances, t["target"])
        elif name == "psnr":
            loss = criterion.psnr(stages, t["target"])
        elif name == "contrast":
            loss = contrast_loss(criterion.levels(stages, t["input"], t["target"]))
        else:
            loss, _ = criterion(outputs, t["input"], t["target"], 0)
        loss.backward()
        for tensor, key in zip(
            (*stages, *variances), [f"y{i}" for i in STAGES] + [f"u{i}" for i in STAGES], strict=True
        ):
            expected = t[f"grad.{name}.{key}"]
            found = torch.zeros_like(expected) if tensor.grad is None else tensor.grad
            largest = (found - expected).abs().max()
            assert largest <= LOSSES["gradient_rtol_of_max"] * expected.abs().max(), (name, key)


@pytest.mark.shared
def test_three_updates_follow_the_reference() -> None:
    t = golden(TRAIN["file"])
    model = baselines.create("dsrir", **TRAIN["constructor"]).double()
    baselines.load_strict(model, part(t, "initial."))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, betas=(0.9, 0.999), weight_decay=1e-4, eps=1e-8)
    chosen = TRAIN["extractor"]
    criterion = DSRIRCriterion(seeded_extractor(chosen["width"], chosen["numpy_seed"]))
    x, target = t["input"], t["target"]
    for entry in TRAIN["log"]:
        optimizer.zero_grad(set_to_none=True)
        loss, parts = criterion(model(x), x, target, entry["step"])
        for name, value in parts.items():
            assert value == pytest.approx(entry[name], rel=TRAIN["rtol"]), (entry["step"], name)
        if entry["step"] == TRAIN["updates"]:
            break
        loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        if entry["step"] == 0:
            absent = [name for name, gradient in gradients.items() if gradient is None]
            assert sorted(absent) == sorted(TRAIN["parameters_without_gradient"])
            norm = torch.stack([g.norm() for g in gradients.values() if g is not None]).norm()
            assert norm.item() == pytest.approx(TRAIN["initial_gradient_norm"], rel=TRAIN["rtol"])
        optimizer.step()
    final = part(t, "final.")
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, final[name], atol=TRAIN["final_weight_atol"], rtol=0, msg=name)
