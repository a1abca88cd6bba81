"""Skips tests of compiled gates where they cannot be had."""

from __future__ import annotations

import pytest

from nas.supernet.fused.native.build import obstacle

REASON = obstacle()
compiled = pytest.mark.skipif(REASON is not None, reason=f"gates are not compiled here: {REASON}")
