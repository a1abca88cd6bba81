"""What every registered block must be, whoever wrote it: shape-keeping, differentiable, copyable."""

from __future__ import annotations

import copy

import pytest
import torch

from nas.errors import NasError, UsageError
from nas.space import ATTENTIONS, BLOCKS, OPERATIONS, BlockInfo

#: parameters at C = 16 (operations), W = 64 (attentions), 48 (modulations): from the releases; of rb_5x5 by formula
COUNTS = {
    "operation": {
        "none": 0,
        "skip_connect": 0,
        "sep_conv_3x3": 1728,
        "dil_conv_3x3": 2016,
        "rb": 12304,
        "rb_5x5": 32784,
        "lrb": 6160,
        "srb": 7696,
        "acb": 1536,
        "skip": 0,
        "pcfn": 1656,
        "spab": 31776,
        "rlfb_core": 7232,
        "ccm": 5168,
        "lk_distil": 3952,
        "lk_mix": 1216,
        "gated_ffn": 976,
        "res_pair": 4640,
        "lk_distil_mix": 4720,
        "lk_fuse": 960,
        "lk_strip": 528,
        "bs_res": 416,
        "dw_ffn": 1904,
        "ecb": 8416,
        "plk": 2708,
        "shm_layer": 1392,
    },
    "attention": {
        "none": 0,
        "skip_connect": 0,
        "pixel_wise_attention": 541,
        "channel_wise_attention": 1168,
        "contrast_aware_channel_attention": 1096,
        "spatial_attention": 51,
        "spatial_attention_v2": 1697,
        "esab": 3504,
        "cea": 1096,
        "pa_sa_cascade": 928,
        "ca_sa_cascade": 700,
        "ca_sa_parallel": 1221,
        "sa_ca_dual": 8956,
        "pa_ca_parallel": 9426,
    },
    "modulation": {
        "skip": 0,
        "smfa": 24912,
        "lk_modulate": 8304,
        "lk_crossgate": 8352,
        "lk_select": 8256,
        "safm": 2832,
        "striped": 8208,
        "esa": 6512,
        "easa": 7632,
        "lk_strip": 3120,
        "safm_pp": 23148,
        "cca": 339,
        "esa_bs": 2424,
        "pa": 2352,
        "ea": 20784,
        "gsau": 9600,
        "lka": 8688,
        "mlka": 13296,
    },
}
WIDTH = {"operation": 16, "attention": 64, "modulation": 48}
EVERY = [
    pytest.param(registry.get(name), id=f"{role}-{name}")
    for role, registry in BLOCKS.items()
    for name in registry.names()
]
GATES = [p for p in EVERY if hasattr(p.values[0].build(WIDTH[p.values[0].role]), "gate")]


def image(info: BlockInfo) -> torch.Tensor:
    return torch.randn(2, WIDTH[info.role], 17, 20)


@pytest.mark.parametrize("info", EVERY)
def test_block_keeps_shape_and_passes_gradient_to_input_and_weights(info: BlockInfo) -> None:
    block, x = info.build(WIDTH[info.role]), image(info).requires_grad_()
    y = block(x)
    assert y.shape == x.shape
    y.square().mean().backward()
    assert x.grad is not None and bool(torch.isfinite(x.grad).all())
    assert bool(x.grad.any()) != info.zero
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in block.parameters())


@pytest.mark.parametrize("info", EVERY)
def test_block_does_not_change_its_input(info: BlockInfo) -> None:
    x = image(info)
    kept = x.clone()
    info.build(WIDTH[info.role])(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize("info", EVERY)
def test_block_has_the_documented_parameter_count(info: BlockInfo) -> None:
    expected = COUNTS[info.role].get(info.name)
    if expected is None:
        pytest.skip("a block of another package")
    assert sum(p.numel() for p in info.build(WIDTH[info.role]).parameters()) == expected


@pytest.mark.parametrize("info", EVERY)
def test_used_block_can_be_copied_and_the_copy_is_independent(info: BlockInfo) -> None:
    block, x = info.build(WIDTH[info.role]), image(info)
    y = block(x)
    twin = copy.deepcopy(block)
    assert torch.equal(twin(x), y)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    assert torch.equal(block(x), y)


@pytest.mark.parametrize("info", EVERY)
def test_block_gives_the_same_in_channels_last(info: BlockInfo) -> None:
    block, x = info.build(WIDTH[info.role]), image(info)
    twin = copy.deepcopy(block).to(memory_format=torch.channels_last)
    torch.testing.assert_close(twin(x.to(memory_format=torch.channels_last)), block(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("info", EVERY)
def test_flags_tell_the_truth(info: BlockInfo) -> None:
    block, x = info.build(WIDTH[info.role]), image(info)
    with torch.no_grad():  # away from the start, at which some blocks are as good as identities
        for parameter in block.parameters():
            parameter.add_(0.1)
    assert torch.equal(block(x), torch.zeros_like(x)) == info.zero
    assert torch.equal(block(x), x) == info.identity


@pytest.mark.parametrize("info", EVERY)
def test_block_works_at_its_stated_minimum_size(info: BlockInfo) -> None:
    x = torch.randn(1, WIDTH[info.role], info.min_size, info.min_size)
    assert bool(torch.isfinite(info.build(WIDTH[info.role])(x)).all())


@pytest.mark.parametrize("info", GATES)
def test_gate_broadcasts_lies_in_unit_interval_and_is_what_the_block_multiplies_by(info: BlockInfo) -> None:
    block, x = info.build(WIDTH[info.role]), image(info)
    gate = block.gate(x)
    assert bool(((gate >= 0) & (gate <= 1)).all())
    torch.testing.assert_close(gate * x, block(x))


@pytest.mark.parametrize("name", ["sep_conv_3x3", "dil_conv_3x3", "rb", "lrb", "srb", "acb"])
@pytest.mark.parametrize(("activation", "extra"), [("lrelu", 0), ("prelu", 1)])
def test_operations_take_other_activations(name: str, activation: str, extra: int) -> None:
    block = OPERATIONS.get(name).build(16, activation=activation)
    count = sum(p.numel() for p in block.parameters())
    activations = 1 if name == "acb" else 2
    assert count == COUNTS["operation"][name] + extra * activations


def test_unknown_activation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="relu, lrelu, prelu"):
        OPERATIONS.get("rb").build(16, activation="gelu")


def test_esab_refuses_fourteen_pixels_with_a_sentence() -> None:
    with pytest.raises(NasError, match="at least 15x15"):
        ATTENTIONS.get("esab").build(64)(torch.randn(1, 64, 14, 20))


def test_contrast_attention_has_a_finite_gradient_on_a_flat_channel() -> None:
    x = torch.randn(1, 64, 8, 8)
    x[:, 3] = 0.5
    x.requires_grad_()
    ATTENTIONS.get("contrast_aware_channel_attention").build(64)(x).sum().backward()
    assert x.grad is not None and bool(torch.isfinite(x.grad).all())


def test_too_narrow_attention_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 8"):
        ATTENTIONS.get("cea").build(4)


def test_grouped_convolution_reads_neighbouring_channels_of_the_concatenation() -> None:
    """Output channel 0 of the second depthwise convolution sees x_0 and x_1, not x_0 and f1(x)_0."""
    block = OPERATIONS.get("sep_conv_3x3").build(4)
    joined = torch.zeros(1, 8, 5, 5)
    joined[:, 1] = 1.0
    assert bool(block.op2[0](joined)[:, 0].any())
    joined = torch.zeros(1, 8, 5, 5)
    joined[:, 4] = 1.0
    assert not bool(block.op2[0](joined)[:, 0].any())
