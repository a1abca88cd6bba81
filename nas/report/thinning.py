"""Which of very many measured models the figures of a comparison show; tables always show all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.evaluation.rows import EvaluationRow, EvaluationRows
from nas.report.published import published_mask
from nas.report.tables import IDENTITY

if TYPE_CHECKING:
    import pandas as pd

#: more measured models than this cannot be told apart in a figure
MOST_MEASURED = 40
#: columns over which a figure draws a Pareto front of PSNR
_COSTS = ("multiply_adds", "parameters", "latency_median_ms")


@dataclass(frozen=True)
class Thinned:
    """The rows of one task that its figures show.

    Attributes:
        rows: Published rows, and those of the measured models that were kept, in their order.
        note: One sentence on what was left out and how the rest was chosen; empty where all are shown.
    """

    rows: list[EvaluationRow]
    note: str


def thin_rows(rows: Sequence[EvaluationRow], task: str, set: str, most: int = MOST_MEASURED) -> Thinned:
    """Choose the models that the figures of a task show.

    With no more than ``most`` measured models all are shown. Else the models on a Pareto front come first (PSNR on
    ``set`` against multiply-adds, parameters or latency), then the others by their PSNR on ``set``. Where the fronts
    alone are too many, they are thinned evenly from the lowest PSNR to the highest.

    Args:
        rows: Rows of any task.
        task: The task of the figures.
        set: The benchmark set of the figures.
        most: How many measured models are shown at most.

    Returns:
        The rows of the task that are shown.
    """
    members = EvaluationRows(row for row in rows if row.task == task)
    frame = members.frame()
    published = published_mask(frame)
    frame["model_number"] = frame.groupby(IDENTITY, sort=False, dropna=False).ngroup()
    measured = frame[~published & frame["psnr"].notna()]
    count = measured["model_number"].nunique()
    if count <= most:
        return Thinned(list(members), "")
    kept = _chosen(measured, set, most)
    shown = published | frame["model_number"].isin(kept)
    note = (
        f"The figures of {task} show {len(kept)} of {count} measured models: those on a Pareto front on {set}, "
        "then the best by PSNR; the tables show all."
    )
    return Thinned([row for row, keep in zip(members, shown, strict=True) if keep], note)


def _chosen(measured: pd.DataFrame, set: str, most: int) -> list[int]:
    """Numbers of the models that are kept."""
    here = measured[measured["set"] == set].sort_values("psnr", ascending=False, kind="stable")
    on_front = here.index.isin([i for cost in _COSTS for i in _front(here, cost)])
    fronts = list(here.loc[on_front, "model_number"].unique())
    if len(fronts) > most:
        return [fronts[round(i * (len(fronts) - 1) / (most - 1))] for i in range(most)]
    elsewhere = measured.sort_values("psnr", ascending=False, kind="stable")
    ranking = [*fronts, *here["model_number"], *elsewhere["model_number"]]
    return list(dict.fromkeys(ranking))[:most]


def _front(here: pd.DataFrame, cost: str) -> pd.Index[int]:
    """Index of the rows that no other row beats in both PSNR and a cost."""
    known = here[here[cost].notna()].sort_values([cost, "psnr"], ascending=[True, False], kind="stable")
    best_cheaper = known["psnr"].cummax().shift(fill_value=float("-inf"))
    return known.index[known["psnr"] > best_cheaper]
