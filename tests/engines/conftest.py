"""Fixtures that several tests of engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nas.registry import ESTIMATORS


@pytest.fixture
def plugin_estimator() -> Iterator[None]:
    """Lets the plug-in of ``study_examples`` register its estimator, which is removed afterwards."""
    yield
    ESTIMATORS.remove("by_hash")
