"""Optimised networks compute what the networks compute, share nothing with them, and cannot be trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import baselines
from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, final_image
from nas.models.descriptor import ModelDescriptor
from nas.models.inference_layers import FusedConv, LinearEnlargement, collapsed
from nas.models.optimizing import OptimizedModel, optimize, rewritten
from nas.models.parametrized import without_parametrizations
from nas.registry import BASELINES
from nas.space.blocks import BLOCKS, BlockInfo

#: keywords of a small network of every baseline that has weights
TINY: dict[str, dict[str, Any]] = {
    "jsnet": {"layers": 2, "C": 8},
    "mspan": {"width": 8, "distilled": 4, "n_blocks": 1},
    "dlsn": {"n_resgroups": 1, "n_resblocks": 1, "n_feats": 16, "chunk_size": 16},
    "jdnet": {"unit_num": 2},
    "dsrir": {"sn1_feats": 8, "sn2_feats": 8, "sn3_feats": 8, "feats_step1": 4, "feats_step2": 8},
}

GENOTYPE = {
    "normal": [("sep_conv_3x3", 0), ("dil_conv_3x3", 0), ("skip_connect", 1), ("acb", 0), ("srb", 1), ("lrb", 2)],
    "attention": [
        ("skip_connect", 0),
        ("pixel_wise_attention", 0),
        ("contrast_aware_channel_attention", 1),
        ("spatial_attention", 0),
        ("sa_ca_dual", 1),
        ("esab", 2),
    ],
}
#: settings beside those of TINY that change what is rewritten
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in BASELINES.names()},
    "jsnet x3": ("jsnet", {"scale": 3}),
    "jsnet x4": ("jsnet", {"scale": 4}),
    "jsnet denoise": ("jsnet", {"scale": 1, "n_colors": 1, "image_residual": True}),
    "jsnet mixed": ("jsnet", {"genotype": GENOTYPE, "scale": 2, "image_residual": True}),
    "jdnet patchwise": ("jdnet", {"sa_type": "patchwise"}),
    "jdnet gates": ("jdnet", {"scale_attention": True, "colour_order": "bgr"}),
    "jdnet wide": ("jdnet", {"share_planes": 2, "mid_planes": 8, "kernel_size": 5}),
    "dsrir bias": ("dsrir", {"bias": True, "kernel_size": 5}),
}
BLOCK_NAMES = [(role, name) for role in BLOCKS for name in BLOCKS[role].names()]


def build(case: str) -> nn.Module:
    """A small network in which no weight is zero or one by chance."""
    name, more = VARIANTS[case]
    torch.manual_seed(0)
    model: nn.Module = baselines.create(name, **{**TINY.get(name, {}), **more})
    return disturbed(model)


def disturbed(model: nn.Module) -> nn.Module:
    """The model with batch statistics, gains and zero-initialised factors as after a training."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight, module.bias):
                assert tensor is not None
                nn.init.normal_(tensor.data)
            assert module.running_var is not None
            module.running_var.uniform_(0.5, 2.0)
    for name, parameter in model.named_parameters():
        if "gamma" in name:
            nn.init.normal_(parameter.data)
    return model.eval()


def image_for(model: nn.Module, dtype: torch.dtype, batch: int = 1) -> Tensor:
    d = descriptor_of(model)
    height, width = (allowed_size(side, d.size_multiple, d.min_size) for side in (19, 26))
    torch.manual_seed(1)
    return torch.rand(batch, d.channels, height, width, dtype=dtype) * d.value_range


def everything(output: Any) -> Iterator[Tensor]:
    """All tensors that a network returns."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from everything(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from everything(value)


def distance(a: Any, b: Any) -> float:
    """The largest difference of all outputs, as a share of the largest value of each."""
    pairs = list(zip(everything(a), everything(b), strict=True))
    assert pairs and all(x.shape == y.shape for x, y in pairs)
    return max(float((x - y).abs().max() / x.abs().max()) for x, y in pairs)


@pytest.mark.parametrize("case", VARIANTS)
def test_every_model_is_equal_in_float64(case: str) -> None:
    model = build(case).double()
    image = image_for(model, torch.float64, batch=2)
    with torch.no_grad():
        assert distance(model(image), optimize(model)(image)) < 1e-9


@pytest.mark.parametrize("case", VARIANTS)
def test_in_float32_no_model_is_further_from_float64_than_rounding_explains(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.startswith("dlsn"):
        pytest.skip("a rounding may put a pixel into another bucket, which is another sum")
    monkeypatch.setattr("nas.models.inference_layers.FUSED_FROM", 0)  # the fused calls of a large image
    model = build(case)
    image = image_for(model, torch.float32)
    with torch.no_grad():
        found, plain = optimize(model)(image), model(image)
        exact = build(case).double()(image.double())
    error = distance([t.double() for t in everything(exact)], [t.double() for t in everything(plain)])
    mine = distance([t.double() for t in everything(exact)], [t.double() for t in everything(found)])
    # both sum the same numbers in other orders: of one size, and never below what one rounding does
    assert mine <= 8 * error + 8 * torch.finfo(torch.float32).eps


@pytest.mark.parametrize(("role", "name"), BLOCK_NAMES)
def test_every_block_is_equal_in_float64(role: str, name: str) -> None:
    torch.manual_seed(0)
    info: BlockInfo = BLOCKS[role].get(name)
    width = 48  # a multiple of all that blocks ask for: 3, 8, 16
    block = disturbed(info.build(width)).double()
    form = rewritten(without_parametrizations(block))
    x = torch.randn(2, width, 17, 20, dtype=torch.float64)
    with torch.no_grad():
        wanted = block(x)
        assert float((wanted - form(x)).abs().max()) <= 1e-9 * max(float(wanted.abs().max()), 1e-3)


def test_adding_a_block_to_a_sum_leaves_its_input_as_it_is() -> None:
    from search_spaces.inference import adding

    torch.manual_seed(0)
    for role, name in [
        ("operation", "rb"),
        ("operation", "skip_connect"),
        ("attention", "esab"),
        ("attention", "none"),
    ]:
        block = BLOCKS[role].get(name).build(32).eval()
        form = adding(without_parametrizations(block))
        x, total = torch.randn(1, 32, 16, 16), torch.randn(1, 32, 16, 16)
        kept = x.clone()
        with torch.no_grad():
            fresh = form.add_to(None, x)
            wanted = total + block(x)
            sum_ = form.add_to(total, x)
            fresh.fill_(7.0)
        assert torch.equal(x, kept), name
        torch.testing.assert_close(sum_, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["jsnet", "jdnet"])
def test_the_network_is_unchanged_and_shares_nothing(case: str) -> None:
    model = build(case).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    image = image_for(model, torch.float32)
    fast = optimize(model)
    kept = image.clone()
    first = final_image(fast(image)).clone()
    assert torch.equal(image, kept)
    assert model.training and all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    assert own.isdisjoint(t.untyped_storage().data_ptr() for t in (*fast.parameters(), *fast.buffers()))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    torch.testing.assert_close(final_image(fast(image)), first, rtol=0, atol=0)


def test_an_optimised_network_refuses_training_and_records_no_gradient() -> None:
    fast = optimize(build("jsnet"))
    image = image_for(fast, torch.float32).requires_grad_()
    assert isinstance(fast, OptimizedModel) and not fast(image).requires_grad
    assert fast.eval() is fast
    with pytest.raises(UsageError, match="cannot be trained"):
        fast.train()


def test_a_network_without_anything_to_rewrite_is_copied() -> None:
    model = baselines.create("bicubic", scale=2)
    assert type(optimize(model)) is type(model)


class Unusual(nn.Module):
    """Uses the layers of a sequence one by one, which no rule can see."""

    descriptor = ModelDescriptor("unusual")

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body[0](x) - 100.0
        return x + self.body[1](y)


def test_a_network_that_the_rules_would_change_is_refused() -> None:
    torch.manual_seed(0)
    with pytest.raises(NasError, match="optimized"):
        optimize(Unusual())


@pytest.mark.parametrize(("scale", "shuffles"), [(2, (2,)), (3, (3,)), (4, (2, 2))])
@pytest.mark.parametrize("size", [(2, 2), (3, 4), (9, 6), (20, 17)])
def test_a_linear_enlargement_is_exact_to_the_border(
    scale: int, shuffles: tuple[int, ...], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for factor in shuffles:
        layers += [nn.Conv2d(8, 8 * factor**2, 3, padding=1), nn.PixelShuffle(factor)]
    chain = nn.Sequential(*layers, nn.Conv2d(8, 3, 3, padding=1), nn.Conv2d(3, 3, 1)).double()
    form = collapsed(chain)
    assert isinstance(form, LinearEnlargement) and form.scale == scale
    x = torch.randn(2, 8, *size, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(form(x), chain(x), rtol=1e-11, atol=1e-11)


def test_chains_that_are_not_linear_or_not_cheaper_stay() -> None:
    shuffle = nn.PixelShuffle(2)
    assert collapsed(nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), shuffle, nn.Conv2d(8, 3, 3))) is None
    assert collapsed(nn.Sequential(nn.Conv2d(64, 4, 1), shuffle, nn.Conv2d(1, 64, 3, padding=1))) is None
    reflecting = nn.Conv2d(8, 32, 3, padding=1, padding_mode="reflect")
    assert collapsed(nn.Sequential(reflecting, shuffle, nn.Conv2d(8, 3, 3, padding=1))) is None


@pytest.mark.parametrize("activation", ["none", "relu", "leaky_relu", "sigmoid"])
def test_fused_calls_equal_plain_ones(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.models.inference_layers import Activation

    torch.manual_seed(0)
    layer = FusedConv(torch.randn(8, 4, 3, 3), torch.randn(8), Activation(activation, 0.2), padding=(1, 1))
    x = torch.randn(2, 4, 9, 10).contiguous(memory_format=torch.channels_last)
    total = torch.randn(2, 8, 9, 10).contiguous(memory_format=torch.channels_last)
    found = {}
    for name, least in (("fused", 0), ("plain", 2**62)):
        monkeypatch.setattr("nas.models.inference_layers.FUSED_FROM", least)
        with torch.no_grad():
            found[name] = [layer(x)] + ([layer.add_to(total.clone(), x)] if activation == "none" else [])
    torch.testing.assert_close(found["fused"], found["plain"], rtol=1e-5, atol=1e-5)


class _NoReading(TorchDispatchMode):
    """Refuses what makes the host wait for a device: reading a value, and shapes that depend on values."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func) in ("aten._local_scalar_dense.default", "aten.nonzero.default"):
            raise AssertionError(f"{func} makes the host wait for the device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("form", ["as written", "optimised"])
@pytest.mark.parametrize("name", BASELINES.names())
def test_no_forward_pass_reads_a_value_or_leaves_the_device(name: str, form: str) -> None:
    model = build(name)
    if form == "optimised":
        model = optimize(model)
    image = image_for(model, torch.float32)
    with torch.no_grad(), _NoReading():  # type: ignore[no-untyped-call]
        model(image)
        # tensors on torch's device "meta" have no values, so no copy of them can be made elsewhere
        output = final_image(model.to("meta")(image.to("meta")))
    assert output.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.parametrize("case", VARIANTS)
def test_every_model_is_equal_in_float64_on_a_gpu(case: str) -> None:
    model = build(case).double().cuda()
    image = image_for(model, torch.float64).cuda()
    with torch.no_grad():
        assert distance(model(image), optimize(model)(image)) < 1e-9
