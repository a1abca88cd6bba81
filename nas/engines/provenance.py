"""Where a genotype comes from, written into it."""

from __future__ import annotations

import torch

from nas.config.runs import SearchSettings
from nas.space import Genotype
from nas.versions import package_version


def with_provenance(genotype: Genotype, settings: SearchSettings, run: str) -> Genotype:
    """The same genotype (and hash) with run, seed, strategy, task and versions noted."""
    return genotype.with_provenance(
        run=run,
        seed=settings.seed,
        strategy=settings.strategy,
        task=settings.task,
        steps=settings.train.steps,
        jsnas=package_version(),
        torch=str(torch.__version__),
    )
