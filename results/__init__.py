"""Published numbers, copied from papers, as evaluation rows; results/published/README.md says where each is from."""

from __future__ import annotations

from importlib.resources import as_file, files

from nas.evaluation.rows import EvaluationRows, read_rows


def published(task: str | None = None, set: str | None = None) -> EvaluationRows:
    """Read the rows of results/published/*.csv.

    Args:
        task: Only rows of this task.
        set: Only rows of this benchmark set.

    Returns:
        The rows in the order of the files. Each has ``source`` "published: <paper, table>" and PSNR in dB; what a paper
        does not report is None. A model that is in the tables of several papers has a row of each.
    """
    rows = EvaluationRows()
    folder = files(__name__).joinpath("published")
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".csv"):
            with as_file(entry) as path:
                rows += read_rows(path)
    return EvaluationRows(r for r in rows if task in (None, r.task) and set in (None, r.set))
