"""One colour for each block, the same in every figure of a run, and short names for print."""

from __future__ import annotations

import colorsys
from collections.abc import Collection, Iterable

from nas.report.figures.style import OKABE_ITO, Theme

#: how long block names are written on an edge; a name that is not listed is written in full
SHORT_NAMES = {
    "skip_connect": "skip",
    "sep_conv_3x3": "sep 3×3",
    "dil_conv_3x3": "dil 3×3",
    "pixel_wise_attention": "pixel",
    "channel_wise_attention": "channel",
    "contrast_aware_channel_attention": "contrast",
    "spatial_attention": "spatial",
    "spatial_attention_v2": "spatial v2",
}
#: blocks whose colour is the same in every drawing, in the order of the palette
_KNOWN = (
    "rb",
    "lrb",
    "srb",
    "sep_conv_3x3",
    "dil_conv_3x3",
    "acb",
    "esab",
    "cea",
    "spatial_attention",
    "pixel_wise_attention",
    "channel_wise_attention",
    "contrast_aware_channel_attention",
    "spatial_attention_v2",
)
#: after the six strong colours of Okabe and Ito, others that are legible on light and dark pages
_FURTHER = ("#8e6bc9", "#b5703a", "#4f9a2f", "#1fa8b8", "#a89400", "#e0458f", "#7c8f3a", "#c94f4f", "#5a7fd6")


def block_colours(names: Iterable[str], theme: Theme, grey: Collection[str] = ("skip_connect",)) -> dict[str, str]:
    """A colour for each block, no two alike: fixed for well-known blocks, in order of name for others.

    Args:
        names: The blocks that a drawing shows, of all its cells.
        theme: Colours.
        grey: Blocks that are grey, as they compute nothing.

    Returns:
        For each name a colour as ``#rrggbb``.
    """
    wanted = sorted(set(names))
    found = {name: theme.soft for name in wanted if name in grey}
    found |= {name: _colour(_KNOWN.index(name), theme) for name in wanted if name in _KNOWN}
    taken = set(found.values())
    free = (colour for i in range(10_000) if (colour := _colour(i, theme)) not in taken)
    return found | {name: next(free) for name in wanted if name not in found}


def _colour(index: int, theme: Theme) -> str:
    """The ``index``-th colour of an endless palette."""
    strong = len(OKABE_ITO) - 2  # neither black nor yellow
    if index < strong:
        return theme.colour(index).lower()
    if index < strong + len(_FURTHER):
        return _FURTHER[index - strong]
    # hues a golden angle apart never repeat
    red, green, blue = colorsys.hls_to_rgb((index * 0.618034) % 1.0, 0.5, 0.55)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
