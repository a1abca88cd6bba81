"""Documents and strategies shared by the tests of the space language."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from nas.space import ATTENTIONS, OPERATIONS, Space, space_from_document

OPERATION_NAMES = ["none", "skip_connect", "sep_conv_3x3", "dil_conv_3x3", "rb", "lrb", "srb"]
ATTENTION_NAMES = [
    "none",
    "skip_connect",
    "pixel_wise_attention",
    "channel_wise_attention",
    "contrast_aware_channel_attention",
    "spatial_attention",
    "spatial_attention_v2",
    "esab",
    "cea",
]
REGISTRIES = {"operation": OPERATIONS, "attention": ATTENTIONS}


def tiny_document() -> dict[str, Any]:
    """A document with 2 * 3 * 2 operation and 3 attention choices."""
    return {
        "format": "nas.space/1",
        "name": "tiny",
        "cells": {
            "operation": {
                "role": "operation",
                "nodes": 2,
                "candidates": ["none", "skip_connect", "rb"],
                "edges": {"0->2": ["rb", "lrb", "srb"]},
                "relaxation": {"partial_channels": 4, "edge_weights": True},
            },
            "attention": {"role": "attention", "nodes": 1, "candidates": ["esab", "cea", "skip_connect"]},
        },
        "network": {"width": 16, "cells": 2},
    }


def tiny_space() -> Space:
    return space_from_document(copy.deepcopy(tiny_document()))


@st.composite
def _cells(draw: st.DrawFn, role: str) -> dict[str, Any]:
    names = OPERATION_NAMES if role == "operation" else ATTENTION_NAMES
    nodes = draw(st.integers(1, 4))
    candidates = draw(st.lists(st.sampled_from(names), min_size=1, unique=True).filter(lambda c: c != ["none"]))
    cell: dict[str, Any] = {"role": role, "nodes": nodes, "candidates": candidates}
    if role == "operation" and draw(st.booleans()):  # any wiring: all nodes leave an operation cell
        cell["inputs"] = [draw(st.lists(st.integers(0, t - 1), min_size=1, unique=True)) for t in range(1, nodes + 1)]
    if draw(st.booleans()):
        cell["merge"] = draw(st.sampled_from(["sum", "mean"]))
    if draw(st.booleans()) and "inputs" not in cell:
        other = draw(st.lists(st.sampled_from(names[1:]), min_size=1, unique=True))
        cell["edges"] = {f"0->{nodes}": other}
    cell["relaxation"] = {
        "partial_channels": draw(st.sampled_from([1, 2, 4])) if role == "operation" else 1,
        "edge_weights": draw(st.booleans()),
    }
    return cell


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Valid space documents with one or two cells."""
    roles = draw(st.sampled_from([["operation"], ["attention"], ["operation", "attention"]]))
    network: dict[str, Any] = {"width": 8 * draw(st.integers(2, 5)), "cells": draw(st.integers(1, 6))}
    if roles == ["attention"]:
        network["features"] = 8 * draw(st.integers(4, 9))
    if draw(st.booleans()):
        network["image_residual"] = draw(st.booleans())
    return {
        "format": "nas.space/1",
        "name": "drawn",
        "cells": {role: draw(_cells(role)) for role in roles},
        "network": network,
    }
