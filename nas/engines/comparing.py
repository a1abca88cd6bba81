"""A search whose supernet has no architecture to train: at its end random genotypes are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nas.engines.supernet_learner import SupernetLearner
from nas.errors import NasError
from nas.objectives.optimum import random_within
from nas.space import Genotype
from nas.supernet.single_path import draw_path

#: how many genotypes are compared by a validation before the end
COMPARED_EARLY = 4
#: how many are compared at the end if the strategy has no setting ``samples``
DEFAULT_SAMPLES = 16


class ComparingLearner(SupernetLearner):
    """Trains on the weight images alone; every validation compares random genotypes, the last one the most.

    The best is written into the architecture variables as ones and zeros, so that the weights file holds it.
    """

    #: how many genotypes the last comparison had
    _compared: int = 0

    @property
    def samples(self) -> int:
        """How many random genotypes are compared at the end: ``samples`` of the strategy's settings."""
        return int(getattr(self.strategy.settings, "samples", DEFAULT_SAMPLES))

    def begin(self, step: int) -> None:
        """Open the streams of batches, and let the strategy draw genotypes within the limits."""
        super().begin(step)
        self.strategy.draw = self._draw

    def step(self, step: int) -> dict[str, float]:
        """One step of the weights."""
        return self.strategy.step(self.supernet, self._to_device(next(self._weight_stream)), None)

    def _draw(self, seed: int) -> Genotype:
        costs, limits = self.costs, self.settings.limits
        if costs is None:
            return draw_path(self.space, seed)
        return draw_path(
            self.space,
            seed,
            lambda genotype: costs.within(genotype, limits),
            lambda again: random_within(self.space, costs, limits, again),
        )

    def genotype(self) -> Genotype:
        """The best of ``samples`` random genotypes (within the limits) on the validation images."""
        if self._compared < self.samples:
            self._compare(self.samples)
        return self.supernet.genotype()

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """No events: the architecture is not trained."""
        return iter(())

    def validate(self, step: int) -> dict[str, float]:
        """Compare genotypes by the weights that they inherit from the supernet.

        Returns:
            ``psnr`` of the best genotype and ``mean_psnr`` of all that were compared, in dB.

        Raises:
            NasError: There are no validation images.
        """
        last = step >= self.settings.train.steps
        return self._compare(self.samples if last else min(COMPARED_EARLY, self.samples))

    def _compare(self, count: int) -> dict[str, float]:
        drawn = {g.hash: g for g in (self._draw(self.settings.seed * 1_000_003 + i) for i in range(count))}
        values: dict[str, float] = {}
        for key, genotype in drawn.items():
            if len(drawn) == 1 and self.samples == 1:  # with nothing to compare there is nothing to measure
                best = key
                break
            with self.supernet.only(genotype):
                scores = self._validate(self.supernet)
            if not scores:
                raise NasError(
                    "genotypes are compared on validation images, of which there are none; set data.validation "
                    "above 0, or search.samples=1 for a supernet to inherit from"
                )
            values[key] = scores["psnr"]
        else:
            best = max(values, key=lambda key: values[key])
        self.supernet.settle(drawn[best])
        self._compared = count
        self.supernet.train()
        return {"psnr": values[best], "mean_psnr": sum(values.values()) / len(values)} if values else {}

    def state_dict(self) -> dict[str, Any]:
        """That of the supernet, and how many genotypes were compared."""
        return {**super().state_dict(), "compared": self._compared}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._compared = int(state["compared"])
