"""Shared fixtures: where the reference data is, and a seeded torch."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.golden_tools import shared_folder

#: How long an example takes, or the making of one, is no property of the code.
settings.register_profile("nas", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("nas")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared reference data; the test skips with a reason where it is absent."""
    folder = shared_folder()
    if folder is None:
        pytest.skip("the shared reference data is absent (set NAS_SHARED to its folder)")
    return folder


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)  # threads that wait for a core which others hold burn many times the work itself


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What leaves the device open runs on the CPU, whatever the machine has."""
    monkeypatch.setattr("nas.machine.PREFERRED", ("cpu",))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU tests skip with a reason where no CUDA device is present."""
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
