"""Everything that the events of a run, or the statistics of a campaign, can show, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.errors import NasError
from nas.report.figures.animation import weight_film, weight_strip
from nas.report.figures.cell import draw_cell
from nas.report.figures.correlation import find_pairs, scatter
from nas.report.figures.experiment import CAPTIONS, campaign_figures
from nas.report.figures.search import edge_weights, search_figures
from nas.report.figures.style import save_figure
from nas.report.page.experiment_section import is_experiment, read_campaign
from nas.report.run_folder import read_run


def write_diagnostics(folder: str | Path, out: str | Path) -> list[Path]:
    """Write figures (pdf, svg, png at 300 dpi) of ``search_figures``, the derived cell, a strip and a GIF of weights.

    A campaign gives the figures of its statistics. A folder with nothing to draw is a NasError.
    """
    source, target = Path(folder), Path(out)
    if is_experiment(source):
        return _campaign(source, target)
    run = read_run(source)
    names: dict[str, Any] = {"candidates": run.candidates, "edges": run.edges}
    written: list[Path] = []
    for name, figure in search_figures(run.events, timing=run.timing, **names).items():
        written += save_figure(figure, target / name.replace(" ", "_"))
    if run.genotype is not None:
        written += save_figure(draw_cell(run.genotype), target / "cell")
    if edge_weights(run.events):
        written += save_figure(weight_strip(run.events, **names), target / "weights_strip")
        written.append(weight_film(run.events, target / "weights.gif", **names))
    if not written:
        raise NasError(f"{str(source)!r} has no events and no genotype yet, so there is nothing to draw")
    return written


def _campaign(source: Path, target: Path) -> list[Path]:
    statistics = read_campaign(source).statistics
    if not isinstance(statistics, dict):
        raise NasError(f"campaign {str(source)!r} has no statistics yet; continue it with --resume {source}")
    written = []
    pairs = find_pairs(statistics)
    if len(pairs) > 1:
        written += save_figure(scatter(pairs), target / "supernet_against_trained")
    names = {caption: name for name, caption in CAPTIONS.items()}
    for caption, draw in campaign_figures(statistics):
        if names[caption] != "ranking":
            written += save_figure(draw(False), target / f"campaign_{names[caption]}")
    return written
