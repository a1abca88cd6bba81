"""Fixtures that several tests of strategies share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nas.strategies import workplace
from tests.strategies.campaign_examples import stage

__all__ = ["plugin_estimator", "stage"]


@pytest.fixture
def plugin_estimator() -> Iterator[None]:
    """The plugin of ``study_examples`` may put its estimator in place of all others; afterwards they are back."""
    genuine = workplace.make_estimator
    yield
    workplace.make_estimator = genuine
