"""What a space of the skeleton ``residual`` says under ``network``; its blocks stand in a cell of slots. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from search_spaces.modern.settings import EndSettings, Whole

Depth = Annotated[Whole, Field(ge=1, le=1000)]


class StagedSettings(EndSettings):
    """A network of stages, whose blocks are decided by the cells of the space.

    Attributes:
        width: Channels between the cells.
        depths: Cells of each stage.
    """

    width: Whole = Field(ge=1, le=4096, description="channels between the cells")
    depths: tuple[Depth, ...] = Field(min_length=1, max_length=64, description="cells of each stage")

    @property
    def positions(self) -> Mapping[str, int]:
        """One cell for all, one a stage, or every cell for itself."""
        return {"all": 1, "stage": len(self.depths), "cell": sum(self.depths)}

    def channels(self, role: str) -> int:
        """Every block is given the width."""
        return self.width

    def canonical(self) -> StagedSettings:
        """A tail without a fourth input has no ``concat_last``."""
        return self if self.tail == "concat4" else self.model_copy(update={"concat_last": "cell"})
