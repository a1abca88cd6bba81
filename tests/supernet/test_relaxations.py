"""The algebra of the relaxations: groups, shuffle, partial channels, the plain mixture."""

from __future__ import annotations

import pytest
import torch

from nas.errors import UsageError
from nas.space import OPERATIONS
from nas.supernet import MixedOperation
from nas.supernet.relaxations import channel_shuffle, group_softmax


def test_group_softmax_sums_to_one_within_each_group_and_is_one_alone() -> None:
    values = torch.randn(6)
    weights = group_softmax(values, [1, 2, 2, 3, 3, 3])
    sums = [weights[:1].sum(), weights[1:3].sum(), weights[3:].sum()]
    torch.testing.assert_close(torch.stack(sums), torch.ones(3))
    torch.testing.assert_close(weights[3:], torch.softmax(values[3:], 0))


def test_group_of_one_gets_no_gradient() -> None:
    values = torch.randn(3, requires_grad=True)
    (group_softmax(values, [1, 2, 2]) * torch.tensor([3.0, 1.0, 2.0])).sum().backward()
    assert values.grad is not None
    assert values.grad[0] == 0 and values.grad[1] != 0


def test_shuffle_of_sixteen_channels_has_the_released_order() -> None:
    x = torch.arange(16.0).view(1, 16, 1, 1)
    order = channel_shuffle(x, 4).flatten().int().tolist()
    assert order == [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_shuffle_is_undone_by_the_complementary_shuffle_in_any_memory_format(groups: int) -> None:
    x = torch.randn(2, 16, 3, 5).to(memory_format=torch.channels_last)
    assert torch.equal(channel_shuffle(channel_shuffle(x, groups), 16 // groups), x)


def infos(*names: str) -> list:  # type: ignore[type-arg]
    return [OPERATIONS.get(name) for name in names]


def test_mixture_equals_the_sum_over_all_candidates_zero_included() -> None:
    edge = MixedOperation(infos("none", "skip_connect", "rb", "srb"), 16)
    x, weights = torch.randn(1, 16, 6, 7), torch.softmax(torch.randn(4), 0)
    expected = sum(w * op(x) for w, op in zip(weights, edge.ops, strict=True))
    torch.testing.assert_close(edge(x, weights), expected)


def test_edge_of_zero_blocks_alone_gives_zeros() -> None:
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(MixedOperation(infos("none"), 8)(x, torch.ones(1)), torch.zeros_like(x))


@pytest.mark.parametrize("k", [2, 4])
def test_partial_channels_lets_the_rest_go_round_unchanged(k: int) -> None:
    edge, x = MixedOperation(infos("rb", "lrb"), 16, k), torch.randn(1, 16, 6, 7)
    joined = channel_shuffle(edge(x, torch.tensor([0.3, 0.7])), 16 // k)  # undo the shuffle
    assert torch.equal(joined[:, 16 // k :], x[:, 16 // k :])
    assert not torch.equal(joined[:, : 16 // k], x[:, : 16 // k])


def test_indivisible_width_is_refused() -> None:
    with pytest.raises(UsageError, match="divisible by partial_channels"):
        MixedOperation(infos("rb"), 18, 4)
