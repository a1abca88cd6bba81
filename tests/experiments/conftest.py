"""Fixtures that several tests of strategies share."""

from tests.experiments.campaign_examples import stage

__all__ = ["stage"]
