"""The baseline jdnet: sizes, bands of rows, colour order, official weights, recipe, refusals."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import baselines
from baselines.jdnet import attention
from baselines.jdnet.attention import SelfAttention
from baselines.jdnet.primitives import Neighbourhood, aggregation, subtraction
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore
from nas.profiling.costs import count_costs
from nas.registry import BASELINES
from nas.train.recipes import recipe

JDNET = BASELINES.get("jdnet")
TINY = {"unit_num": 1, "channel": 8, "rel_planes": 1, "mid_planes": 4, "share_planes": 2, "scale_num": 2}


def size_of(**config: Any) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in baselines.create("jdnet", **config).parameters())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, 4_681_859),
        ({"unit_num": 1}, 132_144),
        ({"unit_num": 2}, 263_549),
        ({"unit_num": 3}, 395_978),
        ({"unit_num": 4}, 529_431),
        ({"unit_num": 8}, 1_073_483),
        ({"unit_num": 16}, 2_210_739),
        ({"scale_attention": True}, 4_817_027),
        ({"unit_num": 1, "scale_attention": True}, 132_144 + 4 * 1056),
        ({"self_attention": False}, 4_656_867),
        ({"self_attention": False, "self_calibration": False}, 4_292_323),
    ],
)
def test_published_parameter_counts(config: dict[str, Any], expected: int) -> None:
    assert size_of(**config) == expected


def test_published_cost() -> None:
    """Units cost the same each, fusions (i + 2) C C a pixel: one and two units tell the cost of 32."""

    def apart_from_fusions(units: int) -> float:
        costs = count_costs(baselines.create("jdnet", unit_num=units), 64, 64)
        assert costs.exact
        return costs.multiply_adds_conv / 64**2 - 1024 * sum(range(2, units + 2))

    one, two = apart_from_fusions(1), apart_from_fusions(2)
    assert one + 31 * (two - one) + 1024 * sum(range(2, 34)) == pytest.approx(1_360_384, rel=1e-6)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 3, 37, 45), (1, 3, 5, 18)])
def test_any_size_works_and_is_kept(shape: tuple[int, ...]) -> None:
    model = baselines.create("jdnet", **TINY).eval()
    x = torch.rand(shape)
    with torch.no_grad():
        y = model(x)
        assert y.shape == x.shape
        assert torch.equal(y, model(x))
        assert torch.equal(y, copy.deepcopy(model)(x))


def test_images_smaller_than_the_window_allows_are_refused_and_padded_by_the_harness() -> None:
    model = baselines.create("jdnet", **TINY).eval()
    with pytest.raises(UsageError, match="at least 4 pixels"):
        model(torch.rand(1, 3, 3, 8))
    assert restore(model, torch.rand(3, 2, 3) * 255).shape == (3, 2, 3)
    assert baselines.create("jdnet", **TINY, scale_attention=True, kernel_size=11).descriptor.min_size == 6


@pytest.mark.parametrize("kind", ["pairwise", "patchwise"])
@pytest.mark.parametrize("elements", [1, 2000])
def test_bands_of_rows_give_the_whole_result(kind: str, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SelfAttention(8, 2, 4, 2, kind, kernel_size=5).double()
    x = torch.rand(2, 8, 11, 9, dtype=torch.float64)
    whole = module(x).detach()
    seen: list[int] = []
    attend = module._attend
    monkeypatch.setattr(module, "_attend", lambda q, *rest: (seen.append(q.shape[2]), attend(q, *rest))[1])
    monkeypatch.setattr(attention, "BAND_ELEMENTS", elements * 5)
    with torch.no_grad():
        torch.testing.assert_close(module(x), whole, atol=1e-12, rtol=0)
    assert len(seen) > 1
    assert sum(seen) == 11


def test_recomputed_attention_trains_alike() -> None:
    plain = baselines.create("jdnet", **TINY).double()
    again = baselines.create("jdnet", **TINY, recompute=True).double()
    again.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 12, 10, dtype=torch.float64)
    for model in (plain, again):
        model(x).square().sum().backward()
    for (name, a), b in zip(plain.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(b.grad, a.grad, msg=name)
    for (name, a), b in zip(plain.named_buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(b, a, msg=name)


def test_attention_keeps_flat_values_and_query_and_key_biases_have_opposite_gradients() -> None:
    module = SelfAttention(8, 2, 4, 2).double()
    x = torch.rand(1, 8, 9, 8, dtype=torch.float64)
    with torch.no_grad():
        module.conv3.weight.zero_()
    y = module(x)
    flat = module.conv3.bias[None, :, None, None].expand_as(y)
    torch.testing.assert_close(y, flat)
    module.conv3.reset_parameters()
    (module(x) * torch.rand_like(y)).sum().backward()
    torch.testing.assert_close(module.conv1.bias.grad, -module.conv2.bias.grad)
    assert module.conv1.bias.grad.abs().max() > 1e-8


def test_primitives_refuse_what_the_kernels_read_out_of_bounds() -> None:
    with pytest.raises(UsageError, match="odd"):
        Neighbourhood(4)
    with pytest.raises(UsageError, match="too small"):
        subtraction(torch.rand(1, 2, 3, 8), Neighbourhood(7))
    with pytest.raises(UsageError, match="outside the image"):
        subtraction(torch.rand(1, 2, 8, 8), Neighbourhood(3, padding=2))
    with pytest.raises(UsageError, match="share"):
        aggregation(torch.rand(1, 3, 4, 4), torch.rand(1, 2, 9, 16), Neighbourhood(3))


def official(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {f"module.{key}": t for key, t in model.state_dict().items()}


VARIANTS: list[dict[str, Any]] = [
    {},
    {"scale_attention": True},
    {"self_attention": False},
    {"self_attention": False, "self_calibration": False},
    {"sa_type": "patchwise", "kernel_size": 5},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_official_weights_come_back_with_their_configuration(variant: dict[str, Any]) -> None:
    model = baselines.create("jdnet", **{**TINY, **variant}, colour_order="bgr").eval()
    state = official(model)
    again = baselines.create("jdnet", **JDNET.config_from_state(state)).eval()
    baselines.load_strict(again, baselines.convert("jdnet", state))
    x = torch.rand(1, 3, 19, 17)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))


def test_misfitting_weights_are_refused() -> None:
    model = baselines.create("jdnet", **TINY)
    state = official(model)
    state.pop("module.exitBlock.0.bias")
    with pytest.raises(NasError, match=r"exitBlock\.0\.bias"):
        baselines.load_strict(model, baselines.convert("jdnet", state))
    with pytest.raises(NasError, match="extra"):
        more = {**model.state_dict(), "extra": torch.ones(1)}
        baselines.load_strict(model, baselines.convert("jdnet", more))
    with pytest.raises(NasError, match="not a JDNet"):
        JDNET.config_from_state({"conv.weight": torch.ones(1)})


def test_bgr_weights_serve_rgb_images() -> None:
    """The same function as reversing the colour axes of the first and last convolution."""
    bgr = baselines.create("jdnet", **TINY, colour_order="bgr").eval()
    rgb = baselines.create("jdnet", **TINY).eval()
    state = copy.deepcopy(bgr.state_dict())
    for key, axis in (("enterBlock.0.weight", 1), ("exitBlock.0.weight", 0), ("exitBlock.0.bias", 0)):
        state[key] = state[key].flip(axis)
    rgb.load_state_dict(state)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(bgr(x), rgb(x))
        assert not torch.allclose(bgr(x), x - bgr.rain(x))


def test_descriptor_rebuilds_the_model() -> None:
    model = baselines.create("jdnet", **TINY, loss="mse")
    d = model.descriptor
    assert (d.name, d.scale, d.channels, d.value_range, d.min_size) == ("jdnet", 1, 3, 1.0, 4)
    again = baselines.create("jdnet", **d.config)
    assert again.descriptor == d
    baselines.load_strict(again, model.state_dict())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"units": 3}, "unit_num"),
        ({"channel": 16}, "share_planes"),
        ({"mid_planes": 12}, "share_planes"),
        ({"channel": 15, "rel_planes": 1, "mid_planes": 8}, "even"),
        ({"kernel_size": 6}, "odd"),
        ({"loss": "neg_sim"}, "neg_ssim"),
        ({"sa_type": "global"}, "pairwise"),
        ({"unit_num": 0}, "at least 1"),
    ],
)
def test_impossible_configurations_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        baselines.create("jdnet", **config)


def test_only_rain_removal_is_supported() -> None:
    assert JDNET.config_for_task("derain") == {}
    with pytest.raises(UsageError, match="derain"):
        JDNET.config_for_task("sr_x2")


def test_criterion_is_the_models_unless_another_of_its_losses_is_asked_for() -> None:
    model = baselines.create("jdnet", **TINY)
    a, b = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    assert JDNET.criterion is not None
    loss, parts = JDNET.criterion(model, {})({"restored": a}, a, a, 0)
    assert loss.item() == pytest.approx(-1)
    assert list(parts) == ["neg_ssim"]
    assert JDNET.criterion(model, {"loss": "mae"})(a, a, b, 0)[0] == (a - b).abs().mean()
    with pytest.raises(UsageError, match="neg_ssim"):
        JDNET.criterion(model, {"loss": "psnr"})


@pytest.mark.parametrize("preset", ["published", "published_light", "small"])
def test_recipe_is_a_training_configuration(preset: str) -> None:
    settings = build(RetrainSettings, recipe("jdnet", preset))
    network = baselines.create("jdnet", **settings.network)
    assert settings.data.patch >= network.descriptor.min_size
    assert settings.train.optimizer.lr == 5e-4


def test_small_network_learns_a_fixed_batch() -> None:
    settings = build(RetrainSettings, recipe("jdnet", "small"))
    model = baselines.create("jdnet", **settings.network).train()
    target = torch.nn.functional.interpolate(torch.rand(2, 3, 6, 6), size=24, mode="bicubic").clamp(0, 1)
    rainy = (target + 0.5 * (torch.rand(2, 1, 24, 24) > 0.9)).clamp(0, 1)
    criterion = JDNET.criterion(model, {})
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.train.optimizer.lr)
    losses = []
    for step in range(20):
        optimizer.zero_grad()
        loss, _ = criterion(model(rainy), rainy, target, step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.02


@pytest.mark.gpu
def test_gpu_agrees_with_cpu() -> None:
    model = baselines.create("jdnet", **TINY).double()
    x = torch.rand(2, 3, 14, 11, dtype=torch.float64)
    results = []
    for device in ("cpu", "cuda"):
        copied = copy.deepcopy(model).to(device)
        y = copied(x.to(device))
        y.square().sum().backward()
        results.append([y.detach().cpu(), *(p.grad.cpu() for p in copied.parameters())])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-8, rtol=1e-6)
