"""What figures take from the events of a run: series of numbers, the weights of every edge, names of edges.

Events come from files that may be cut short or of another version. What is missing, of another type or not finite
is left out, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.report.figures.numbers import is_finite_number

#: one line of a run's events.jsonl or timing.jsonl
RunEvent = Mapping[str, Any]
#: cell -> names of its edges or of its candidate blocks, in the order of its architecture weights
CellNames = Mapping[str, Sequence[str]]


def series(events: Iterable[RunEvent], kind: str, name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one number.

    Args:
        events: Events of a run, in order.
        kind: Kind of event that holds the number, such as ``"validation"``.
        name: Key of the number in the event.

    Returns:
        Two lists of equal length: the steps, and the finite values there.
    """
    steps, values = [], []
    for event in events:
        value: Any = event.get(name)
        if event.get("kind") == kind and is_finite_number(event.get("step")) and is_finite_number(value):
            steps.append(float(event["step"]))
            values.append(float(value))
    return steps, values


def edge_weights(events: Iterable[RunEvent]) -> dict[str, tuple[list[float], npt.NDArray[np.float64]]]:
    """The softmaxed architecture weights as they were logged.

    Args:
        events: Events of a run, in order.

    Returns:
        For each cell the steps and an array (steps, edges, candidates) of weights between 0 and 1; a cell without
        weights is absent.
    """
    steps: dict[str, list[float]] = {}
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    for event in events:
        groups = event.get("probabilities")
        if not is_architecture_event(event) or not isinstance(groups, Mapping):
            continue
        for cell, rows in groups.items():
            try:
                table = np.asarray(rows, dtype=np.float64)
            except (TypeError, ValueError):
                continue
            earlier = found.setdefault(str(cell), [])
            if table.ndim == 2 and table.size and (not earlier or earlier[0].shape == table.shape):
                earlier.append(table)
                steps.setdefault(str(cell), []).append(float(event["step"]))
    return {cell: (steps[cell], np.stack(tables)) for cell, tables in found.items() if tables}


def is_architecture_event(event: RunEvent) -> bool:
    """Whether an event describes the architecture parameters at a known step."""
    return event.get("kind") == "architecture" and is_finite_number(event.get("step"))


def edge_label(index: int, names: Sequence[str]) -> str:
    """The name of edge ``index`` as the space has it, else that of the edge of a fully connected cell."""
    return names[index] if index < len(names) else full_cell_edge(index)


def full_cell_edge(index: int) -> str:
    """The name of edge ``index`` of a fully connected cell, whose order is 0→1; 0→2, 1→2; 0→3, 1→3, 2→3; ..."""
    node = 1
    while index >= node:
        index -= node
        node += 1
    return f"{index}→{node}"


def end_of_warmup(events: Iterable[RunEvent]) -> float | None:
    """The step until which the architecture was not trained.

    Args:
        events: Events of a run, in order.

    Returns:
        The last step whose architecture weights were logged before any architecture loss was; None where the
        architecture was trained from the beginning, or where no loss of it was logged at all.
    """
    last: float | None = None
    for event in events:
        if event.get("kind") in ("train", "architecture") and is_finite_number(event.get("arch_loss")):
            return last
        if is_architecture_event(event):
            last = float(event["step"])
    return None


def selectable_weights(
    weights: npt.NDArray[np.float64], blocks: Sequence[str], unselectable: Sequence[str]
) -> npt.NDArray[np.float64]:
    """The weights (..., candidates) with those of blocks that can never be chosen as minus infinity."""
    if len(blocks) != weights.shape[-1]:
        return weights
    barred = np.array([name in unselectable for name in blocks])
    return weights if barred.all() else np.where(barred, -np.inf, weights)
