"""Write the page: collect what it shows, prepare its sections, render them, keep it small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.files import replacing
from nas.report.page.material import ReportMaterial, collect_material
from nas.report.page.pictures import Array, Picture
from nas.report.page.rendering import render_page
from nas.report.page.sections import make_sections

if TYPE_CHECKING:
    from nas.space import Genotype

#: what a page may weigh at most, in bytes
LIMIT = 15_000_000


def write_report(
    out: str | Path,
    run: str | Path | Sequence[str | Path] | None = None,
    rows: Sequence[EvaluationRow] = (),
    genotype: Genotype | None = None,
    images: str | Path | Sequence[Picture] | Mapping[str, Mapping[str, Array | Path]] | None = None,
    published: Sequence[EvaluationRow] = (),
    title: str = "",
    restore: bool = False,
) -> Path:
    """Write one self-contained HTML page, which needs no network and weighs at most ``LIMIT`` bytes.

    Parts of a run that are absent are left out; parts that cannot be read are named on the page.

    Args:
        out: The file; its folder is made.
        run: Folders of runs or experiments. Shown are the events, timing, genotype, rows, images and configuration of
            a run, the table, statistics and rows of an experiment. A search brings the trainings of its genotype that
            lie in the same folder.
        rows: Evaluation rows besides those of the runs.
        genotype: Shown instead of that of the runs.
        images: Shown instead of those of the runs: a folder as ``nas evaluate --save-images`` writes it, pictures, or
            scene -> model -> image.
        published: Published rows of any task; those of a task and set that was measured are shown, marked by a dagger.
        title: Heading of the page.
        restore: Where there are no pictures, restore sample photographs with the weights of the runs.

    Returns:
        The path of the page.

    Raises:
        NasError: There is nothing to show, a folder does not exist, or the rows alone weigh too much.
    """
    folders = [Path(f) for f in ([run] if isinstance(run, str | Path) else run or [])]
    material = collect_material(folders, rows, genotype, images, published, restore)
    if material.empty:
        where = f" in {str(folders[0])!r}" if folders else ""
        raise NasError(f"there is nothing to report{where}; give evaluation rows, a run folder or a genotype")
    target = Path(out)
    page = _page_within_limit(material, title)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        partial.write_bytes(page)
    return target


def _page_within_limit(material: ReportMaterial, title: str) -> bytes:
    """The page as UTF-8, without its pictures where it would weigh too much with them."""
    heading, subtitle = title or material.heading, material.subtitle
    sections = make_sections(material)
    page = render_page(heading, subtitle, sections, material.problems)
    if len(page) > LIMIT:
        sections = [s for s in sections if s.anchor != "pictures"]
        problems = [*material.problems, "the pictures were left out, as the page would have been above 15 MB"]
        page = render_page(heading, subtitle, sections, problems)
    if len(page) > LIMIT:
        raise NasError(f"the report would weigh {len(page) / 1e6:.0f} MB, above 15 MB; give fewer rows")
    return page
