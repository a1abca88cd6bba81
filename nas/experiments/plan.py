"""What an experiment is made of, before and after it ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.config.reading import parse
from nas.config.runs import SearchSettings
from nas.errors import NasError
from nas.experiments.runs import EXPERIMENT_FILE, PlannedRun
from nas.experiments.variants import Variant
from nas.tasks import get_task
from nas.train.training_data import open_training_data

#: seeds of random genotypes begin here, far from those of the searches
FIRST_DRAW = 10_000


@dataclass(frozen=True)
class ExperimentResult:
    """A finished campaign: what to read (Markdown), its table as a file, the folder, all figures as plain values."""

    text: str
    table: Path
    folder: Path
    statistics: dict[str, Any]


@dataclass(frozen=True)
class ExperimentPlan:
    """A campaign before it runs. ``reference``: the arm that the others are compared with, if any."""

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
        """Inverse of ``to_document``."""
        try:
            return cls(
                document["kind"],
                document["title"],
                parse(SearchSettings, document["base"]),
                [Variant.from_document(variant) for variant in document["arms"]],
                [int(seed) for seed in document["seeds"]],
                document["reference"],
                document["seconds"],
                tuple(document["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NasError(f"{EXPERIMENT_FILE} is not as it was written ({error!r}); restore it") from error


@dataclass(frozen=True)
class Trained:
    """One genotype trained: its arm ("" for a random genotype of the rank correlation), search and training."""

    variant: str
    seed: int
    found: PlannedRun
    trained: PlannedRun


def is_experiment(folder: str | Path) -> bool:
    """Whether ``folder`` holds a campaign rather than a single run."""
    return (Path(folder) / EXPERIMENT_FILE).is_file()


def images_of(plan: ExperimentPlan) -> int:
    """How many images the parts are compared on."""
    data = open_training_data(plan.base, get_task(plan.base.task), {"weights": 1.0})
    return len(data.parts["validation"])


def default_experiment_name(settings: SearchSettings, kind: str) -> str:
    """The folder's name when none is given."""
    return f"{kind}-{Path(settings.space).stem}-{settings.task}-{settings.strategy}"
