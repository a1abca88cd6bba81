"""Images: reading and writing, MATLAB-exact resizing, data set layouts, pairs and training patches.

Nothing here imports torch until a batch is asked for.
"""

from nas.data.image_io import ImageInfo, image_info, read_image, to_luma, to_uint8, write_image
from nas.data.layouts import benchmark_set, find_layout, find_pairs, known_sets
from nas.data.loader import iterate_batches
from nas.data.pairs import Pair, Sample, is_synthetic, load_clean, load_pair, load_pairs
from nas.data.patches import PatchSource
from nas.data.resize import imresize, modcrop
from nas.data.sample_set import sample_pairs
from nas.data.split import SEARCH_PARTS, split_pairs

__all__ = [
    "SEARCH_PARTS",
    "ImageInfo",
    "Pair",
    "PatchSource",
    "Sample",
    "benchmark_set",
    "find_layout",
    "find_pairs",
    "image_info",
    "imresize",
    "is_synthetic",
    "iterate_batches",
    "known_sets",
    "load_clean",
    "load_pair",
    "load_pairs",
    "modcrop",
    "read_image",
    "sample_pairs",
    "split_pairs",
    "to_luma",
    "to_uint8",
    "write_image",
]
