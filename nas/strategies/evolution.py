"""Evolution of genotypes: crossover and mutation of the fittest (NSGA-II; NSGA-III beyond three objectives).

A generation has ``search.population`` trials. Two parents, each the better of two drawn from the elite, exchange
decisions with probability 0.9 and each decision is redrawn with probability one in their number. Sources in
``nas.strategies.nsga``.
"""

from __future__ import annotations

from nas.strategies.optuna_strategy import OptunaStrategy


class Evolution(OptunaStrategy):
    """NSGA over whole genotypes."""

    name = "evolution"

    def advice(self) -> str | None:
        if self.settings.trials > self.settings.population:
            return None
        return (
            f"{self.settings.trials} trials never leave the first generation of {self.settings.population}, which is "
            "random; raise search.trials or lower search.population"
        )


STRATEGY = Evolution
