"""The base of every group of settings."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator

#: no whole number of a setting is larger, so that all are numbers of every library below
LARGEST = 2**63 - 1


class Section(BaseModel):
    """A typed group of settings; unknown keys are refused.

    Attributes:
        changeable: Names of its settings and groups that may be changed when a run is resumed: how long, how fast and
            where. All others decide what is trained and stay.
    """

    model_config = ConfigDict(extra="forbid")
    changeable: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*")
    @classmethod
    def _of_a_size(cls, value: Any) -> Any:
        """Whole numbers that no library below could hold."""
        if type(value) is int and abs(value) > LARGEST:
            raise ValueError(f"a number of {len(str(abs(value)))} digits; the largest is {LARGEST}")
        return value
