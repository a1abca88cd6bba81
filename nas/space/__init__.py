"""The search-space language: documents, spaces, genotypes.

Read first: ``nas/space/space.py``; what a document may hold is said in ``nas/space/schema.py``. Nothing in here imports
torch.
"""

from nas.space.blocks import ATTENTIONS, BLOCKS, OPERATIONS, SKELETONS, BlockInfo, block
from nas.space.build import Cell, Edge, Relaxation
from nas.space.catalogue import GENOTYPES, SPACES, load_genotype, load_space, space_from_document
from nas.space.document import DocumentError
from nas.space.genotype import Choice, Genotype
from nas.space.schema import NetworkSettings
from nas.space.skeleton_settings import SkeletonSettings
from nas.space.skeletons import Skeleton, skeleton
from nas.space.space import Decision, Space
from nas.space.two_lists import TwoLists

__all__ = [
    "ATTENTIONS",
    "BLOCKS",
    "GENOTYPES",
    "OPERATIONS",
    "SKELETONS",
    "SPACES",
    "BlockInfo",
    "Cell",
    "Choice",
    "Decision",
    "DocumentError",
    "Edge",
    "Genotype",
    "NetworkSettings",
    "Relaxation",
    "Skeleton",
    "SkeletonSettings",
    "Space",
    "TwoLists",
    "block",
    "load_genotype",
    "load_space",
    "skeleton",
    "space_from_document",
]
