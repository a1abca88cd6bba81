"""RLFN: residual local features, 52 channels and 6 cells."""

from __future__ import annotations

from pathlib import Path

from baselines.residual import residual_baseline

PAPER = "Kong et al.: Residual Local Feature Network for Efficient Super-Resolution, CVPR Workshops 2022"

BASELINE = residual_baseline("rlfn", "RLFN (residual local features)", Path(__file__).parent, PAPER)
