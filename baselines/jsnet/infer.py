"""Reading the architecture of a JSNet out of its state dict."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from baselines.conversion import modern_weight_norm, strip_prefix
from nas.errors import NasError
from nas.models.weights import load_strict
from nas.space.blocks import BLOCKS
from search_spaces.cells import full_wiring

Shapes = dict[str, tuple[int, ...]]


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names, also with the prefix ``state.``, to the platform's: weight-norm tensors alone change theirs."""
    return modern_weight_norm(strip_prefix(state, "state."))


def transfer(model: nn.Module, state: dict[str, torch.Tensor]) -> list[str]:
    """Load weights of another scale; the names that kept their own values: the upsampler's. Else a NasError."""
    return load_strict(model, state, "the weights", ("up.",))


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted).

    A block is recognised by the names and shapes of its tensors; an edge without tensors is a skip. Skip edges at the
    end of the attention graph leave no trace: the smallest number of nodes that holds all others is taken.

    Raises:
        NasError: The tensors are not those of a derived JSNet.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    for needed in ("head.weight", "up.0.weight", "cells.0.process.weight", "cells.0.op_nodes_fusion.weight"):
        if needed not in shapes:
            raise NasError(f"these weights are not a derived JSNet (no tensor {needed!r}); check the file")
    C, features = shapes["cells.0.process.weight"][:2]
    op_nodes = shapes["cells.0.op_nodes_fusion.weight"][1] // C - 1
    at_edges = 1 + max((int(m[1]) for k in shapes if (m := re.match(r"cells\.0\.atts\.(\d+)\.", k))), default=-1)
    at_nodes = next(n for n in range(1, at_edges + 2) if n * (n + 1) // 2 >= at_edges)
    normal = _blocks(shapes, "operation", "cells.0.ops", C, op_nodes)
    attention = _blocks(shapes, "attention", "cells.0.atts", features, at_nodes)
    return {
        "genotype": {"normal": normal, "attention": attention},
        "C": C,
        "layers": 1 + max(int(key.split(".")[1]) for key in shapes if key.startswith("cells.")),
        "op_nodes": op_nodes,
        "at_nodes": at_nodes,
        "scale": _scale(shapes),
        "n_colors": shapes["head.weight"][1],
    }


def _scale(shapes: Shapes) -> int:
    if "up.6.weight" in shapes:
        return 8
    if "up.4.weight" in shapes:
        return 4
    if "up.2.weight" not in shapes:
        return 1
    c_out, c_in = shapes["up.0.weight"][:2]
    return int((c_out // c_in) ** 0.5)


def _blocks(shapes: Shapes, role: str, prefix: str, channels: int, nodes: int) -> list[tuple[str, int]]:
    known = _signatures(role, channels)
    found: list[tuple[str, int]] = []
    for e, (source, _) in enumerate(full_wiring(nodes).edges):
        stem = f"{prefix}.{e}."
        own = frozenset((key[len(stem) :], shape) for key, shape in shapes.items() if key.startswith(stem))
        if own not in known:
            raise NasError(
                f"no registered {role} block has the tensors found under {prefix}.{e}; "
                "register the block (--plugin) or give the configuration yourself"
            )
        found.append((known[own], source))
    return found


def _signatures(role: str, channels: int) -> dict[frozenset[tuple[str, tuple[int, ...]]], str]:
    """Names and shapes of a block's tensors -> its name; no tensors -> skip_connect."""
    signatures: dict[frozenset[tuple[str, tuple[int, ...]]], str] = {frozenset(): "skip_connect"}
    for name in BLOCKS[role].names():
        info = BLOCKS[role].get(name)
        if not info.zero and channels % info.channel_multiple == 0:
            state = info.build(channels).state_dict()
            signatures.setdefault(frozenset((key, tuple(t.shape)) for key, t in state.items()), name)
    return signatures
