"""Published figures, transcribed from papers, as evaluation rows. Where each came from: results/published/README.md."""

from __future__ import annotations

from importlib.resources import as_file, files

from nas.evaluation.rows import EvaluationRow, read_rows


def published(task: str | None = None, set: str | None = None) -> list[EvaluationRow]:
    """Rows of results/published/*.csv, in file order, optionally of one task and of one set.

    Every row has ``source`` "published: <paper, table>" and psnr in dB; ssim, parameters and multiply_adds
    are None where the paper gives none. A model may stand in the tables of several papers: one row each.
    """
    rows: list[EvaluationRow] = []
    folder = files(__name__).joinpath("published")
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".csv"):
            with as_file(entry) as path:
                rows += read_rows(path)
    return [r for r in rows if task in (None, r.task) and set in (None, r.set)]
