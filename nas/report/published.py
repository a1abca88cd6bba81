"""Published figures through an entry point, so that the platform names no package of results."""

from __future__ import annotations

from importlib.metadata import entry_points

from nas.evaluation.rows import EvaluationRow

GROUP = "nas.results"


def load_published(task: str | None = None, set: str | None = None) -> list[EvaluationRow]:
    """Rows of every distribution with an entry point ``published`` in group "nas.results".

    The entry point is a callable ``(task, set) -> list[EvaluationRow]``. Without one the list is empty: a
    report then simply has no anchors.
    """
    rows: list[EvaluationRow] = []
    for point in entry_points(group=GROUP, name="published"):
        rows += point.load()(task, set)
    return rows


def is_published(row: EvaluationRow) -> bool:
    """True when the number was copied from a paper and not measured here."""
    return row.source.startswith("published")


def one_per_model(rows: list[EvaluationRow]) -> list[EvaluationRow]:
    """Measured rows all; of a model published in several papers only the first source (per task)."""
    seen: dict[tuple[str, str], str] = {}
    kept = []
    for row in rows:
        if is_published(row) and seen.setdefault((row.model, row.task), row.source) != row.source:
            continue
        kept.append(row)
    return kept
