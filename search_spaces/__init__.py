"""Candidate blocks, the JSNet skeleton and the spaces built of them.

Read first: ``search_spaces/skeleton.py``. This file imports no torch: ``provide`` announces names, and their modules
are imported when a network is built.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nas.space.blocks import ATTENTIONS, OPERATIONS, SKELETONS

_FOLDER = Path(__file__).parent

_OPERATIONS = "sep_conv_3x3 dil_conv_3x3 rb rb_5x5 lrb srb acb"
_ATTENTIONS = (
    "pixel_wise_attention channel_wise_attention contrast_aware_channel_attention "
    "spatial_attention spatial_attention_v2 esab"
)
_COMPOSITES = "pa_sa_cascade ca_sa_cascade ca_sa_parallel sa_ca_dual pa_ca_parallel"


def provide() -> None:
    """Announce the blocks, the skeleton, the spaces and the genotypes of this package."""
    from nas.space.catalogue import GENOTYPES, SPACES
    from search_spaces.modern.catalogue import announce

    for registry, module in ((OPERATIONS, "operations"), (ATTENTIONS, "attentions")):
        registry.declare("none", f"search_spaces.{module}", zero=True)
        registry.declare("skip_connect", f"search_spaces.{module}", identity=True)
    for name in _OPERATIONS.split():
        OPERATIONS.declare(name, "search_spaces.operations")
    for name in _ATTENTIONS.split():
        ATTENTIONS.declare(name, "search_spaces.attentions")
    # its second convolution has W/8 groups and W outputs
    ATTENTIONS.declare("cea", "search_spaces.attentions", channel_multiple=8)
    for name in _COMPOSITES.split():
        ATTENTIONS.declare(name, "search_spaces.composites")
    announce()
    # attention blocks squeeze W by 8, the cross-scale fusion squeezes W/2 by 16
    SKELETONS.declare(
        "jsnet", "search_spaces.skeleton:JSNET", min_features=32, settings="nas.space.schema:NetworkSettings"
    )
    SKELETONS.declare(
        "residual", "search_spaces.modern.skeleton:RESIDUAL", settings="search_spaces.modern.staged:StagedSettings"
    )
    for file in sorted(_FOLDER.glob("*.yaml")):
        SPACES.add_lazy(file.stem, partial(Path, file))
    for file in sorted((_FOLDER / "genotypes").glob("*.json")):
        GENOTYPES.add_lazy(file.stem, partial(Path, file))
