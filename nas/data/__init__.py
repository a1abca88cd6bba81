"""Data sets: layouts, pairs of degraded and clean images, training patches, caches and prepared sets.

Read first: ``nas/data/pairs.py``, then ``nas/data/patches.py``. Nothing in here imports torch before a batch is asked
for.
"""

from nas.data.layouts import benchmark_set, find_layout, find_pairs, known_sets
from nas.data.loader import iterate_batches
from nas.data.pairs import Pair, Sample, is_synthetic, load_clean, load_pair, load_pairs
from nas.data.patches import PatchSource
from nas.data.sample_set import sample_pairs
from nas.data.split import SEARCH_PARTS, split_pairs

__all__ = [
    "SEARCH_PARTS",
    "Pair",
    "PatchSource",
    "Sample",
    "benchmark_set",
    "find_layout",
    "find_pairs",
    "is_synthetic",
    "iterate_batches",
    "known_sets",
    "load_clean",
    "load_pair",
    "load_pairs",
    "sample_pairs",
    "split_pairs",
]
