"""Supernets: every candidate of every edge at once, mixed by architecture variables.

Read first: ``nas/supernet/supernet.py``.
"""

from nas.supernet.mixed import MixedAttention, MixedOperation
from nas.supernet.relaxations import Choices, Mixture
from nas.supernet.supernet import Supernet

__all__ = ["Choices", "MixedAttention", "MixedOperation", "Mixture", "Supernet"]
