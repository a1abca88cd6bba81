"""What a genotype is worth, by one of several prices: a short training, inherited weights, or no training at all."""

from __future__ import annotations

from nas.config.runs import SearchSettings
from nas.estimators.base import Estimator, Report
from nas.space import Space
from nas.tasks import Task
from nas.train.training_data import TrainingData

__all__ = ["Estimator", "Report", "make_estimator"]


def make_estimator(settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> Estimator:
    """The estimator that ``search.estimator`` names; call its ``prepare`` before the first trial.

    Raises UsageError for settings that cannot work together.
    """
    # each imports what it needs only when it is wanted
    if settings.search.estimator == "train":
        from nas.estimators.short_training import TrainEstimator

        return TrainEstimator(settings, space, task, data)
    if settings.search.estimator == "supernet":
        from nas.estimators.inherited_weights import SupernetEstimator

        return SupernetEstimator(settings, space, task, data)
    from nas.estimators.zero_cost import ZeroCostEstimator

    return ZeroCostEstimator(settings, space, task, data)
