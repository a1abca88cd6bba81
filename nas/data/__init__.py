"""Data sets: layouts, pairs of degraded and clean images, training patches, caches and prepared sets.

Read first: ``nas/data/pairs.py``, then ``nas/data/layouts.py`` (the words of folder names: ``nas/data/vocabulary.py``)
and ``nas/data/patches.py``. Nothing in here imports torch before a batch is asked for.
"""

from nas.data.layouts import find_layout, find_pairs
from nas.data.loader import iterate_batches
from nas.data.named_sets import benchmark_set, known_sets
from nas.data.pairs import Pair, Sample, is_synthetic, load_clean, load_pair, load_pairs
from nas.data.patches import PatchSource
from nas.data.sample_set import sample_pairs
from nas.data.source import Source
from nas.data.split import SEARCH_PARTS, split_pairs
from nas.data.verdict import Verdict, judge

__all__ = [
    "SEARCH_PARTS",
    "Pair",
    "PatchSource",
    "Sample",
    "Source",
    "Verdict",
    "benchmark_set",
    "find_layout",
    "find_pairs",
    "is_synthetic",
    "iterate_batches",
    "judge",
    "known_sets",
    "load_clean",
    "load_pair",
    "load_pairs",
    "sample_pairs",
    "split_pairs",
]
