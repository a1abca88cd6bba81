"""Published networks are points of the skeleton ``residual``, to the last parameter, multiply-add and stored tensor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import baselines
from nas.errors import NasError, UsageError
from nas.models.merging import merge
from nas.profiling.costs import costs_for_task
from nas.registry import BASELINES
from nas.tasks import get_task
from search_spaces.modern.network import ResidualNetwork
from search_spaces.modern.reparameterised import MergedConv
from tests.golden_tools import Tensors, assert_golden, golden_manifest, load_golden

CASES: dict[str, dict[str, Any]] = golden_manifest("modern")["cases"]
#: What the float32 of the stored tensors costs, of the largest value.
STORED = 2e-6

#: network -> parameters and multiply-adds in G at a 1280 x 720 output, x2 (of SPAN merged)
PUBLISHED = {
    "smfanet": (185_628, 38.79),
    "smfanet_plus": (480_300, 101.14),
    "lkfmixer_t": (194_012, 40.82),
    "lkfmixer_b": (357_228, 75.41),
    "lkmn_t": (206_004, 45.92),
    "safmn": (227_820, 51.48),
    "rlfn": (526_856, 115.42),
    "rlfn_s": (454_620, 98.80),
    "span": (410_700, 94.39),
}
#: sizes at which a network of each kind is small
SMALL: dict[str, dict[str, int]] = {
    "smfanet": {"dim": 8, "n_blocks": 2},
    "smfanet_plus": {"dim": 8, "n_blocks": 2},
    "lkfmixer_t": {"channels": 8, "n_blocks": 2, "kernel": 7},
    "lkfmixer_b": {"channels": 8, "n_blocks": 2, "kernel": 7},
    "lkmn_t": {"channels": 8, "n_blocks": 2, "kernel": 7},
    "safmn": {"dim": 8, "n_blocks": 2},
    "rlfn": {"channels": 8, "n_blocks": 2},
    "rlfn_s": {"channels": 8, "n_blocks": 2},
    "span": {"channels": 8, "n_blocks": 2},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_has_the_published_size_and_work(name: str) -> None:
    with torch.device("meta"):
        model = baselines.create(name)
    costs = costs_for_task(model, get_task("sr_x2"))
    assert (costs.parameters, round(costs.multiply_adds_conv / 1e9, 2)) == PUBLISHED[name]
    assert costs.output_size == "1280x720" and costs.exact


#: network, sizes -> parameters at another scale or size
OTHERS = [
    ("smfanet", {"scale": 3}, 190_503),
    ("smfanet", {"scale": 4}, 197_328),
    ("smfanet_plus", {"scale": 3}, 486_795),
    ("smfanet_plus", {"scale": 4}, 495_888),
    ("lkfmixer_t", {"scale": 4}, 207_008),
    ("lkfmixer_b", {"scale": 4}, 372_816),
    ("lkmn_t", {"scale": 4}, 217_704),
    ("rlfn", {"scale": 4}, 543_740),
    ("rlfn_s", {"scale": 4}, 470_208),
    ("span", {"channels": 52}, 481_324),
    ("span", {"channels": 28, "scale": 4}, 150_688),
]


@pytest.mark.parametrize(("name", "config", "parameters"), OTHERS)
def test_other_scales_and_widths_have_the_published_size(name: str, config: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        model = merge(baselines.create(name, **config))
    assert sum(p.numel() for p in model.parameters()) == parameters


def cosine_gradient(output: Tensor, x: Tensor) -> Tensor:
    cotangent = torch.cos(torch.arange(output.numel(), dtype=output.dtype)).view_as(output)
    return torch.autograd.grad(output, x, cotangent)[0]


@pytest.mark.golden
@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "name"), [("smfanet_x2", "smfanet"), ("smfanet_plus_x2", "smfanet_plus"), ("lkfmixer_b_x2", "lkfmixer_b")]
)
def test_whole_network_gives_reference_output_features_and_gradient(case: str, name: str) -> None:
    entry, t = CASES[case], load_golden("modern", CASES[case]["file"], whole=True)
    official: Tensors = {key: value for key, value in t.items() if key.startswith("state.")}
    config = BASELINES.get(name).config_from_state(official)
    model = baselines.create(name, **config).double()
    baselines.load_strict(model, baselines.convert(name, official))
    assert sum(p.numel() for p in model.parameters()) == entry["parameters"] and config["scale"] == entry["scale"]
    seen: Tensors = {}
    for part, path in (("to_feat", "head"), ("block0", "cells.0")):
        model.get_submodule(path).register_forward_hook(lambda _m, _i, out, part=part: seen.update({part: out}))
    x = t["input"].requires_grad_()
    y = model(x)
    assert_golden(y, t["output"], entry["atol"], entry["rtol"], of_largest=STORED)
    gradient = cosine_gradient(y, x)
    assert_golden(gradient, t["grad_input"], entry["grad_atol"], entry["grad_rtol"], of_largest=STORED)
    features = [key for key in t if key.startswith("inter.")]
    assert features
    for key in features:
        assert_golden(seen[key.removeprefix("inter.")], t[key], entry["atol"], entry["rtol"], of_largest=STORED)


def weights(*names: str, bias: bool = True) -> list[str]:
    """Official names of convolutions."""
    return [f"{name}.{kind}" for name in names for kind in (("weight", "bias") if bias else ("weight",))]


def inside(prefix: str, names: list[str]) -> list[str]:
    return [f"{prefix}.{name}" for name in names]


STRIP = weights("DWConv_1xK", "DWConv_Kx1", "conv1")
STEP = [*weights("DWConv3", "conv1"), *inside("PLKB", STRIP)]
DISTILLATION = [
    *weights("c1_d", "c2_d", "c3_d", "c4", "c5"),
    *(f"c{i}_r.{key}" for i in (1, 2, 3) for key in STEP),
]
CONV3XC = weights("sk", "conv.0", "conv.1", "conv.2", "eval_conv")
#: network -> official names of one block, and of all else
OFFICIAL: dict[str, tuple[str, int, list[str], list[str]]] = {
    "smfanet": (
        "feats",
        0,
        [
            *weights("smfa.linear_0", "smfa.linear_1", "smfa.linear_2", "smfa.dw_conv"),
            *("smfa.alpha", "smfa.belt"),
            *weights("smfa.lde.conv_0.0", "smfa.lde.conv_0.1", "smfa.lde.conv_1"),
            *weights("pcfn.conv_0", "pcfn.conv_1", "pcfn.conv_2"),
        ],
        weights("to_feat", "to_img.0"),
    ),
    "lkfmixer_b": (
        "layers.layers",
        0,
        [
            *inside("FDB", DISTILLATION),
            *inside("SFMB", [*weights("DWConv_3", "conv1_1", "conv1_2"), *inside("PLKB", STRIP)]),
            *inside("FSB", [*weights("DWConv_3", "conv1_1"), *inside("PLKB", STRIP)]),
        ],
        weights("conv_first", "conv", "upsampler.upsampleOneStep.0"),
    ),
    "lkmn_t": (
        "layers",
        0,
        [
            *weights("norm1", "norm2"),
            *inside("HFDB", DISTILLATION),
            *inside("CGFN", [*weights("DWConv_3", "conv1"), *inside("PLKB", STRIP)]),
            *("CGFN.scaler1.scale", "CGFN.scaler2.scale"),
        ],
        weights("conv_first", "conv", "upsampler.0"),
    ),
    "safmn": (
        "feats",
        0,
        [*weights("norm1", "norm2", *(f"safm.mfr.{i}" for i in range(4)), "safm.aggr", "ccm.ccm.0", "ccm.ccm.2")],
        weights("to_feat", "to_img.0"),
    ),
    "rlfn": (
        "block",
        1,
        weights("c1_r", "c2_r", "c3_r", "c5", *(f"esa.conv{i}" for i in ("1", "_f", "2", "3", "4"))),
        weights("conv_1", "conv_2", "upsampler.0"),
    ),
    "span": (
        "block",
        1,
        [f"c{i}_r.{key}" for i in (1, 2, 3) for key in CONV3XC],
        [*inside("conv_1", CONV3XC), *inside("conv_2", CONV3XC), *weights("conv_cat", "upsampler.0")],
    ),
}


def official_state(name: str, model: nn.Module) -> dict[str, Tensor]:
    """Random official weights of the size of a model, by official names that are spelt out above."""
    stem, first, block, ends = OFFICIAL[name]
    between = "_" if stem == "block" else "."
    names = [f"{stem}{between}{first + i}.{key}" for i in range(2) for key in block] + ends
    ours = model.state_dict()
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    for key in names:
        renamed = baselines.convert(name, {key: torch.zeros(1)})
        like = ours[next(iter(renamed))] if renamed else torch.zeros(1)  # what conversion leaves out
        state[key] = torch.randn(like.shape, generator=generator)
    return state


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize(("scale", "colours"), [(2, 3), (4, 1)])
def test_official_names_load_strictly_and_tell_the_sizes(name: str, scale: int, colours: int) -> None:
    model = baselines.create(name, scale=scale, n_colors=colours, **SMALL[name])
    official = official_state(name, model)
    config = BASELINES.get(name).config_from_state({f"state.{key}": value for key, value in official.items()})
    assert {**model.descriptor.config, **config} == model.descriptor.config
    again = baselines.create(name, **config)
    converted = baselines.convert(name, official)
    baselines.load_strict(again, converted)
    kept = {id(tensor) for tensor in converted.values()}
    left_out = [key for key, tensor in official.items() if id(tensor) not in kept]
    assert all(".eval_conv." in key for key in left_out) and bool(left_out) == (name == "span")


@pytest.mark.parametrize("name", OFFICIAL)
def test_weights_of_another_network_are_refused(name: str) -> None:
    with pytest.raises(NasError, match="these weights are not a"):
        BASELINES.get(name).config_from_state({"encoder.weight": torch.zeros(1)})


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_descriptor_rebuilds_the_network(name: str) -> None:
    model = baselines.create(name, **BASELINES.get(name).config_for_task("sr_x3"), **SMALL[name])
    about = model.descriptor
    again = BASELINES.get(about.name).create(**about.config)
    assert isinstance(again, ResidualNetwork) and again.settings == model.settings and again.descriptor == about
    assert (about.name, about.scale, about.channels) == (name, 3, 3)
    assert about.value_range == (255.0 if name.startswith("rlfn") else 1.0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_move_to_another_scale_but_for_the_last_convolution(name: str) -> None:
    baseline = BASELINES.get(name)
    small, large = (baselines.create(name, scale=scale, **SMALL[name]) for scale in (2, 4))
    assert baseline.transfer(large, small.state_dict()) == ["up.bias", "up.weight"]
    for key, tensor in small.state_dict().items():
        assert key.startswith("up.") or torch.equal(large.state_dict()[key], tensor), key


def test_impossible_sizes_are_refused_by_the_name_of_the_network() -> None:
    for name, config, words in (
        ("lkfmixer_b", {"channels": 10}, "lkfmixer_b: width: 'lk_distil' needs channels in multiples of 4, not 10"),
        ("lkfmixer_b", {"split_factor": 0.5}, "lkfmixer_b: split_factor must be 0.25"),
        ("smfanet", {"dim": "36"}, "smfanet: dim must be a whole number"),
        (
            "smfanet",
            {"ffn_scale": 3},
            r"smfanet: stages\[0\].slots\[1\].parameters: expansion of block 'pcfn' cannot be 3",
        ),
        ("rlfn", {"n_blocks": 0}, "rlfn: cells: input should be greater"),
    ):
        with pytest.raises(UsageError, match=words):
            baselines.create(name, **config)


def test_span_is_trained_in_factors_and_deployed_merged() -> None:
    model = baselines.create("span", **SMALL["span"]).double().eval()
    layers = [m for m in model.modules() if isinstance(m, MergedConv)]
    assert len(layers) == 3 * 2 + 2
    x = torch.rand(1, 3, 9, 7, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(merge(model)(x), model(x), atol=1e-9, rtol=1e-9)


def test_the_fourier_loss_is_that_of_the_reference_and_asked_for() -> None:
    model = baselines.create("smfanet", **SMALL["smfanet"])
    criterion = BASELINES.get("smfanet").criterion
    assert criterion(model, {"loss": "l1"}) is None
    loss = criterion(model, {"loss": "l1", "fourier": 0.05})
    image, target = torch.rand(2, 3, 6, 5, dtype=torch.float64), torch.rand(2, 3, 6, 5, dtype=torch.float64)
    value, terms = loss(image, image, target, 0)
    spectra = [torch.fft.rfft2(255 * a.float()) for a in (image, target)]
    difference = torch.stack([(spectra[0] - spectra[1]).real, (spectra[0] - spectra[1]).imag]).abs().mean()
    l1 = 255 * (image.float() - target.float()).abs().mean()
    torch.testing.assert_close(value, l1 + 0.05 * difference)
    assert terms["fourier"] == pytest.approx(float(difference), rel=1e-5) and "Fourier" in loss.identity
    for wrong, words in (
        ({"furier": 0.1}, "did you mean 'fourier'"),
        ({"fourier": "much"}, "must be a number"),
        ({"fourier": -1.0}, "must not be negative"),
        ({"fourier": 0.1, "loss": "l2"}, "goes with the loss 'l1'"),
    ):
        with pytest.raises(UsageError, match=words):
            criterion(model, {"loss": "l1", **wrong})
