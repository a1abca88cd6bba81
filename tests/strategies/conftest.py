"""Fixtures that several tests of strategies share."""

from campaign_examples import stage

__all__ = ["stage"]
