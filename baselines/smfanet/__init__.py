"""SMFANet: self-modulation feature aggregation, 36 channels and 8 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "Zheng, Sun, Dong, Pan: SMFANet: A Lightweight Self-Modulation Feature Aggregation Network, ECCV 2024"

BASELINE = residual_baseline("smfanet", "SMFANet (self-modulation feature aggregation)", Path(__file__).parent, PAPER)
