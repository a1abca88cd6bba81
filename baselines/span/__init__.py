"""SPAN: attention without parameters, 48 channels and 6 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "Wan et al.: Swift Parameter-free Attention Network for Efficient Super-Resolution, CVPR Workshops 2024"

BASELINE = residual_baseline("span", "SPAN (parameter-free attention)", Path(__file__).parent, PAPER)
