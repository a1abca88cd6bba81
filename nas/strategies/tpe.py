"""Tree-structured Parzen estimators over genotypes: proposes what is more probable in good trials than in bad ones.

Bergstra et al., NeurIPS 2011; multivariate, all decisions at once (Falkner et al., ICML 2018); with several
objectives trials are split by non-domination rank and hypervolume (MOTPE: Ozaki et al., GECCO 2020).
"""

from __future__ import annotations

from optuna.samplers import BaseSampler, TPESampler

from nas.config.search import SearchOptions
from nas.strategies.optuna_strategy import OptunaStrategy


class Tpe(OptunaStrategy):
    """Multivariate TPE over whole genotypes."""

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler:
        """TPE after ten random trials, or a third of the budget if that is less."""
        startup = max(2, min(10, search.trials // 3))
        return TPESampler(seed=seed, n_startup_trials=startup, multivariate=True, constant_liar=True)


STRATEGY = Tpe
