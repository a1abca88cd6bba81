"""LKMN-T: large kernel modulation, 36 channels and 8 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "Large Kernel Modulation Network for Efficient Image Super-Resolution, 2025"

BASELINE = residual_baseline("lkmn_t", "LKMN-T (large kernel modulation)", Path(__file__).parent, PAPER)
