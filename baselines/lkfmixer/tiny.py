"""LKFMixer-T: LKFMixer with 40 channels and 6 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.lkfmixer import PAPER
from baselines.residual import residual_baseline

BASELINE = residual_baseline(
    "lkfmixer_t", "LKFMixer-T (LKFMixer, 40 channels, 6 cells)", Path(__file__).parent, PAPER, create="create_tiny"
)
