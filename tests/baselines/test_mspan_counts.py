"""MSPAN has the counts, shapes and closed-form values of its calibration against the publication."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import baselines
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.profiling import costs
from nas.train.recipes import recipe
from nas.train.schedules import learning_rate

FACTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "mspan" / "manifest.json").read_text())
SCALES = (2, 3, 4)
NARROW = {"width": 4, "distilled": 2}


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def with_bias(cost: costs.Costs) -> int:
    """The publication's convention: every convolution has a bias, one addition per output element."""
    return cost.multiply_adds_conv + cost.activations


def test_defaults_are_the_published_ones() -> None:
    config = baselines.create("mspan").descriptor.config
    assert {key: config[key] for key in FACTS["defaults"]} == FACTS["defaults"]


@pytest.mark.parametrize("scale", SCALES)
def test_super_resolution_has_the_published_size_and_work(scale: int) -> None:
    expected = FACTS["sr"][f"x{scale}"]
    model = baselines.create("mspan", scale=scale)
    height, width = expected["lr_grid_hw"]
    cost = costs.count_costs(model, height, width)
    assert cost.exact
    assert cost.parameters == expected["parameters"]
    assert round(cost.parameters / 1e3) == expected["published_parameters_k"]
    assert cost.multiply_adds_conv == expected["madds_weights_only"]
    assert with_bias(cost) == expected["madds_with_bias"]
    if height % 4 == width % 4 == 0:  # else the low-resolution branches round up
        assert with_bias(cost) == expected["madds_per_lr_pixel_with_bias"] * height * width
    assert round(expected["madds_with_bias_at_exact_area_921600"] / 1e9, 1) == expected["published_madds_g"]
    assert cost.output_size == f"{expected['output_shape_for_lr_grid'][3]}x{expected['output_shape_for_lr_grid'][2]}"


def test_x3_on_the_wider_grid_does_the_stated_work() -> None:
    cost = costs.count_costs(baselines.create("mspan", scale=3), 240, 427)
    assert with_bias(cost) == FACTS["sr"]["x3"]["madds_with_bias_on_240x427"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("attention", list(FACTS["attention_variants_x2"]))
def test_attention_ablation_has_the_published_size_and_work(attention: str, scale: int) -> None:
    expected = FACTS["attention_variants_x2"][attention]
    model = baselines.create("mspan", scale=scale, attention=attention)
    assert parameters(model.blocks[0].attention) == expected["attention_parameters_per_block"]
    last = FACTS["submodules"]["reconstruction_conv2"]
    assert parameters(model) == expected["parameters"] + last[f"x{scale}"] - last["x2"]
    height, width = FACTS["sr"][f"x{scale}"]["lr_grid_hw"]
    work = with_bias(costs.count_costs(model, height, width))
    if scale == 2:
        assert work == expected["madds_with_bias"]
        if attention == "ca":
            pooled = FACTS["defaults"]["n_blocks"] * FACTS["defaults"]["width"] * height * width
            assert work + pooled == expected["madds_with_bias_and_global_average_pool"]
    if attention == "mspa":
        assert work == FACTS["sr"][f"x{scale}"]["madds_with_bias"]
    elif attention != "esa":  # without spatial reduction the work is linear in the pixels
        per_block = FACTS["submodules"]["mspa"]["macs_with_bias_per_full_resolution_pixel"]
        backbone = FACTS["sr"][f"x{scale}"]["madds_per_lr_pixel_with_bias"] - 6 * per_block
        gates = 6 * expected["attention_parameters_per_block"]  # at one pixel
        assert work == backbone * height * width + gates


def test_submodules_have_the_calibrated_sizes() -> None:
    expected, model = FACTS["submodules"], baselines.create("mspan", scale=2)
    block = model.blocks[0]
    attention = block.attention
    assert parameters(model.head) == expected["head"]
    assert {parameters(b) for b in model.blocks} == {expected["iddb"]}
    assert parameters(block) - parameters(attention) == expected["iddb_without_attention"]
    assert [parameters(au) for au in block.au] == expected["au"]
    assert [parameters(cu) for cu in block.cu] == [expected["cu_each"]] * 3
    assert parameters(block.fuse) == expected["fuse"]
    projections = [*model.fusion.feature, *model.fusion.deeper]
    assert [parameters(p) for p in projections] == [expected["blf_projection_each"]] * expected["blf_projection_count"]
    assert parameters(model.fusion) == expected["blf_total"]
    assert parameters(model.reconstruction[0]) == expected["reconstruction_conv1"]
    for scale in SCALES:
        last = baselines.create("mspan", scale=scale).reconstruction[1]
        assert parameters(last) == expected["reconstruction_conv2"][f"x{scale}"]
    inner = expected["mspa"]
    assert parameters(attention) == inner["total"]
    assert parameters(attention.channel_down) == inner["channel_down"]
    assert parameters(attention.full_conv) == inner["spatial_down_conv"]
    for name in ("context_mid", "context_low", "fuse_mid", "fuse_full"):
        assert [parameters(part) for part in getattr(attention, name)] == [inner[f"{name}_each"]] * 2
    assert parameters(attention.channel_up) == inner["channel_up"]
    work = with_bias(costs.count_costs(attention, 360, 640, channels=48))
    assert work == inner["macs_with_bias_per_full_resolution_pixel"] * 360 * 640


@pytest.mark.parametrize(("kind", "channels"), [("rgb", 3), ("grey", 1)])
def test_restoration_network_has_the_calibrated_sizes_and_work(kind: str, channels: int) -> None:
    expected = FACTS["restoration"][kind]
    model = baselines.create("mspan", scale=1, in_channels=channels, out_channels=channels)
    assert len(model.stages) == FACTS["restoration"]["n_blocks"]
    assert model.descriptor.config["mlp_ratio"] == FACTS["restoration"]["mlp_ratio"]
    cost = costs.count_costs(model, 512, 512)
    assert (cost.parameters, cost.output_size) == (expected["parameters"], "512x512")
    assert with_bias(cost) == expected["madds_conv_with_bias_512x512"]
    assert parameters(model.head) == expected["head"]
    assert parameters(model.tail) == expected["tail"]
    assert {parameters(s) for s in model.stages} == {expected["stage_each"]}
    assert parameters(model.stages[0].norm) == expected["layer_norm_each"]
    assert parameters(model.stages[0].mlp) == expected["mlp_each"]


@pytest.mark.parametrize("entry", FACTS["small_configs"], ids=lambda e: f"C{e['width']}")
@pytest.mark.parametrize("scale", SCALES)
def test_small_configuration_has_the_stated_size(entry: dict[str, Any], scale: int) -> None:
    keywords = {key: value for key, value in entry.items() if key != "parameters"}
    assert parameters(baselines.create("mspan", scale=scale, **keywords)) == entry["parameters"][f"x{scale}"]


@pytest.mark.parametrize(("kind", "channels"), [("rgb", 3), ("grey", 1)])
def test_small_restoration_configuration_has_the_stated_size(kind: str, channels: int) -> None:
    entry = FACTS["small_restoration_config"]
    keywords = {key: value for key, value in entry.items() if key != "parameters"}
    model = baselines.create("mspan", in_channels=channels, **keywords)  # mlp_ratio alone implies scale 1
    assert model.descriptor.scale == 1
    assert parameters(model) == entry["parameters"][kind]


@pytest.mark.parametrize("entry", FACTS["shapes"], ids=lambda e: f"x{e['scale']}-{e['input'][2]}x{e['input'][3]}")
def test_every_input_size_is_enlarged_by_the_scale(entry: dict[str, Any]) -> None:
    model = baselines.create("mspan", scale=entry["scale"], n_blocks=2)
    with torch.no_grad():
        assert list(model(torch.rand(entry["input"])).shape) == entry["output"]


@pytest.mark.parametrize("size", [(48, 48), (17, 23)])
def test_inner_maps_have_the_stated_shapes(size: tuple[int, int]) -> None:
    expected = FACTS[f"internal_shapes_lr_{size[0]}x{size[1]}"]
    model = baselines.create("mspan", scale=2, n_blocks=2)
    block = model.blocks[0]
    parts = {"F0": model.head, "AU_output": block.au[0], "refined": block.cu[0], "blf_T": model.fusion}
    parts |= {"mspa_full": block.attention.fuse_full[1], "mspa_mid": block.attention.fuse_mid[1]}
    parts |= {"mspa_low": block.attention.context_low[1], "gate": block.attention.channel_up}
    seen: dict[str, list[int]] = {}
    for name, part in parts.items():
        part.register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: list(out.shape)}))
    block.fuse.register_forward_hook(lambda _m, i, _o: seen.update({"fuse_input": list(i[0].shape)}))
    with torch.no_grad():
        model(torch.rand(1, 3, *size))
    seen["distilled"] = [1, seen["AU_output"][1] - seen["refined"][1], *size]
    assert {name: seen[name] for name in expected} == expected


def fill(model: nn.Module, value: float) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


@pytest.mark.parametrize("scale", SCALES)
def test_zero_weights_give_a_zero_image(scale: int) -> None:
    output = fill(baselines.create("mspan", scale=scale), 0.0)(torch.rand(1, 3, 9, 7))
    assert torch.equal(output, torch.full_like(output, FACTS["behaviour"]["all_zero_weights_sr_output"]))


@pytest.mark.parametrize("channels", [1, 3])
def test_zero_weights_restore_the_input_itself(channels: int) -> None:
    x = torch.rand(1, channels, 9, 7)
    assert torch.equal(fill(baselines.create("mspan", scale=1, in_channels=channels), 0.0)(x), x)


def test_zero_attention_halves_the_fused_map() -> None:
    block = baselines.create("mspan", **NARROW).blocks[0]
    fill(block.attention, 0.0)
    fused: list[Tensor] = []
    block.fuse.register_forward_hook(lambda _m, _i, out: fused.append(out))
    x = torch.randn(2, 4, 10, 11)
    out = block(x)
    torch.testing.assert_close(out, x + FACTS["behaviour"]["zero_mspa_gate"] * fused[0])


def averaging(model: nn.Module) -> nn.Module:
    """Every convolution takes the mean of what it sees, in float64."""
    for module in model.double().modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return model


def centre(x: Tensor) -> float:
    return float(x[0, 0, x.shape[2] // 2, x.shape[3] // 2])


def test_averaging_block_gives_the_closed_form_value() -> None:
    facts = FACTS["behaviour"]["averaging_weights"]
    block = averaging(baselines.create("mspan").blocks[0])
    with torch.no_grad():
        y = block(torch.ones(1, 48, *facts["iddb_input_hw"], dtype=torch.float64))
    assert centre(y) == pytest.approx(facts["iddb_centre"], rel=facts["relative_tolerance"])


def test_averaging_network_gives_the_closed_form_values() -> None:
    """All channels are equal under averaging, so a narrow network of the same proportions tells as much."""
    facts = FACTS["behaviour"]["averaging_weights"]
    model = averaging(baselines.create("mspan", scale=2, **NARROW))
    chain: list[float] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _m, _i, out: chain.append(centre(out)))
    with torch.no_grad():
        y = model(torch.ones(1, 3, *facts["sr_x2_input_hw"], dtype=torch.float64))
    assert chain == pytest.approx(facts["chain_values"], rel=facts["relative_tolerance"])
    assert centre(y) == pytest.approx(facts["sr_x2_centre"], rel=facts["relative_tolerance"])


def test_published_recipe_is_the_published_training() -> None:
    """The script counts epochs from 1, so each halving comes an epoch before the round number of updates."""
    facts = FACTS["training"]
    settings = build(RetrainSettings, recipe("mspan", "published"))
    train, length = settings.train, facts["iterations_per_epoch"]
    assert (settings.data.patch, settings.data.batch) == (facts["hr_patch"], facts["batch"])
    assert (train.loss, train.optimizer.lr, train.steps) == (facts["loss"], facts["lr"], facts["epochs"] * length)
    for epoch, expected in facts["lr_at_epoch"].items():
        for step in ((int(epoch) - 1) * length, int(epoch) * length - 1):
            rate = learning_rate(train.schedule, train.optimizer.lr, step, train.steps)
            assert rate == pytest.approx(expected), epoch
