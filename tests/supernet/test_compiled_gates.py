"""The fused form with compiled gates has the values and gradients of the plain one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.space import load_space
from nas.supernet.fused.linear import Window
from nas.supernet.fused.native.gates import MAP, VECTOR, WIDE, Gate, Term, compiled_sum, plain, to_numbers
from nas.supernet.fused.native.statistics import compiled_statistics
from nas.supernet.fused.statistics import STATISTICS, statistics
from tests.supernet.compiled import compiled
from tests.supernet.test_fused import drawn, gap, spaces, value_and_gradients, worst

pytestmark = compiled

MEMORIES = [torch.contiguous_format, torch.channels_last]


@settings(max_examples=6)
@given(spaces(), st.sampled_from(MEMORIES), st.integers(1, 3), st.integers(15, 19), st.integers(15, 19))
def test_values_and_all_gradients_are_those_of_the_plain_form(
    overrides: dict[str, Any], memory: torch.memory_format, batch: int, height: int, width: int
) -> None:
    torch.manual_seed(0)
    supernet = load_space("jsm", overrides=overrides).supernet("sr_x2", native=True)
    supernet = drawn(supernet.double()).to(memory_format=memory)
    x = torch.rand(batch, 3, height, width, dtype=torch.float64) * 255
    values, gradients = gap(supernet, x.contiguous(memory_format=memory))
    assert values < 1e-12
    assert gradients < 1e-9


def jsm(**options: Any) -> Any:
    torch.manual_seed(0)
    return drawn(load_space("jsm", overrides={"network.cells": 1}).supernet("sr_x2", **options))


def test_in_single_precision_both_forms_are_equally_far_from_the_exact_result() -> None:
    supernet = jsm(fused=False).double()
    single = copy.deepcopy(supernet).float()
    x, target = torch.rand(2, 3, 18, 16, dtype=torch.float64) * 255, torch.rand(2, 3, 36, 32, dtype=torch.float64) * 255
    exact, slopes = value_and_gradients(supernet, x, target)
    errors = {}
    for form in (False, True):
        single.fused = single.native = form
        y, found = value_and_gradients(single, x.float(), target.float())
        norms = [float((s - f.double()).norm()) for s, f in zip(slopes, found, strict=True)]
        errors[form] = float((exact - y.double()).detach().norm()), sum(n**2 for n in norms) ** 0.5
    # rounding errors of sums in another order: of the same size, within a factor that chance explains
    assert errors[True][0] < 5 * errors[False][0]
    assert errors[True][1] < 5 * errors[False][1]


def test_second_derivatives_are_those_of_the_plain_form() -> None:
    supernet = jsm().double()
    x = torch.rand(1, 3, 15, 16, dtype=torch.float64) * 255
    results = []
    for form in (False, True):
        supernet.fused = supernet.native = form
        y = supernet(x).square().mean()
        weights = supernet.weight_parameters()
        slopes = torch.autograd.grad(y, weights, create_graph=True, allow_unused=True, materialize_grads=True)
        total = sum((s * torch.cos(torch.arange(s.numel(), dtype=s.dtype)).view_as(s)).sum() for s in slopes)
        results.append(list(torch.autograd.grad(total, supernet.arch_parameters())))
    assert worst(*results) < 1e-9


def test_under_autocast_the_gates_are_those_of_torch() -> None:
    results = []
    for native in (False, True):
        with torch.autocast("cpu", torch.bfloat16):
            y = jsm(native=native)(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 255)
        results.append(y.float())
    torch.testing.assert_close(*results, atol=2.0, rtol=2e-2)


# ------------------------------------------------------------------ the operators


class Case:
    """Gates of all kinds over an image, with arguments of a seed."""

    def __init__(
        self, n: int, c: int, h: int, w: int, edges: int, *, dtype: torch.dtype = torch.float64, last: bool = True
    ) -> None:
        def draw(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

        generator = torch.Generator().manual_seed(0)
        memory = torch.channels_last if last else torch.contiguous_format
        half, wide = c // 2, edges * c
        self.tensors = [
            draw(n, edges * 3, h, w), draw(wide, 3, 1, 1), draw(wide),  # a convolution of each edge
            draw(n, edges * half, h, w), draw(wide, 1, 3, 3),  # one of many groups
            draw(n, 2, h, w), draw(wide, 2, 5, 3), draw(wide),  # one that all edges share
            draw(n, wide, h, w), draw(wide, c, 3, 3), draw(wide),  # one that torch computes, and a tensor itself
            draw(n, wide, 1, 1), draw(n, edges, h, w),
        ]  # fmt: skip
        even = Window((3, 3), (1, 1), (2, 2), (2, 2))
        shared = Window((5, 3), (1, 1), (2, 1), (1, 1))
        self.gates = [
            Gate(WIDE, (Term(0, 1, 2, Window(), edges), Term(8))),
            Gate(WIDE, (Term(3, 4, -1, even, edges * half), Term(5, 6, 7, shared, 1))),
            Gate(WIDE, (Term(8, 9, 10, Window((3, 3), (1, 1), (1, 1), (1, 1)), edges),)),
            Gate(VECTOR, (Term(11),)),
            Gate(MAP, (Term(12),)),
        ]
        self.x = draw(n, c, h, w).contiguous(memory_format=memory)
        self.weights, self.constant = draw(edges, len(self.gates)), draw(edges)
        self.grads = [draw(n, c, h, w) for _ in range(edges)]

    def results(self, form: str, wanted: slice = slice(None)) -> tuple[list[Tensor], list[Tensor]]:
        args = [a.detach().requires_grad_() for a in (self.x, self.weights, self.constant, *self.tensors)]
        x, weights, constant, *tensors = args
        if form == "plain":
            y = plain(x, weights, constant, tensors, to_numbers(self.gates))
        else:
            y = list(compiled_sum(x, weights, constant, tensors, self.gates))
        return y, list(torch.autograd.grad(y, args[wanted], self.grads))


SIZES = [(1, 2, 1, 1, 1), (1, 6, 3, 2, 2), (2, 16, 5, 9, 3), (3, 20, 7, 4, 1), (2, 34, 2, 13, 2)]


@pytest.mark.parametrize("last", [True, False], ids=["channels last", "contiguous"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_gates_of_all_kinds_and_odd_sizes(size: tuple[int, int, int, int, int], last: bool) -> None:
    case = Case(*size, last=last)
    (y, slopes), (z, others) = case.results("plain"), case.results("compiled")
    assert worst(y, z) < 1e-13
    assert worst(slopes, others) < 1e-12
    assert all(a.stride() == case.x.stride() for a in z)


def test_parts_of_larger_tensors_and_other_orders_of_memory_are_read_rightly() -> None:
    case = Case(2, 16, 5, 6, 2)
    case.x = torch.randn(2, 33, 7, 6, dtype=torch.float64)[:, 1::2, 1:6]
    case.tensors[0] = case.tensors[0].transpose(2, 3).contiguous().transpose(2, 3)
    case.grads = [torch.randn(2, 16, 1, 1, dtype=torch.float64).expand(-1, -1, 5, 6) for _ in range(2)]
    (y, slopes), (z, others) = case.results("plain"), case.results("compiled")
    assert worst(y, z) < 1e-13 and worst(slopes, others) < 1e-12


@pytest.mark.parametrize("wanted", [slice(0, 1), slice(1, 3), slice(3, 5), slice(7, 12)], ids=str)
def test_a_gradient_does_not_depend_on_which_others_are_wanted(wanted: slice) -> None:
    case = Case(2, 12, 4, 5, 2)
    assert worst(case.results("plain", wanted)[1], case.results("compiled", wanted)[1]) < 1e-12


@contextmanager
def poisoned() -> Iterator[None]:
    """Every tensor that torch makes without values holds NaN."""
    torch.use_deterministic_algorithms(True)
    try:
        assert bool(torch.empty(3).isnan().all())
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("size", [(1, 6, 3, 2, 2), (2, 20, 5, 9, 3)], ids=str)
def test_nothing_is_read_that_was_not_written(size: tuple[int, int, int, int, int]) -> None:
    case = Case(*size)
    y, slopes = case.results("compiled")
    with poisoned():
        z, others = case.results("compiled")
        known = compiled_statistics(case.x, STATISTICS)
    assert all(torch.equal(a, b) for a, b in zip([*y, *slopes], [*z, *others], strict=True))
    assert all(bool(value.isfinite().all()) for value in known.values())


def test_values_do_not_depend_on_the_number_of_threads() -> None:
    case, before, results = Case(5, 12, 6, 7, 2, dtype=torch.float32), torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            y, slopes = case.results("compiled", slice(0, 8))
            results.append([*y, *slopes, *compiled_statistics(case.x, STATISTICS).values()])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_gates_of_extreme_values_saturate_and_nan_stays_nan() -> None:
    z = torch.tensor([-1e30, -800.0, -90.0, 0.0, 90.0, 800.0, 1e30, float("nan")])
    for dtype in (torch.float32, torch.float64):
        x, weights = torch.ones(1, 8, 1, 2, dtype=dtype), torch.ones(1, 1, dtype=dtype)
        wide = z.to(dtype).view(1, 8, 1, 1).expand(1, 8, 1, 2).contiguous()
        (y,) = compiled_sum(x, weights, None, [wide], [Gate(WIDE, (Term(0),))])
        torch.testing.assert_close(y, torch.sigmoid(wide), atol=1e-37, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("names", [STATISTICS, STATISTICS[:1], STATISTICS[1:3], STATISTICS[3:]], ids=str)
@pytest.mark.parametrize("size", [(1, 1, 1, 1), (2, 8, 3, 5), (3, 19, 4, 2)], ids=str)
def test_statistics_and_their_gradient(size: tuple[int, int, int, int], names: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randint(-3, 4, size).double().requires_grad_()  # with maxima that several channels share
    results = []
    for compute in (statistics, compiled_statistics):
        found = [compute(x, names)[name] for name in names]
        slope = torch.autograd.grad(sum((f**2 + f).sum() for f in found), x)[0]
        results.append([*found, slope])
    assert worst(*results) < 1e-13


def test_operators_are_known_to_torch() -> None:
    case = Case(2, 8, 3, 4, 2)
    numbers = to_numbers(case.gates)
    args = (case.x, case.weights, case.constant, case.tensors, numbers)
    wanted = [True] * (3 + len(case.tensors))
    utilities = ("test_schema", "test_faketensor")
    torch.library.opcheck(torch.ops.jsnas.gates.default, args, test_utils=utilities)
    torch.library.opcheck(torch.ops.jsnas.gates_backward.default, (case.grads, *args, wanted), test_utils=utilities)
    torch.library.opcheck(torch.ops.jsnas.statistics.default, (case.x, [0, 1, 2, 3]), test_utils=utilities)
