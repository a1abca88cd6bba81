"""The fused form of a supernet's mixed edges: the same values and gradients by fewer and wider operations.

Read first: ``nas/supernet/fused/edges.py``.
"""

from nas.supernet.fused.edges import Edge, FusedEdges, Leaving

__all__ = ["Edge", "FusedEdges", "Leaving"]
