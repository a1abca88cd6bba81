"""RLFN-S: RLFN with 48 channels."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline
from baselines.rlfn import PAPER

BASELINE = residual_baseline(
    "rlfn_s", "RLFN-S (RLFN, 48 channels)", Path(__file__).parent, PAPER, create="create_small"
)
