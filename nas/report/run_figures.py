"""Everything that the events of a run, or the statistics of an experiment, can show, as files."""

from __future__ import annotations

from pathlib import Path

from nas.errors import NasError
from nas.report.experiment_folder import is_experiment_folder, read_experiment
from nas.report.figures.animation import weight_animation, weight_filmstrip
from nas.report.figures.cell import draw_cell
from nas.report.figures.correlation import find_score_pairs, rank_correlation_figure
from nas.report.figures.experiment import experiment_figures
from nas.report.figures.run_events import edge_weights
from nas.report.figures.search import search_figures
from nas.report.figures.style import save_figure
from nas.report.run_folder import read_run


def write_run_figures(folder: str | Path, out: str | Path) -> list[Path]:
    """Write the figures of a run or an experiment as pdf, svg and png (300 dpi).

    Of a run: those of ``search_figures``, the derived cell, and the weights of every edge as ``weights_filmstrip`` and
    ``weights.gif``. Of an experiment: ``experiment_<name>`` for those of ``experiment_figures``, and
    ``supernet_against_trained`` for the rank correlation.

    Args:
        folder: Folder of a run or of an experiment.
        out: Where the files go.

    Returns:
        The paths of the files, in order of writing.

    Raises:
        NasError: There is nothing to draw, or no such folder.
    """
    source, target = Path(folder), Path(out)
    if is_experiment_folder(source):
        return _write_experiment(source, target)
    run = read_run(source)
    written: list[Path] = []
    for name, figure in search_figures(run.events, timing=run.timing, **run.names).items():
        written += save_figure(figure, target / name.replace(" ", "_"))
    if run.genotype is not None:
        written += save_figure(draw_cell(run.genotype), target / "cell")
    if edge_weights(run.events):
        written += save_figure(weight_filmstrip(run.events, **run.names), target / "weights_filmstrip")
        written.append(weight_animation(run.events, target / "weights.gif", **run.names))
    if not written:
        raise NasError(f"{str(source)!r} has no events and no genotype yet, so there is nothing to draw")
    return written


def _write_experiment(source: Path, target: Path) -> list[Path]:
    statistics = read_experiment(source).statistics
    if not isinstance(statistics, dict):
        raise NasError(f"experiment {str(source)!r} has no statistics yet; continue it with --resume {source}")
    written = []
    pairs = find_score_pairs(statistics)
    if len(pairs) > 1:
        written += save_figure(rank_correlation_figure(pairs), target / "supernet_against_trained")
    for name, draw in experiment_figures(statistics).items():
        if name != "ranking":  # it is the rank correlation
            written += save_figure(draw(False), target / f"experiment_{name}")
    return written
