"""Evolution of genotypes: crossover and mutation of the fittest (NSGA-II; NSGA-III beyond three objectives).

A generation has ``search.population`` trials. Two parents, each the better of two drawn from the elite, exchange
decisions with probability 0.9 and each decision is redrawn with probability one in their number. Sources in
``nas.strategies.nsga``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from optuna.samplers import BaseSampler
from pydantic import Field

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.strategies.nsga import Nsga2, Nsga3
from nas.strategies.optuna_strategy import OptunaStrategy


class EvolutionSettings(Section):
    """Settings under ``search`` of the evolution."""

    population: int = Field(16, gt=1, description="genotypes in a generation")
    genetic: Literal["auto", "nsga2", "nsga3"] = Field("auto", description="auto: NSGA-III beyond three objectives")


class Evolution(OptunaStrategy):
    """NSGA over whole genotypes."""

    Settings: ClassVar[type[Section]] = EvolutionSettings
    settings: EvolutionSettings

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler:
        """NSGA-II or NSGA-III, whose parents follow from the study's seed and the generation."""
        own = search.own(EvolutionSettings)
        family = ("nsga3" if len(search.objectives) > 3 else "nsga2") if own.genetic == "auto" else own.genetic
        kind = Nsga3 if family == "nsga3" else Nsga2
        return kind(population_size=own.population, seed=seed, study_seed=study_seed)

    def advice(self) -> str | None:
        """A warning where the trials are too few for a second generation."""
        trials, population = self.search.trials, self.settings.population
        if trials > population:
            return None
        return (
            f"{trials} trials never leave the first generation of {population}, which is random; raise search.trials "
            "or lower search.population"
        )


STRATEGY = Evolution
