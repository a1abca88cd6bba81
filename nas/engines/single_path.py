"""A supernet whose genotype is chosen by comparison at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nas.engines.gradient import SupernetLearner
from nas.errors import NasError
from nas.objectives.optimum import random_within
from nas.space import Genotype
from nas.supernet.single_path import draw_path, settle

#: how many genotypes a validation in the middle of the training compares
GLIMPSE = 4


class SinglePathLearner(SupernetLearner):
    """Trains on the weight images alone; validation compares random genotypes, the last one ``search.samples``.

    The best is written into the architecture variables (as ones and zeros), so that the weights file holds it.
    """

    #: genotypes compared so far at one time
    _compared: int = 0

    def begin(self, step: int) -> None:
        super().begin(step)
        self.strategy.draw = self._draw

    def step(self, step: int) -> dict[str, float]:
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
        """The best of ``search.samples`` random genotypes (within the limits) on the validation images."""
        if self._compared < self.settings.search.samples:
            self._compare(self.settings.search.samples)
        return self.supernet.genotype()

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())  # nothing of the architecture moves

    def validate(self, step: int) -> dict[str, float]:
        """psnr: of the best genotype compared, by inherited weights; mean_psnr: of all that were compared."""
        samples = self.settings.search.samples
        return self._compare(samples if step >= self.settings.train.steps else min(GLIMPSE, samples))

    def _compare(self, count: int) -> dict[str, float]:
        drawn = {g.hash: g for g in (self._draw(self.settings.seed * 1_000_003 + i) for i in range(count))}
        values: dict[str, float] = {}
        for key, genotype in drawn.items():
            if len(drawn) == 1 and self.settings.search.samples == 1:  # nothing to compare, so nothing to measure
                best = key
                break
            with self.supernet.only(genotype):
                scores = self._validate(self.supernet)
            if not scores:
                raise NasError(
                    "single_path compares genotypes on validation images, of which there are none; set data.validation "
                    "above 0, or search.samples=1 for a supernet to inherit from"
                )
            values[key] = scores["psnr"]
        else:
            best = max(values, key=lambda key: values[key])
        settle(self.supernet, drawn[best])
        self._compared = count
        self.supernet.train()
        return {"psnr": values[best], "mean_psnr": sum(values.values()) / len(values)} if values else {}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "compared": self._compared}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._compared = int(state["compared"])
