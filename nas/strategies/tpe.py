"""Tree-structured Parzen estimators over genotypes: what good trials have that bad ones have not.

Bergstra et al., NeurIPS 2011; multivariate, all decisions at once (Falkner et al., ICML 2018); with several
objectives trials are split by non-domination rank and hypervolume (MOTPE: Ozaki et al., GECCO 2020).
"""

from __future__ import annotations

from nas.strategies.optuna_strategy import OptunaStrategy


class Tpe(OptunaStrategy):
    """Multivariate TPE over whole genotypes."""

    name = "tpe"


STRATEGY = Tpe
