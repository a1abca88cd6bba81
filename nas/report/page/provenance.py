"""The section on how each number was made: every row with its protocol, command, device, versions and source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.evaluation.rows import EvaluationRow
from nas.report.figures.numbers import format_ssim
from nas.report.published import is_published
from nas.report.tables import DAGGER, psnr_text

#: more rows than this are folded
MOST_OPEN = 12


@dataclass(frozen=True)
class ProvenanceRow:
    """One row: its line, and under it what is known of it as (name, text)."""

    model: str
    published: bool
    task: str
    set: str
    psnr: str
    ssim: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class ProvenanceView:
    """All rows, and whether they are shown at once."""

    rows: list[ProvenanceRow]
    open: bool


def provenance_view(rows: Sequence[EvaluationRow]) -> ProvenanceView:
    """Prepare the table of all rows, for ``provenance.html.j2``."""
    return ProvenanceView([_row(r) for r in rows], len(rows) <= MOST_OPEN)


def _row(row: EvaluationRow) -> ProvenanceRow:
    seed = f"seed {row.seed}" if row.seed is not None else ""
    made = [row.device, row.dtype, seed, row.weights, row.training]
    made += [f"jsnas {row.jsnas}" if row.jsnas else "", f"torch {row.torch}" if row.torch else "", row.commit]
    published = is_published(row)
    facts = [
        ("Source", row.source if published or not row.command else ""),
        ("Command", row.command),
        ("Protocol", row.protocol),
        ("Images", _images(row)),
        ("Made with", ", ".join(m for m in made if m)),
    ]
    return ProvenanceRow(
        model=row.model + (f" {DAGGER}" if published else ""),
        published=published,
        task=row.task,
        set=row.set,
        psnr=psnr_text(row),
        ssim=format_ssim(row.ssim),
        facts=[(name, text) for name, text in facts if text],
    )


def _images(row: EvaluationRow) -> str:
    """How many images there are, and how many of them are restored exactly."""
    exact = f" ({row.exact} exact)" if row.exact else ""
    return "" if row.images is None else f"{row.images}{exact}"
