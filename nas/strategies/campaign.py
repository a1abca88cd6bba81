"""Several seeds of one search, and controls of equal cost, in one run folder."""

from __future__ import annotations

from pathlib import Path


def is_campaign(folder: str | Path) -> bool:
    """Whether ``folder`` holds a campaign rather than a single run."""
    return (Path(folder) / "campaign.yaml").is_file()
