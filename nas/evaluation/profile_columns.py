"""The columns of a row that are the same for all sets: costs, latency and memory of the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nas.errors import NasError
from nas.evaluation.options import EvaluationOptions
from nas.evaluation.resolve import EvaluatedModel
from nas.evaluation.rows import EvaluationRow
from nas.models.calling import descriptor_of
from nas.profiling.costs import Costs, costs_for_task
from nas.profiling.latency import Latency, LatencyOptions, measure_latency
from nas.tasks import Task

#: how often an x8 self-ensemble runs the network for one image
ENSEMBLE_PASSES = 8


@dataclass(frozen=True)
class ModelProfile:
    """What one model costs.

    Attributes:
        costs: Of one image; None where they were not asked for.
        latency: Of one image; None where it was not asked for or could not be measured.
        failure: Why it could not be measured; empty where nothing failed.
        passes: How often the network runs for one image.
    """

    costs: Costs | None
    latency: Latency | None
    failure: str = ""
    passes: int = 1

    def fill_in(self, row: EvaluationRow) -> EvaluationRow:
        """The row with the columns of costs, latency and memory."""
        if self.costs is not None:
            row = replace(
                row,
                parameters=self.costs.parameters,
                multiply_adds=self.costs.multiply_adds_total * self.passes,
                activations=self.costs.activations * self.passes,
                convolutions=self.costs.convolutions,
                cost_output=self.costs.output_size,
            )
        if self.latency is not None:
            threads = self.latency.threads or 1
            row = replace(
                row,
                latency_median_ms=self.latency.median_ms,
                latency_spread_ms=self.latency.spread_ms,
                latency_size=self.latency.size,
                device=self.latency.device if threads == 1 else f"{self.latency.device}, {threads} threads",
                peak_memory_mib=self.latency.peak_memory_mib,
            )
        return row


def profile_model(model: EvaluatedModel, task: Task, options: EvaluationOptions) -> ModelProfile:
    """Count the costs of a model and measure its latency, as far as the options ask for it.

    Args:
        model: The model.
        task: Its ``cost_output`` is the size of the output.
        options: Which of the two are wanted, and the device, number type and threads for the latency.

    Returns:
        The profile. A latency that cannot be measured is a failure in it and no exception, since the scores of the
        model are worth having without it.
    """
    passes = ENSEMBLE_PASSES if options.ensemble else 1
    costs = costs_for_task(model.model, task) if options.with_costs else None
    if not options.with_latency:
        return ModelProfile(costs, None, passes=passes)
    scale = descriptor_of(model.model).scale
    height, width = (side // scale for side in task.cost_output)
    how = LatencyOptions(device=options.device, dtype=options.dtype, threads=options.threads, peak_memory=True)
    try:
        return ModelProfile(costs, measure_latency(model.model, height, width, how), passes=passes)
    except (NasError, RuntimeError, MemoryError) as error:
        return ModelProfile(costs, None, f"latency of {model.name} ({type(error).__name__}: {error})", passes)
