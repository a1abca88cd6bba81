"""SMFANet+: SMFANet with 48 channels and 12 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline
from baselines.smfanet import PAPER

BASELINE = residual_baseline(
    "smfanet_plus", "SMFANet+ (SMFANet, 48 channels, 12 cells)", Path(__file__).parent, PAPER, create="create_plus"
)
