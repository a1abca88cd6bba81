"""Evolution of genotypes: crossover and mutation of the fittest (NSGA-II; NSGA-III beyond three objectives).

A generation has ``search.population`` trials. Two parents, each the better of two that are drawn from the elite,
exchange decisions with probability 0.9; then each of the n decisions is drawn anew with probability 1/n. For the
papers see ``nas.strategies.nsga``.
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
    """Settings of the strategy under ``search``.

    Attributes:
        population: Genotypes in a generation.
        genetic: The algorithm; auto is NSGA-III beyond three objectives, else NSGA-II.
    """

    population: int = Field(16, gt=1, description="genotypes in a generation")
    genetic: Literal["auto", "nsga2", "nsga3"] = Field("auto", description="auto: NSGA-III beyond three objectives")


class Evolution(OptunaStrategy):
    """NSGA-II or NSGA-III over whole genotypes."""

    Settings: ClassVar[type[Section]] = EvolutionSettings
    settings: EvolutionSettings

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler:
        """NSGA-II or NSGA-III; the parents of a generation follow from its number and the study's seed."""
        own = search.own(EvolutionSettings)
        family = ("nsga3" if len(search.objectives) > 3 else "nsga2") if own.genetic == "auto" else own.genetic
        kind = Nsga3 if family == "nsga3" else Nsga2
        return kind(population_size=own.population, seed=seed, study_seed=study_seed)

    def advice(self) -> str | None:
        """A warning if there are too few trials for a second generation."""
        trials, population = self.search.trials, self.settings.population
        if trials > population:
            return None
        return (
            f"{trials} trials never leave the first generation of {population}, which is random; raise search.trials "
            "or lower search.population"
        )


STRATEGY = Evolution
