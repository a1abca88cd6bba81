"""What the training loop trains in a search by gradients: a supernet under a differentiable strategy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from nas.config.runs import SearchSettings
from nas.engines.architecture_check import is_decided
from nas.engines.setup import constraint_costs
from nas.objectives.optimum import best_within
from nas.space import Genotype
from nas.space.genotype import skip_share
from nas.strategies.architecture_loss import ArchitectureLoss
from nas.strategies.base import DifferentiableStrategy
from nas.supernet import Supernet
from nas.supernet.expected_cost import mean_entropy
from nas.train.distributed import average, running_statistics
from nas.train.losses import LossSum
from nas.train.network_learner import place
from nas.train.precision import autocast
from nas.train.teacher import teacher_of
from nas.train.training_data import TrainingData


class SupernetLearner:
    """Gives a strategy batches of two disjoint streams, and warns when skip connections take over the architecture.

    Attributes:
        supernet: The supernet, on the device of the settings.
        warmup_steps: Steps before the first architecture step.
        costs: Costs of genotypes, which the limits are about; None without limits.
        stopped: Why the search ended before its last step, or "".
    """

    def __init__(
        self, supernet: Supernet, strategy: DifferentiableStrategy, settings: SearchSettings, data: TrainingData
    ) -> None:
        train, device = settings.train, settings.device
        self.space, self.strategy, self.settings = supernet.space, strategy, settings
        self._memory = torch.channels_last if train.channels_last else torch.contiguous_format
        self.supernet = place(supernet, device, self._memory)
        self._weight_batches, self._architecture_batches = data.batches("weights"), data.batches("architecture")
        self._validate = data.validate
        self.warmup_steps = round(strategy.settings.warmup * train.steps)
        self._warned = False
        self.stopped = ""
        self.costs = constraint_costs(self.space, settings)
        strategy.architecture_loss = ArchitectureLoss(strategy.settings, self.costs, settings.limits)
        distance, teacher = LossSum(train.loss), teacher_of(settings, data.task)

        def loss(forward: Callable[[Tensor], Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
            with autocast(device, train):
                output = forward(batch[0])
            restored = output.float()
            value = distance(restored, batch[1])
            return value if teacher is None else value + teacher.distance(restored, batch[0])

        strategy.prepare(self.supernet, loss)

    def begin(self, step: int) -> None:
        """Open the streams of batches at the given step."""
        self._weight_stream = self._weight_batches(step)
        self._architecture_stream = self._architecture_batches(max(step, self.warmup_steps))
        self.supernet.train()

    def step(self, step: int) -> dict[str, float]:
        """One step of the strategy; during the warm-up it trains weights only."""
        search = self._to_device(next(self._architecture_stream)) if step >= self.warmup_steps else None
        values = self.strategy.step(self.supernet, self._to_device(next(self._weight_stream)), search)
        average(running_statistics(self.supernet))  # over the ranks, for blocks with batch normalisation
        return values

    def images(self, step: int) -> list[str]:
        """Names of the images in the batches of ``step``."""
        streams = [self._weight_batches, *([self._architecture_batches] if step >= self.warmup_steps else [])]
        return [name for stream in streams for name in stream.images(step)]

    def _to_device(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        device = self.settings.device
        return batch[0].to(device, memory_format=self._memory), batch[1].to(device)

    def genotype(self) -> Genotype:
        """The most probable genotype within the limits, by the current architecture variables."""
        if self.costs is not None:
            return best_within(self.supernet, self.costs, self.settings.limits)
        return self.supernet.genotype()

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """The event ``architecture``, and a warning when the search begins to collapse."""
        genotype = self.genotype()
        probabilities = self.supernet.edge_probabilities()
        counts = Counter(choice.block for choices in genotype.cells.values() for choice in choices)
        share = skip_share(genotype)
        entropy = {cell: mean_entropy(p) for cell, p in probabilities.items()}
        yield (
            "architecture",
            {
                "entropy": entropy,
                "mean_entropy": sum(map(sum, entropy.values())) / max(sum(map(len, entropy.values())), 1),
                "counts": dict(sorted(counts.items())),
                "skip_share": share,
                "genotype": genotype.hash,
                "probabilities": {
                    cell: [[round(v, 6) for v in row] for row in p.tolist()] for cell, p in probabilities.items()
                },
            },
        )
        collapsing = share >= self.strategy.settings.collapse_share and is_decided(
            self.supernet, step - self.warmup_steps, self.strategy.settings.optimizer.lr
        )
        if collapsing and not self._warned:
            yield (
                "warning",
                {
                    "message": f"the search is collapsing: {share:.0%} of the chosen blocks are skip connections; "
                    "train weights longer before the architecture (search.warmup) or lower search.optimizer.lr"
                },
            )
            if self.strategy.settings.stop_on_collapse:
                self.stopped = f"{share:.0%} of the chosen blocks are skip connections (search.stop_on_collapse)"
        self._warned = collapsing

    def validate(self, step: int) -> dict[str, float]:
        """PSNR of the mixed supernet, and of the same weights with every edge reduced to its chosen block.

        Returns:
            ``psnr`` and ``derived_psnr``, and their difference ``gap``, which is what discretisation would cost now,
            all in dB; {} without validation images.
        """
        scores = self._validate(self.supernet)
        if scores:
            with self.supernet.only(self.genotype()):
                scores["derived_psnr"] = self._validate(self.supernet)["psnr"]
            scores["gap"] = scores["psnr"] - scores["derived_psnr"]
        self.supernet.train()
        return scores

    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors from which ``load_state_dict`` continues."""
        return {
            "supernet": self.supernet.state_dict(),
            "strategy": self.strategy.state_dict(),
            "warned": self._warned,
            "stopped": self.stopped,
            "warmup_steps": self.warmup_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self.supernet.load_state_dict(state["supernet"])
        self.strategy.load_state_dict(state["strategy"])
        self._warned = state["warned"]
        self.stopped = state.get("stopped", "") if self.strategy.settings.stop_on_collapse else ""
        # a warm-up keeps its length when the search is made longer: the architecture may be past it
        self.warmup_steps = int(state.get("warmup_steps", self.warmup_steps))
