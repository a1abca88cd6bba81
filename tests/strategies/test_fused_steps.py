"""Search steps on the fused supernet: the trace of the plain one, no wait for the device, and old runs as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nas.config.reading import build, parse_stored, to_yaml
from nas.config.runs import SearchSettings
from nas.registry import STRATEGIES
from nas.space import load_space
from nas.strategies.architecture_gradients import first_order, second_order_difference, second_order_exact
from nas.train.losses import pixel_loss
from nas.train.run import Run
from tests.supernet.compiled import compiled

SMALL: dict[str, Any] = {
    "network.cells": 1,
    "network.width": 8,
    "cells.operation.inputs": [[0], [0, 1], [2]],
    "cells.operation.candidates": ["none", "skip_connect", "sep_conv_3x3", "srb"],
    "cells.attention.nodes": 2,
    "cells.attention.inputs": [[0], [1]],
    "cells.attention.candidates": ["skip_connect", "channel_wise_attention", "spatial_attention", "cea"],
}


def loss(forward: Any, pair: tuple[Tensor, Tensor]) -> Tensor:
    return pixel_loss("l1", forward(pair[0]), pair[1])


def supernet(dtype: torch.dtype = torch.float64, **options: Any) -> Any:
    torch.manual_seed(0)
    return load_space("jsm", overrides=SMALL).supernet("sr_x2", **options).to(dtype)


def batch(seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pair = (torch.rand(1, 3, side, side, generator=generator, dtype=dtype) * 255 for side in (10, 20))
    return next(pair), next(pair)


def trace(strategy: str, fused: bool, steps: int, **search: Any) -> list[float]:
    flags = {f"search__{key}": value for key, value in {"fused": fused, **search}.items()}
    settings = build(SearchSettings, strategy=strategy, train__steps=steps, train__optimizer__lr=1e-3, **flags)
    made = STRATEGIES.get(strategy)(settings.search, settings.train)
    net = supernet(**made.supernet_options())
    assert (net.fused, net.native) == (fused, search.get("native", False))
    made.prepare(net, loss)
    torch.manual_seed(1)
    return [made.step(net, batch(2 * i), batch(2 * i + 1))["loss"] for i in range(steps)]


@compiled
@pytest.mark.parametrize("search", [{}, {"order": "second", "second_order": "difference"}], ids=str)
def test_steps_with_compiled_gates_have_the_losses_of_the_plain_form(search: dict[str, Any]) -> None:
    native = trace("pc_darts", True, 10, native=True, **search)
    assert native == pytest.approx(trace("pc_darts", False, 10, **search), rel=1e-6)


def test_fifty_steps_have_the_losses_of_the_plain_form() -> None:
    assert trace("pc_darts", True, 50) == pytest.approx(trace("pc_darts", False, 50), rel=1e-6)


@pytest.mark.parametrize(
    ("strategy", "search"),
    [
        ("darts", {}),
        ("gdas", {}),
        ("single_path", {}),
        ("pc_darts", {"order": "second"}),
        ("pc_darts", {"order": "second", "second_order": "difference"}),
        ("pc_darts", {"partial_channels": 2, "edge_weights": False}),
    ],
    ids=str,
)
def test_every_kind_of_step_has_the_losses_of_the_plain_form(strategy: str, search: dict[str, Any]) -> None:
    assert trace(strategy, True, 3, **search) == pytest.approx(trace(strategy, False, 3, **search), rel=1e-6)


class NoWaiting(TorchDispatchMode):
    """Refuses to give values of tensors to Python, which on a GPU waits for all that was launched."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func)
        if "_local_scalar_dense" in name or "is_nonzero" in name or "nonzero.default" in name:
            raise AssertionError(f"{name} waits for the device")
        return func(*args, **(kwargs or {}))


def test_no_pass_of_a_search_step_waits_for_the_device() -> None:
    net, (train, search) = supernet(torch.float32), (batch(0, torch.float32), batch(1, torch.float32))
    net(train[0])  # plans are made once
    with NoWaiting():
        first_order(net, loss, search)
        second_order_exact(net, loss, train, search, 1e-3)
        second_order_difference(net, loss, train, search, 1e-3)


@pytest.mark.gpu
def test_passes_can_be_captured_as_a_cuda_graph() -> None:
    net = supernet(torch.float32).cuda()
    image, target = (t.cuda() for t in batch(0, torch.float32))
    weights = net.weight_parameters()

    def slopes() -> list[Tensor]:
        return list(torch.autograd.grad((net(image) - target).abs().mean(), weights))

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        expected = [s.clone() for s in slopes()]
        slopes()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = slopes()
    graph.replay()
    torch.cuda.synchronize()
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-4)


def test_a_run_that_does_not_say_its_form_was_begun_in_the_plain_one_and_goes_on_in_it(tmp_path: Path) -> None:
    settings = build(SearchSettings, strategy="pc_darts")
    tree = yaml.safe_load(to_yaml(settings))
    assert tree["search"]["fused"] is True
    del tree["search"]["fused"], tree["search"]["native"]
    (tmp_path / "config.yaml").write_text("kind: search\n" + yaml.safe_dump(tree), encoding="utf-8")
    run = Run.open(tmp_path).expect(SearchSettings)
    made = STRATEGIES.get("pc_darts")(run.search, run.train)
    assert (made.supernet_options()["fused"], run.search.own(made.Settings).native) == (False, False)
    assert parse_stored(SearchSettings, yaml.safe_load(to_yaml(settings))) == settings
    # of a search without a supernet nothing is said
    random = yaml.safe_load(to_yaml(build(SearchSettings, strategy="random")))
    assert "fused" not in parse_stored(SearchSettings, random).search.model_dump()
