"""What a command would do, for ``--dry-run``."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from nas.config.runs import Settings
from nas.tasks import Task


class Plan(NamedTuple):
    """A training or a search that is ready to begin or to go on.

    Attributes:
        model: The network or supernet that would be trained.
        task: Its task.
        settings: The whole configuration.
        images: Number of images of each part of the data.
        notes: Sentences for the user: where a run stands and what would change.
    """

    model: nn.Module
    task: Task
    settings: Settings
    images: dict[str, int]
    notes: tuple[str, ...] = ()
