"""Fixtures that several tests of engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nas.registry import ESTIMATORS


@pytest.fixture
def plugin_estimator() -> Iterator[None]:
    """The plugin of ``study_examples`` may register its estimator; afterwards it is gone."""
    yield
    ESTIMATORS.remove("by_hash")
