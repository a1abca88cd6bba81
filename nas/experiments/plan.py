"""The plan of an experiment before it runs, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.config.reading import parse_stored
from nas.config.runs import SearchSettings
from nas.errors import NasError, UsageError
from nas.experiments.frames import experiment_frame, noise_frame
from nas.experiments.runs import EXPERIMENT_FILE, PlannedRun
from nas.experiments.variants import Variant
from nas.tasks import get_task
from nas.train.training_data import open_training_data

if TYPE_CHECKING:
    import pandas as pd

#: seeds of random genotypes start here, far from those of the searches
FIRST_DRAW = 10_000
#: most seeds or genotypes of an experiment
MOST_RUNS = 10_000


@dataclass(frozen=True)
class ExperimentResult:
    """A finished experiment.

    Attributes:
        text: Its table and conclusions as Markdown.
        table: File that holds the text.
        folder: Folder of the experiment.
        statistics: All figures as plain values, the content of ``statistics.json``.
    """

    text: str
    table: Path
    folder: Path
    statistics: dict[str, Any]

    def frame(self) -> pd.DataFrame:
        """The figures of ``table.csv`` as a data frame: one row per variant, or per training of ``nas noise``."""
        return (noise_frame if self.statistics["kind"] == "noise" else experiment_frame)(self.statistics)


@dataclass(frozen=True)
class ExperimentPlan:
    """An experiment before it runs.

    Attributes:
        kind: "campaign" (seeds of one strategy), "ablation" or "contest" (several strategies).
        title: Its kind for people.
        base: Settings that all variants share, among them the recipe by which genotypes are trained.
        variants: The searches to compare, each with its budget.
        seeds: Seeds of the searches and trainings of every variant.
        reference: Name of the variant that the others are compared with, if any.
        seconds: CPU seconds of one search, if known.
        notes: Sentences for the table.
    """

    kind: str
    title: str
    base: SearchSettings
    variants: list[Variant]
    seeds: list[int]
    reference: str | None
    seconds: float | None = None
    notes: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Plain values for ``campaign.yaml``."""
        return {
            "kind": self.kind,
            "title": self.title,
            "seeds": self.seeds,
            "reference": self.reference,
            "seconds": self.seconds,
            "notes": list(self.notes),
            "base": self.base.model_dump(mode="json"),
            "arms": [variant.to_document() for variant in self.variants],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> ExperimentPlan:
        """Read a plan from plain values.

        Args:
            document: What ``to_document`` returned.

        Returns:
            The plan.

        Raises:
            NasError: The document is damaged.
        """
        try:
            return cls(
                document["kind"],
                document["title"],
                parse_stored(SearchSettings, document["base"]),
                [Variant.from_document(variant) for variant in document["arms"]],
                [int(seed) for seed in document["seeds"]],
                document["reference"],
                document["seconds"],
                tuple(document["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NasError(f"{EXPERIMENT_FILE} is not as it was written ({error!r}); restore it") from error


@dataclass(frozen=True)
class SearchAndTraining:
    """A search and the training of the genotype it finds.

    Attributes:
        variant: Name of the variant; "" for a random genotype of the rank correlation.
        seed: Seed of both runs.
        search: The search.
        training: The training.
    """

    variant: str
    seed: int
    search: PlannedRun
    training: PlannedRun


def is_experiment(folder: str | Path) -> bool:
    """Whether ``folder`` holds an experiment rather than a single run."""
    return (Path(folder) / EXPERIMENT_FILE).is_file()


def count_validation_images(plan: ExperimentPlan) -> int:
    """Number of held-out images on which the variants are compared."""
    data = open_training_data(plan.base, get_task(plan.base.task), {"weights": 1.0})
    return len(data.parts["validation"])


def check_count(flag: str, count: int) -> None:
    """Refuse a number of runs that no experiment has, before a list of so many is made.

    Args:
        flag: Where it was given, for the message.
        count: The number.

    Raises:
        UsageError: It is larger than MOST_RUNS.
    """
    if count > MOST_RUNS:
        raise UsageError(f"{flag}: an experiment may have {MOST_RUNS:,} at most; lower it")


def default_experiment_name(settings: SearchSettings, kind: str) -> str:
    """Name of the folder of an experiment when none is given."""
    return f"{kind}-{Path(settings.space).stem}-{settings.task}-{settings.strategy}"
