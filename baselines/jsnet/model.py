"""Construction of a derived JSNet from a two-list genotype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from baselines.jsnet import BASELINE, PAPER
from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from search_spaces.ends import NetworkLayout
from search_spaces.network import CellBlocks, JSNet

#: The released genotype, used for all three scales.
RELEASED: dict[str, list[tuple[str, int]]] = {
    "normal": [("rb", 0), ("lrb", 0), ("rb", 1), ("rb", 0), ("srb", 1), ("rb", 2)],
    "attention": [("esab", 0), ("cea", 0), ("cea", 1), ("esab", 0), ("skip_connect", 1), ("cea", 2)],
}


def create(
    genotype: Mapping[str, Sequence[Sequence[Any]]] | None = None,
    C: int = 16,
    layers: int = 5,
    op_nodes: int | None = None,
    at_nodes: int | None = None,
    scale: int = 2,
    n_colors: int = 3,
    image_residual: bool = False,
    train_mean_shift: bool = False,
) -> JSNet:
    """A derived JSNet, freshly initialised.

    Args:
        genotype: ``{"normal": [(block, predecessor), ...], "attention": [...]}``; by default the released one.
        C: Channels of an operation node; the cell is C * (op_nodes + 1) wide.
        layers: Number of cells.
        op_nodes: Must agree with the genotype where given.
        at_nodes: Must agree with the genotype where given.
        scale: 1 (equal size), 2, 3, 4 or 8.
        n_colors: 1 or 3.
        image_residual: Add the (enlarged) input to the output.
        train_mean_shift: Train the two colour shifts, as the release does by mistake.

    Raises:
        UsageError: An entry of the genotype or a size is wrong; the message says which.
    """
    genotype = RELEASED if genotype is None else genotype
    if set(genotype) != {"normal", "attention"}:
        raise UsageError(f"a JSNet genotype has the lists 'normal' and 'attention', not {sorted(genotype)}")
    operation = CellBlocks.from_list("operation", genotype["normal"], op_nodes)
    attention = CellBlocks.from_list("attention", genotype["attention"], at_nodes)
    layout = NetworkLayout(
        C, C * (operation.wiring.nodes + 1), layers, scale, n_colors, image_residual, train_mean_shift
    )
    config = {
        "genotype": {role: [[str(name), int(i)] for name, i in genotype[role]] for role in ("normal", "attention")},
        "C": C,
        "layers": layers,
        "op_nodes": operation.wiring.nodes,
        "at_nodes": attention.wiring.nodes,
        "scale": scale,
        "n_colors": n_colors,
        "image_residual": image_residual,
        "train_mean_shift": train_mean_shift,
    }
    descriptor = ModelDescriptor(
        "jsnet", scale, n_colors, tasks=BASELINE.tasks, paper=PAPER, licence="MIT", config=config
    )
    return JSNet(layout, operation, attention, descriptor)
