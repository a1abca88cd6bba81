"""Which sections a page has, in which order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nas.report.comparison import figure_sets
from nas.report.page.charts import charts_view
from nas.report.page.details import details_view
from nas.report.page.experiment_section import experiment_view
from nas.report.page.material import ReportMaterial
from nas.report.page.provenance import provenance_view
from nas.report.page.rendering import PageSection
from nas.report.page.results import results_view
from nas.report.page.run_section import cell_view, search_view
from nas.report.page.table_section import table_view
from nas.report.page.viewer import viewer_view
from nas.report.run_folder import attempt

#: what the pictures of a page may weigh together, in bytes
PICTURES_LIMIT = 8_000_000


def make_sections(material: ReportMaterial) -> list[PageSection]:
    """Prepare all sections that the material has something for.

    Args:
        material: What is shown; its ``problems`` get a sentence for each section that could not be made.

    Returns:
        The sections in the order of the page.
    """
    sections = []
    if material.rows:
        sections.append(PageSection("results", "Results", "results.html.j2", results_view(material.rows)))
        if charts := charts_view(material.rows, figure_sets(material.measured or material.rows)):
            sections.append(PageSection("cost", "Quality against cost", "figures.html.j2", charts))
    sections += _picture_sections(material)
    for index, experiment in enumerate(material.experiments):
        anchor = _anchor("experiment", index)
        content = experiment_view(experiment)
        sections.append(PageSection(anchor, f"Experiment {experiment.name}", "experiment.html.j2", content))
    for index, table in enumerate(material.tables):
        heading, view = f"Table {table.name}", partial(table_view, table)
        sections += _tried(material, _anchor("table", index), heading, "experiment", view)
    sections += _run_sections(material)
    if material.rows:
        provenance = provenance_view(material.rows)
        sections.append(PageSection("provenance", "How each number was made", "provenance.html.j2", provenance))
    return sections + _configuration_sections(material)


def _picture_sections(material: ReportMaterial) -> list[PageSection]:
    """The viewer and the crops of the pictures."""
    pictures, models, ranking = material.pictures, material.models, material.ranking
    return [
        *_tried(material, "pictures", "Pictures", "viewer", partial(viewer_view, pictures, PICTURES_LIMIT, ranking)),
        *_tried(material, "details", "Details", "figures", partial(details_view, pictures, models)),
    ]


def _run_sections(material: ReportMaterial) -> list[PageSection]:
    """The derived cell and the search of each run; with several runs their headings bear the names of the runs."""
    sections = []
    if material.genotype is not None:
        sections += _tried(material, "cell", "Derived cell", "cell", partial(cell_view, material.genotype))
    drawn: list[object] = []
    for index, run in enumerate(material.runs):
        of_run = f": {run.name}" if len(material.runs) > 1 else ""
        if material.genotype is None and run.genotype is not None and run.genotype.cells not in drawn:
            drawn.append(run.genotype.cells)  # the training of a search has its cells
            anchor, draw = _anchor("cell", index), partial(cell_view, run.genotype)
            sections += _tried(material, anchor, f"Derived cell{of_run}", "cell", draw)
        anchor, draw_search = _anchor("search", index), partial(search_view, run)
        sections += _tried(material, anchor, f"Search and training{of_run}", "search", draw_search)
    return sections


def _configuration_sections(material: ReportMaterial) -> list[PageSection]:
    folders = material.folders
    several = len(folders) > 1
    sections = []
    for index, found in enumerate(folders):
        if found.config:
            heading = f"Configuration of {found.name}" if several else "Configuration"
            content = {"text": found.config, "folded": several}
            sections.append(PageSection(_anchor("configuration", index), heading, "configuration.html.j2", content))
    return sections


def _tried(
    material: ReportMaterial, anchor: str, heading: str, template: str, make: Callable[[], object]
) -> list[PageSection]:
    """A section, or none where it has no content or making it failed, which is then a problem of the material."""
    content = attempt(heading.lower(), material.problems, make)
    return [PageSection(anchor, heading, f"{template}.html.j2", content)] if content else []


def _anchor(name: str, index: int) -> str:
    return name if index == 0 else f"{name}-{index + 1}"
