"""LKFMixer-B: large kernel feature mixing, 48 channels and 8 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "LKFMixer: Exploring Large Kernel Feature For Efficient Image Super-Resolution, 2025"

BASELINE = residual_baseline("lkfmixer_b", "LKFMixer-B (large kernel feature mixing)", Path(__file__).parent, PAPER)
