"""The base of every group of settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A typed group of settings; unknown keys are refused.

    Attributes:
        changeable: Names of its settings and groups that may be changed when a run is resumed: how long, how fast and
            where. All others decide what is trained and stay.
    """

    model_config = ConfigDict(extra="forbid")
    changeable: ClassVar[frozenset[str]] = frozenset()
