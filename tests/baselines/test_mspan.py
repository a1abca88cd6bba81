"""MSPAN follows its equations, and keeps the contract of a baseline."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import baselines
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore
from nas.models.weights import load_weights, save_weights
from nas.registry import BASELINES, TASKS
from nas.train.recipes import recipe

SMALL = {"width": 8, "distilled": 4, "n_blocks": 2}
#: Every choice that no published number decides, with its other values.
OPEN = [
    {"activation": "relu"},
    {"activation": "lrelu(0.2)"},
    {"activation_position": "before"},
    {"cu_residual": False},
    {"au_order": "distilled_first"},
    {"fuse_order": "refined_first"},
    {"pool": "avg"},
    {"resize": "bilinear_corners"},
    {"resize": "nearest"},
    {"full_conv": "channel_up"},
    {"repool": True},
    {"reduce_activation": True},
    {"blf_activation": "relu"},
    {"mean_shift": True},
]
VARIANTS = [
    {"scale": 2},
    {"scale": 3, "attention": "none"},
    {"scale": 4, "attention": "ca", "width": 64, "n_blocks": 1},
    {"scale": 2, "attention": "esa", "attn_width": 8},
    {"scale": 2, "bias": False},
    {"scale": 2, "activation": "prelu"},
    {"scale": 2, "in_channels": 1},
    {"scale": 2, "n_blocks": 1, "n_pairs": 2, "attn_interactions": 1, "attn_width": 3},
    {"scale": 1},
    {"scale": 1, "in_channels": 1, "mlp_ratio": 2},
]


def small(**keywords: Any) -> nn.Module:
    return baselines.create("mspan", **{**SMALL, **keywords})


def image(model: nn.Module, height: int = 18, width: int = 21) -> Tensor:
    return torch.rand(1, model.descriptor.channels, height, width)


def name_of(keywords: dict[str, Any]) -> str:
    return "-".join(f"{key}={value}" for key, value in keywords.items())


class Oracle:
    """The equations of the specification, written out flat over a state dict."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight, self.state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def act(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.05 * x)

    def mspa(self, name: str, u: Tensor) -> Tensor:
        def up(a: Tensor, b: Tensor) -> Tensor:
            return F.interpolate(a, b.shape[2:], mode="bilinear", align_corners=False)

        f0 = self.conv(f"{name}.channel_down", u)
        p = self.act(self.conv(f"{name}.full_conv", f0))
        m0 = F.max_pool2d(p, 2, 2, ceil_mode=True)
        l0 = F.max_pool2d(m0, 2, 2, ceil_mode=True)
        a1 = self.act(self.conv(f"{name}.context_mid.0", m0))
        l1 = self.act(self.conv(f"{name}.context_low.0", l0))
        m1 = self.act(self.conv(f"{name}.fuse_mid.0", torch.cat([a1, up(l1, a1)], 1)))
        f1 = self.act(self.conv(f"{name}.fuse_full.0", torch.cat([f0, up(m1, f0)], 1)))
        a2 = self.act(self.conv(f"{name}.context_mid.1", m1))
        l2 = self.act(self.conv(f"{name}.context_low.1", l1))
        m2 = self.act(self.conv(f"{name}.fuse_mid.1", torch.cat([a2, up(l2, a2)], 1)))
        f2 = self.act(self.conv(f"{name}.fuse_full.1", torch.cat([f1, up(m2, f1)], 1)))
        return u * torch.sigmoid(self.conv(f"{name}.channel_up", f2))

    def iddb(self, name: str, x: Tensor) -> Tensor:
        d = SMALL["distilled"]
        y1 = self.act(self.conv(f"{name}.au.0", x))
        d1, r1 = y1[:, :d], y1[:, d:]
        c1 = r1 + self.act(self.conv(f"{name}.cu.0", r1))
        y2 = self.act(self.conv(f"{name}.au.1", torch.cat([c1, d1], 1)))
        d2, r2 = y2[:, :d], y2[:, d:]
        c2 = r2 + self.act(self.conv(f"{name}.cu.1", r2))
        y3 = self.act(self.conv(f"{name}.au.2", torch.cat([c2, d1, d2], 1)))
        d3, r3 = y3[:, :d], y3[:, d:]
        c3 = r3 + self.act(self.conv(f"{name}.cu.2", r3))
        u = self.conv(f"{name}.fuse", torch.cat([d1, d2, d3, c3], 1))
        return x + self.mspa(f"{name}.attention", u)

    def super_resolution(self, x: Tensor, scale: int) -> Tensor:
        f0 = self.conv("head", x)
        f1 = self.iddb("blocks.0", f0)
        f2 = self.iddb("blocks.1", f1)
        f3 = self.iddb("blocks.2", f2)
        t2 = torch.cat([self.conv("fusion.feature.1", f2), self.conv("fusion.deeper.1", f3)], 1)
        t1 = torch.cat([self.conv("fusion.feature.0", f1), self.conv("fusion.deeper.0", t2)], 1)
        y = self.conv("reconstruction.1", self.conv("reconstruction.0", t1 + f0))
        return F.pixel_shuffle(y, scale)

    def restoration(self, x: Tensor) -> Tensor:
        y = self.conv("head.2", F.relu(self.conv("head.0", x)))
        for i in range(2):
            z = self.iddb(f"stages.{i}.block", y)
            deviation = z - z.mean(1, keepdim=True)
            normal = deviation / (deviation.square().mean(1, keepdim=True) + 1e-6).sqrt()
            weight, bias = self.state[f"stages.{i}.norm.weight"], self.state[f"stages.{i}.norm.bias"]
            normal = normal * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)
            hidden = F.gelu(self.conv(f"stages.{i}.mlp.0", normal))
            y = z + self.conv(f"stages.{i}.mlp.2", hidden)
        return x + torch.tanh(self.conv("tail.2", F.relu(self.conv("tail.0", y))))


def scattered(model: nn.Module) -> nn.Module:
    """Weights large enough that every path shows in the output."""
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.copy_(torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5)
    return model


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(12, 8), (11, 7), (1, 1)])
def test_super_resolution_follows_the_equations(scale: int, size: tuple[int, int]) -> None:
    model = scattered(small(scale=scale, n_blocks=3))
    x = torch.rand(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(model(x), Oracle(model.state_dict()).super_resolution(x, scale))


@pytest.mark.parametrize("channels", [1, 3])
def test_restoration_follows_the_equations(channels: int) -> None:
    model = scattered(small(scale=1, in_channels=channels))
    x = torch.rand(2, channels, 11, 7, dtype=torch.float64)
    torch.testing.assert_close(model(x), Oracle(model.state_dict()).restoration(x))


@pytest.mark.parametrize("choice", OPEN, ids=name_of)
def test_open_choice_changes_the_image_but_no_count(choice: dict[str, Any]) -> None:
    usual = scattered(small())
    other = small(**choice).double()
    other.load_state_dict(usual.state_dict())  # the very same tensors
    x = torch.rand(1, 3, 13, 10, dtype=torch.float64)
    assert not torch.allclose(usual(x), other(x), rtol=1e-6, atol=1e-6)
    assert other(x[..., :1, :1]).shape == (1, 3, 2, 2)


@pytest.mark.parametrize("choice", [{"mlp_activation": "relu"}, {"norm_eps": 1e-1}], ids=name_of)
def test_open_choice_of_the_restoration_network_changes_the_image(choice: dict[str, Any]) -> None:
    usual = scattered(small(scale=1))
    other = small(scale=1, **choice).double()
    other.load_state_dict(usual.state_dict())
    x = torch.rand(1, 3, 9, 9, dtype=torch.float64)
    assert not torch.allclose(usual(x), other(x), rtol=1e-6, atol=1e-6)


def test_mean_shift_is_inert_around_an_identity() -> None:
    model = small(scale=1, mean_shift=True)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(1, 3, 6, 6)
    torch.testing.assert_close(model(x), x)


@pytest.mark.parametrize("keywords", VARIANTS, ids=name_of)
def test_gradient_reaches_every_parameter(keywords: dict[str, Any]) -> None:
    model = small(**keywords)
    model(image(model)).abs().mean().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("keywords", [{"scale": 2}, {"scale": 1, "in_channels": 1}], ids=name_of)
def test_twenty_steps_lower_the_loss(keywords: dict[str, Any]) -> None:
    model = small(**keywords)
    x = torch.rand(2, model.descriptor.channels, 12, 12)
    target = F.interpolate(x, scale_factor=model.descriptor.scale, mode="bicubic") * 0.8
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(21):
        loss = F.l1_loss(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[20] < 0.9 * losses[0]


@pytest.mark.parametrize("keywords", VARIANTS, ids=name_of)
def test_copy_and_rebuilt_model_are_the_same_network(keywords: dict[str, Any]) -> None:
    model = small(**keywords)
    x = image(model)
    y = model(x)
    assert torch.equal(model(x), y)
    assert torch.equal(copy.deepcopy(model)(x), y)
    rebuilt = baselines.create("mspan", **model.descriptor.config)
    baselines.load_strict(rebuilt, model.state_dict())
    assert torch.equal(rebuilt(x), y)
    assert rebuilt.descriptor == model.descriptor


@pytest.mark.parametrize("keywords", VARIANTS, ids=name_of)
@pytest.mark.parametrize("prefix", ["", "state.", "module."])
def test_sizes_are_read_from_the_tensors(keywords: dict[str, Any], prefix: str) -> None:
    model = small(**keywords)
    state = {prefix + key: tensor for key, tensor in model.state_dict().items()}
    rebuilt = baselines.create("mspan", **BASELINES.get("mspan").config_from_state(state))
    baselines.load_strict(rebuilt, baselines.convert("mspan", state))
    x = image(model)
    assert torch.equal(rebuilt(x), model(x))


def test_weights_that_do_not_fit_are_refused() -> None:
    model, state = small(), small().state_dict()
    with pytest.raises(NasError, match=r"surplus stray"):
        baselines.load_strict(model, baselines.convert("mspan", {**state, "stray": torch.zeros(1)}))
    state.pop("head.weight")
    with pytest.raises(NasError, match=r"missing head\.weight"):
        baselines.load_strict(model, baselines.convert("mspan", state))
    with pytest.raises(NasError, match=r"not an MSPAN.*head\.weight"):
        BASELINES.get("mspan").config_from_state(state)


def test_weights_file_rebuilds_the_model(tmp_path: Any) -> None:
    model = small(scale=3, pool="avg", mean_shift=True)
    save_weights(tmp_path / "w.safetensors", model, kind="baseline", task="sr_x3", training={})
    again = load_weights(tmp_path / "w.safetensors").model
    x = image(model)
    assert torch.equal(again(x), model(x))


@pytest.mark.parametrize("keywords", [{}, {"attention": "esa"}, {"scale": 1}], ids=name_of)
@pytest.mark.parametrize("size", [(1, 1), (5, 2), (16, 31)])
def test_harness_restores_any_size(keywords: dict[str, Any], size: tuple[int, int]) -> None:
    model = small(**keywords)
    s = model.descriptor.scale
    restored = restore(model, 255 * torch.rand(3, *size))
    assert restored.shape == (3, s * size[0], s * size[1])
    assert torch.isfinite(restored).all()


def test_esa_refuses_an_image_it_cannot_pool() -> None:
    with pytest.raises(UsageError, match="15 x 15"):
        small(attention="esa")(torch.rand(1, 3, 14, 40))
    assert small(attention="esa")(torch.rand(1, 3, 15, 15)).shape == (1, 3, 30, 30)


SUPPORTED = [t for t in TASKS.names() if t.startswith(("sr_", "denoise_")) or t == "derain"]


@pytest.mark.parametrize("task", SUPPORTED)
def test_task_gets_a_network_of_its_scale_and_channels(task: str) -> None:
    descriptor = small(**BASELINES.get("mspan").config_for_task(task)).descriptor
    wanted = TASKS.get(task)
    assert (descriptor.scale, descriptor.channels, descriptor.value_range) == (wanted.scale, wanted.channels, 1.0)


@pytest.mark.parametrize("task", ["jpeg_q10", "dehaze", "all_in_one"])
def test_other_task_is_refused_with_the_supported_ones(task: str) -> None:
    with pytest.raises(UsageError, match=r"sr_x2.*denoise_\*, derain"):
        BASELINES.get("mspan").config_for_task(task)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"widht": 8}, "did you mean 'width'"),
        ({"scale": 5}, "scale cannot be 5"),
        ({"n_pairs": 0}, "n_pairs must be"),
        ({"width": 9}, "must be even"),
        ({"in_channels": 1, "out_channels": 3}, "1 to 3"),
        ({"activation": "tanh"}, r"lrelu\(0\.05\)"),
        ({"pool": "mean"}, "use one of max, avg"),
        ({"scale": 2, "mlp_ratio": 4}, "mlp_ratio"),
        ({"in_channels": 1, "mean_shift": True}, "mean_shift"),
    ],
    ids=str,
)
def test_wrong_keyword_is_named(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        small(**keywords)


@pytest.mark.parametrize("preset", ["published", "small", "derain_reference"])
@pytest.mark.parametrize("task", ["sr_x2", "sr_x3", "sr_x4", "denoise_gray_50", "derain"])
def test_recipe_builds_a_network_for_every_task(preset: str, task: str) -> None:
    settings = build(RetrainSettings, recipe("mspan", preset))
    keywords = {**BASELINES.get("mspan").config_for_task(task), **settings.network}
    model = baselines.create("mspan", **keywords)
    assert model.descriptor.scale == TASKS.get(task).scale
    if preset != "derain_reference":
        assert settings.data.patch % model.descriptor.scale == 0
