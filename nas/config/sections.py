"""The base of every group of settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A typed group of settings; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
