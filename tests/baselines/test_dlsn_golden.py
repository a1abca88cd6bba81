"""DLSN equals the published operations: hash order, outputs, gradients, tiling, self-ensemble, sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import baselines
from baselines.dlsn.attention import GLA
from baselines.dlsn.chop import chop_forward, self_ensemble
from tests.golden_tools import Tensors, assert_float32_output, assert_golden, golden_manifest, load_golden

pytestmark = pytest.mark.golden

MANIFEST = golden_manifest("dlsn")
CASES: dict[str, dict[str, Any]] = {case["case"]: case for case in MANIFEST["cases"]}
ATTENTIONS = [name for name, case in CASES.items() if case["kind"] == "gla"]
NETWORKS = [name for name, case in CASES.items() if case["kind"] == "dlsn"]
PLAIN = [name for name in NETWORKS if CASES[name]["mode"] == "plain"]
#: What the float32 of the reference costs its outputs and its gradients.
STORED, STORED_GRADIENT = 1e-6, 7e-6
#: Largest float32 error of the self-ensemble's image, of its largest value.
FLOAT32 = 2.2e-7
#: A bucket is chosen by the largest response to the projections. Between the two largest of a query lies at least
#: this much of the largest response of all (6.4e-6 in dlsn_x2_chop), while float32 moves a response by at most
#: 5.2e-7, so that every kernel finds the same bucket. Queries of zeros tie exactly and take the first bucket; before
#: the ReLU their largest channel is at most -2.7e-3, far from the kink.
LEAD, BELOW_ZERO = 6e-6, -2e-3


def golden(case: str) -> Tensors:
    return load_golden("dlsn", CASES[case]["file"])


def state_of(t: Tensors) -> Tensors:
    return baselines.convert("dlsn", {key: value for key, value in t.items() if key.startswith("state/")})


def given(t: Tensors) -> list[torch.Tensor]:
    return [t[f"proj/{i}"] for i in range(sum(key.startswith("proj/") for key in t))]


def network(case: str, t: Tensors, **options: Any) -> nn.Module:
    model = baselines.create("dlsn", **CASES[case]["config"], **options).double()
    baselines.load_strict(model, state_of(t))
    model.use_projections(given(t))
    return model


def assert_gradient(actual: torch.Tensor | None, expected: torch.Tensor) -> None:
    assert actual is not None
    assert_golden(actual, expected, atol=1e-5 * float(expected.abs().max()), rtol=0, of_largest=STORED_GRADIENT)


def assert_output(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert_golden(actual, expected, atol=2e-5, rtol=0, of_largest=STORED)


def assert_hashing(gla: GLA, x: torch.Tensor, proj: torch.Tensor, t: Tensors, i: int) -> None:
    """Codes and stable order of call ``i``, exactly, and far from a tie; the reference flattens (rounds, positions)."""
    queries = gla.conv_match(x).flatten(2).transpose(1, 2)
    codes, order = gla.order(queries, proj)
    responses, silent = torch.einsum("nlc,chb->nlhb", queries, proj), (queries == 0).all(-1)
    first, second = responses[~silent].topk(2, dim=-1).values.unbind(-1)
    assert (first - second).min() > LEAD * responses.abs().max()
    assert (gla.conv_match[0](x).amax(1).flatten(1)[silent] < BELOW_ZERO).all()
    n, h, length = codes.shape
    rounds = torch.arange(h).view(1, h, 1)
    assert torch.equal((codes + rounds * proj.shape[2]).reshape(n, -1).int(), t[f"codes/{i}"])
    assert torch.equal((order + rounds * length).reshape(n, -1).int(), t[f"perm/{i}"])


@pytest.mark.parametrize("chunks_per_step", [64, 3])
@pytest.mark.parametrize("case", ATTENTIONS)
def test_attention_gives_reference_order_output_and_gradients(case: str, chunks_per_step: int) -> None:
    t, entry = golden(case), CASES[case]
    gla = GLA(**entry["config"], chunks_per_step=chunks_per_step).double()
    baselines.load_strict(gla, state_of(t))
    assert sum(p.numel() for p in gla.parameters()) == entry["parameters"]
    assert gla.projection_shape(*t["input"].shape[-2:]) == tuple(t["proj/0"].shape)
    x = t["input"].requires_grad_()
    assert_hashing(gla, x, t["proj/0"], t, 0)
    output = gla(x, t["proj/0"])
    assert_output(output, t["output"])
    output.sum().backward()
    assert_gradient(x.grad, t["grad_input"])
    for name, parameter in gla.named_parameters():
        assert_gradient(parameter.grad, t[f"grad_param/{name}"])


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("case", PLAIN)
def test_network_gives_reference_output_features_and_gradient(case: str, recompute: bool) -> None:
    t = golden(case)
    model = network(case, t, recompute=recompute)
    seen: Tensors = {}
    for name in (key.removeprefix("act/") for key in t if key.startswith("act/")):
        model.get_submodule(name).register_forward_hook(lambda _m, _i, y, name=name: seen.update({name: y}))
    x = t["input"].requires_grad_()
    output = model(x)
    assert_output(output, t["output"])
    for name, feature in seen.items():
        assert_output(feature, t[f"act/{name}"])
    assert len(seen) == 1 + CASES[case]["config"]["n_resgroups"]
    output.mean().backward()
    assert_gradient(x.grad, t["grad_input"])
    assert model.a.grad is None


@pytest.mark.parametrize("case", [name for name in NETWORKS if name not in PLAIN])
def test_tiling_and_self_ensemble_give_reference_output(case: str) -> None:
    t = golden(case)
    model = network(case, t).eval()
    with torch.no_grad():
        if CASES[case]["mode"] == "chop":
            output = chop_forward(model, t["input"], scale=2)
        else:
            output = self_ensemble(model, t["input"])
    assert_output(output, t["output"])


def test_float32_gives_almost_the_float64_output() -> None:
    t = golden("dlsn_x2_ensemble")
    model = network("dlsn_x2_ensemble", t).eval()
    with torch.no_grad():
        exact = self_ensemble(model, t["input"])
        assert_float32_output(self_ensemble(model.float(), t["input"].float()), exact, measured=FLOAT32)


@pytest.mark.parametrize("case", NETWORKS)
def test_every_call_of_a_network_hashes_like_the_reference(case: str) -> None:
    t = golden(case)
    model = network(case, t).eval()
    calls: list[int] = []

    def check(gla: nn.Module, inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
        assert isinstance(gla, GLA)
        assert_hashing(gla, *inputs, t, len(calls))
        calls.append(len(calls))

    for group in model.groups:
        group.attention.register_forward_pre_hook(check)
    with torch.no_grad():
        mode = CASES[case]["mode"]
        if mode == "chop":
            chop_forward(model, t["input"], scale=2)
        elif mode == "ensemble":
            self_ensemble(model, t["input"])
        else:
            model(t["input"])
    assert len(calls) == len(given(t)) == CASES[case]["calls"]


@pytest.mark.gpu
@pytest.mark.parametrize("case", PLAIN)
def test_network_gives_reference_output_and_gradient_on_cuda(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    t = golden(case)
    model = network(case, t).cuda()
    x = t["input"].cuda().requires_grad_()
    output = model(x)
    assert_output(output.cpu(), t["output"])
    output.mean().backward()
    assert_gradient(x.grad.cpu(), t["grad_input"])


@pytest.mark.parametrize("entry", MANIFEST["chop_geometry"], ids=lambda e: f"{e['height']}x{e['width']}")
def test_tiles_are_the_reference_tiles_and_cover_the_image(entry: dict[str, Any]) -> None:
    height, width, scale = entry["height"], entry["width"], entry["scale"]
    rows, columns = torch.arange(height), torch.arange(width)
    image = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None].float()
    calls: list[list[int]] = []

    def nearest(tile: torch.Tensor) -> torch.Tensor:
        y, x = tile[0].int()
        calls.append([int(y.min()), int(y.max()) + 1, int(x.min()), int(x.max()) + 1])
        return F.interpolate(tile, scale_factor=scale)

    output = chop_forward(nearest, image, scale, entry["shave"], entry["min_size"])
    assert calls == entry["calls"]
    assert torch.equal(output, F.interpolate(image, scale_factor=scale))


@pytest.mark.parametrize(
    "entry",
    MANIFEST["parameter_counts"],
    ids=lambda e: f"C{e['config']['n_feats']}_x{e['config']['scale']}",
)
def test_parameter_counts_are_the_published_ones(entry: dict[str, Any]) -> None:
    with torch.device("meta"):
        model = baselines.create("dlsn", **entry["config"])
    sizes = {part: sum(p.numel() for p in model.get_submodule(part).parameters()) for part in ("head", "body", "tail")}
    assert sum(p.numel() for p in model.parameters()) == entry["total"]
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == entry["trainable"]
    assert len(model.state_dict()) == entry["state_dict_entries"]
    assert sizes == {part: entry[part] for part in sizes}


@pytest.mark.parametrize("entry", MANIFEST["scale_shapes"], ids=lambda e: f"x{e['config']['scale']}")
def test_tensor_names_and_shapes_are_the_published_ones(entry: dict[str, Any]) -> None:
    model = baselines.create("dlsn", **entry["config"]).eval()
    assert {k: list(v.shape) for k, v in model.state_dict().items()} == entry["state_shapes"]
    with torch.no_grad():
        assert list(model(torch.rand(entry["input"])).shape) == entry["output"]
