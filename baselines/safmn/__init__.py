"""SAFMN: spatially adaptive feature modulation, 36 channels and 8 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "Sun, Dong, Tang, Pan: Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution, ICCV 2023"

BASELINE = residual_baseline("safmn", "SAFMN (spatially adaptive feature modulation)", Path(__file__).parent, PAPER)
