"""Fixtures that several tests of experiments share."""

from tests.experiments.experiment_examples import stage

__all__ = ["stage"]
