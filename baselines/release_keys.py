"""Official tensor names of networks that the skeleton ``residual`` holds, turned into ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from baselines.conversion import strip_prefix
from search_spaces.modern.release_names import our_name

if TYPE_CHECKING:
    import torch

    State = dict[str, torch.Tensor]


class Rule(NamedTuple):
    """Where the tensors under one official prefix go.

    Attributes:
        official: The prefix; ``#`` stands for the number of a block.
        ours: The prefix here; ``#`` stands for the number of the cell, counted from 0.
        block: The block whose own names follow; None where they are the same.
        first: The official number of the first block.
    """

    official: str
    ours: str
    block: str | None = None
    first: int = 0


def rename(state: State, rules: Iterable[Rule]) -> State:
    """The same tensors under our names; one that no rule knows keeps its name.

    Args:
        state: Official names, which may all carry the prefix ``state.`` or ``module.``.
        rules: The first one that fits is taken.
    """
    for prefix in ("state.", "module."):
        state = strip_prefix(state, prefix)
    known = [(re.compile(re.escape(rule.official).replace(r"\#", r"(\d+)")), rule) for rule in rules]
    return {_rename(name, known): tensor for name, tensor in state.items()}


def _rename(name: str, known: list[tuple[re.Pattern[str], Rule]]) -> str:
    for pattern, rule in known:
        match = pattern.match(name)
        if match:
            number = str(int(match[1]) - rule.first) if match.groups() else ""
            rest = name[match.end() :]
            return rule.ours.replace("#", number) + (our_name(rule.block, rest) if rule.block else rest)
    return name


def common_sizes(state: State, width: str, head: str = "head.weight") -> dict[str, Any]:
    """Width, depth, scale and colours of a network by our tensor names.

    Args:
        state: The tensors; a KeyError names one that is missing.
        width: What the baseline calls the width.
        head: The first convolution's weight.

    Returns:
        The keywords ``width``, ``n_blocks``, ``scale`` and ``n_colors``.
    """
    colours = state[head].shape[1]
    out, channels = state["up.weight"].shape[:2]
    return {
        width: int(channels),
        "n_blocks": 1 + max(int(key.split(".")[1]) for key in state if key.startswith("cells.")),
        "scale": round((out // colours) ** 0.5),
        "n_colors": int(colours),
    }
