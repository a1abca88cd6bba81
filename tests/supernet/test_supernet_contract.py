"""What a strategy may rely on in every supernet, over spaces, tasks and relaxations."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from nas.errors import NasError, UsageError
from nas.space import load_space

SMALL: dict[str, Any] = {"network.cells": 1}
SPACES = ["jsm", "osm", "asm"]


def make(name: str = "jsm", task: str = "sr_x2", overrides: Any = None, **options: Any) -> Any:
    return load_space(name, overrides={**SMALL, **(overrides or {})}).supernet(task, **options)


def size(parameters: Any) -> int:
    return sum(p.numel() for p in parameters)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("task", ["sr_x2", "denoise_gray_30"])
def test_output_has_the_task_size_and_all_trainables_get_gradients(name: str, task: str) -> None:
    supernet = make(name, task)
    x = torch.rand(1, supernet.descriptor.channels, 20, 23) * 255
    y = supernet(x)
    assert y.shape == (1, x.shape[1], 20 * supernet.descriptor.scale, 23 * supernet.descriptor.scale)
    y.abs().mean().backward()
    trainable = [p for p in supernet.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trainable)
    listed = {id(p) for p in supernet.arch_parameters()} | {id(p) for p in supernet.weight_parameters()}
    assert listed == {id(p) for p in trainable}


@pytest.mark.parametrize(("layers", "count"), [(1, 146303), (2, 231373), (3, 316443), (4, 401513), (5, 486583)])
def test_parameter_count_is_the_documented_one(layers: int, count: int) -> None:
    supernet = make(overrides={"network.cells": layers})
    # With one cell the release has a fusion convolution that it never uses; it is not built here.
    unused = 64 * 64 + 64 if layers == 1 else 0
    assert size(supernet.parameters()) == count - unused
    assert size(supernet.arch_parameters()) == 102


def test_architecture_starts_near_zero_and_has_the_released_names() -> None:
    supernet = make()
    assert supernet.arch_parameter_names() == ["alphas_normal", "alphas_attention", "betas_normal"]
    assert [tuple(p.shape) for p in supernet.arch_parameters()] == [(6, 7), (6, 9), (6,)]
    values = torch.cat([p.detach().flatten() for p in supernet.arch_parameters()])
    assert 5e-4 < float(values.std()) < 2e-3


def test_mean_shift_is_frozen_but_saved_and_trainable_on_demand() -> None:
    frozen, trained = make(), make(train_mean_shift=True)
    assert "sub_mean.weight" in frozen.state_dict()
    assert size(trained.weight_parameters()) - size(frozen.weight_parameters()) == 24


def test_no_edge_weights_means_no_betas_and_a_plain_sum() -> None:
    with_betas, plain = make(), make(edge_weights=False)
    assert not any("betas" in name for name in plain.state_dict())
    assert plain.beta_probabilities() == {}
    weights = with_betas.beta_probabilities()["operation"]
    torch.testing.assert_close(weights[1:3].sum(), torch.tensor(1.0))
    plain.load_state_dict(with_betas.state_dict(), strict=False)
    x = torch.rand(1, 3, 16, 16) * 255
    assert not torch.allclose(plain(x), with_betas(x))


def test_full_width_relaxation_builds_candidates_at_full_width() -> None:
    edge = make(partial_channels=1).cells[0].ops[0]
    assert edge.taken == 16
    assert make().cells[0].ops[0].taken == 4


def test_derived_fusion_replaces_the_progressive_one() -> None:
    supernet = make(derived_fusion=True, overrides={"network.cells": 2})
    names = set(supernet.state_dict())
    assert "fusion.weight" in names and not any(n.startswith(("pffm", "res_reduction")) for n in names)
    assert supernet(torch.rand(1, 3, 16, 16)).shape == (1, 3, 32, 32)


def test_softmaxes_are_computed_once_per_forward_pass() -> None:
    supernet, calls = make(overrides={"network.cells": 3}), []
    plain = supernet.relax
    supernet.relax = lambda cell, alphas: calls.append(1) or plain(cell, alphas)
    supernet(torch.rand(1, 3, 16, 16))
    assert len(calls) == 2  # one for each cell kind, not for each of the three cells


def test_genotype_takes_the_best_selectable_candidate_of_each_edge() -> None:
    supernet = make()
    with torch.no_grad():
        supernet.alphas_normal[:, 0] = 5.0  # none leads everywhere, and is never taken
        supernet.alphas_normal[torch.arange(6), torch.tensor([1, 2, 3, 4, 5, 6])] = 3.0
        supernet.alphas_attention[:, 7] = 2.0
        supernet.betas_normal.copy_(torch.randn(6))
    lists = supernet.genotype().to_lists()
    order = ["skip_connect", "sep_conv_3x3", "dil_conv_3x3", "rb", "lrb", "srb"]
    assert [name for name, _ in lists.normal] == order
    assert {name for name, _ in lists.attention} == {"esab"}


def test_edge_probabilities_are_rows_that_sum_to_one() -> None:
    for table in make().edge_probabilities().values():
        torch.testing.assert_close(table.sum(dim=1), torch.ones(len(table)))
        assert not table.requires_grad


def test_edges_may_have_candidate_lists_of_their_own() -> None:
    overrides = {"cells.operation.edges": {"0->1": ["srb", "rb"]}}
    supernet = make(overrides=overrides)
    table = supernet.edge_probabilities()["operation"]
    assert table.shape == (6, 7)
    torch.testing.assert_close(table[0, :2].sum(), torch.tensor(1.0))
    assert not bool(table[0, 2:].any())
    supernet(torch.rand(1, 3, 16, 16)).abs().mean().backward()
    assert not bool(supernet.alphas_normal.grad[0, 2:].any())
    assert bool(torch.isfinite(supernet.alphas_normal.grad).all())
    assert supernet.genotype().cells["operation"][0].block in ("srb", "rb")


def test_nodes_may_read_chosen_inputs_only() -> None:
    supernet = make(overrides={"cells.operation.inputs": [[0], [1], [0, 2]]})
    assert supernet.alphas_normal.shape[0] == 4
    supernet(torch.rand(1, 3, 16, 16)).abs().mean().backward()
    choices = supernet.genotype().cells["operation"]
    assert [(c.source, c.target) for c in choices] == [(0, 1), (1, 2), (0, 3), (2, 3)]


def test_used_supernet_can_be_copied_and_called_functionally() -> None:
    supernet = make()
    x = torch.rand(1, 3, 16, 16) * 255
    y = supernet(x)
    assert torch.equal(copy.deepcopy(supernet)(x), y)
    moved = {name: p.detach().clone().requires_grad_() for name, p in supernet.named_parameters()}
    assert torch.equal(torch.func.functional_call(supernet, moved, (x,)), y)
    torch.func.functional_call(supernet, moved, (x,)).mean().backward()
    assert moved["alphas_normal"].grad is not None and supernet.alphas_normal.grad is None


def test_channels_last_gives_the_same() -> None:
    supernet = make()
    x = torch.rand(1, 3, 16, 18) * 255
    y = supernet(x)
    twin = copy.deepcopy(supernet).to(memory_format=torch.channels_last)
    torch.testing.assert_close(twin(x.to(memory_format=torch.channels_last)), y, atol=1e-3, rtol=1e-4)


def test_too_small_an_image_is_refused_before_any_work() -> None:
    supernet = make()
    assert supernet.descriptor.min_size == 15
    with pytest.raises(NasError, match="at least 15x15"):
        supernet(torch.rand(1, 3, 14, 30))


def test_partial_channels_on_attention_edges_are_refused() -> None:
    with pytest.raises(UsageError, match="partial_channels"):
        make(overrides={"cells.attention.relaxation.partial_channels": 2})
