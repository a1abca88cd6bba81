"""What an experiment is made of, before and after it ran."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.config.reading import parse
from nas.config.runs import SearchSettings
from nas.errors import NasError
from nas.experiments.runs import CAMPAIGN_FILE, Part
from nas.experiments.variants import Arm
from nas.tasks import get_task
from nas.train.training_data import open_feed

#: seeds of random genotypes begin here, far from those of the searches
FIRST_DRAW = 10_000


@dataclass(frozen=True)
class CampaignResult:
    """A finished campaign: what to read (Markdown), its table as a file, the folder, all figures as plain values."""

    text: str
    table: Path
    folder: Path
    statistics: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A campaign before it runs. ``reference``: the arm that the others are compared with, if any."""

    kind: str
    title: str
    base: SearchSettings
    arms: list[Arm]
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
            "arms": [arm.to_document() for arm in self.arms],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Plan:
        """Inverse of ``to_document``."""
        try:
            return cls(
                document["kind"],
                document["title"],
                parse(SearchSettings, document["base"]),
                [Arm.from_document(arm) for arm in document["arms"]],
                [int(seed) for seed in document["seeds"]],
                document["reference"],
                document["seconds"],
                tuple(document["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NasError(f"{CAMPAIGN_FILE} is not as it was written ({error!r}); restore it") from error


@dataclass(frozen=True)
class Trained:
    """One genotype trained: its arm ("" for a random genotype of the rank correlation), search and training."""

    arm: str
    seed: int
    found: Part
    trained: Part


def is_campaign(folder: str | Path) -> bool:
    """Whether ``folder`` holds a campaign rather than a single run."""
    return (Path(folder) / CAMPAIGN_FILE).is_file()


def images_of(plan: Plan) -> int:
    """How many images the parts are compared on."""
    feed = open_feed(plan.base, get_task(plan.base.task), {"weights": 1.0})
    return len(feed.parts["validation"])


def default_name(settings: SearchSettings, kind: str) -> str:
    """The folder's name when none is given."""
    return f"{kind}-{Path(settings.space).stem}-{settings.task}-{settings.strategy}"
