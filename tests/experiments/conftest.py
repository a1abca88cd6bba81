"""Fixtures that several tests of experiments share."""

from tests.experiments.campaign_examples import stage

__all__ = ["stage"]
