"""Devices by name, threads by cores, and an environment in which waiting threads sleep."""

from __future__ import annotations

import os

import pytest
import torch

from nas.errors import UsageError
from nas.machine import (
    PASSIVE,
    PREFERRED,
    check_device,
    child_environment,
    cores,
    devices,
    starting_processes,
    usual_threads,
)

#: what people have typed for a device; none of them is on a machine without accelerators
ELSEWHERE = ["cuda", "cuda:0", "cuda:7", "mps"]
NOWHERE = [
    "",
    " ",
    "meta",
    "cuda:-1",
    "gpu",
    "tpu",
    "xpu",
    "hpu",
    "CPU",
    "cpu:1",
    "cuda:",
    "cuda:x",
    "mps:1",
    "0",
    "cpu,",
    "vulkan",
]


@pytest.fixture(autouse=True)
def _only_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("name", [*ELSEWHERE, *NOWHERE], ids="device={}".format)
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_device(name)
    assert f"device {name!r}" in str(refused.value) and str(refused.value).endswith("devices here: cpu (or auto)")


@pytest.mark.parametrize(
    ("cuda", "mps", "here", "best"),
    [
        (0, False, ["cpu"], "cpu"),
        (0, True, ["cpu", "mps"], "mps"),
        (2, False, ["cpu", "cuda", "cuda:0", "cuda:1"], "cuda"),
        (1, True, ["cpu", "cuda", "cuda:0", "mps"], "cuda"),
    ],
)
def test_auto_is_the_first_of_cuda_mps_and_cpu_that_is_here(
    cuda: int, mps: bool, here: list[str], best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr("nas.machine.PREFERRED", PREFERRED)  # which the suite holds on the CPU
    assert devices() == here and check_device("auto") == best
    assert [check_device(name) for name in here] == here
    with pytest.raises(UsageError, match=f"cuda:{cuda}"):
        check_device(f"cuda:{cuda}")


@pytest.mark.parametrize(
    ("wanted", "available", "environment", "threads"),
    [
        (0, 1, {}, 1),
        (0, 2, {}, 1),
        (0, 4, {}, 1),
        (0, 5, {}, 0),
        (0, 64, {}, 0),
        (3, 2, {}, 3),
        (0, 2, {"OMP_NUM_THREADS": "2"}, 0),
        (8, 2, {"OMP_NUM_THREADS": "2"}, 8),
    ],
)
def test_a_search_takes_one_thread_on_few_cores_unless_told_otherwise(
    wanted: int, available: int, environment: dict[str, str], threads: int
) -> None:
    assert usual_threads(wanted, available, environment) == threads


def test_a_process_has_at_least_one_core() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_processes_that_are_started_wait_asleep_and_what_the_user_has_set_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, value = PASSIVE
    monkeypatch.delenv(name, raising=False)
    assert child_environment(A="b") == {**os.environ, name: value, "A": "b"}
    with starting_processes():
        assert os.environ[name] == value
    assert name not in os.environ
    monkeypatch.setenv(name, "ACTIVE")
    assert child_environment()[name] == "ACTIVE"
    with starting_processes():
        assert os.environ[name] == "ACTIVE"
    assert os.environ[name] == "ACTIVE"
