"""Every figure that the events of a run allow, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.figure import Figure

from nas.report.figures.archive import archive_figure
from nas.report.figures.block_counts import block_counts_figure
from nas.report.figures.curves import losses_figure, validation_figure
from nas.report.figures.edge_maps import EdgeNames, edge_map_figure, weight_scale
from nas.report.figures.entropy import entropy_figure
from nas.report.figures.pace import pace_figure
from nas.report.figures.run_events import CellNames, RunEvent, edge_weights, end_of_warmup
from nas.report.figures.style import DARK, LIGHT, Theme
from nas.report.figures.trials import trials_figure


def search_figures(
    events: Sequence[RunEvent],
    *,
    candidates: CellNames | None = None,
    edges: CellNames | None = None,
    unselectable: CellNames | None = None,
    timing: Sequence[RunEvent] = (),
    dark: bool = False,
) -> dict[str, Figure]:
    """All figures that the events have data for.

    Args:
        events: Events of a run, in order. What is missing, odd or not finite in them is left out.
        candidates: For each cell the names of its candidate blocks, in the order of its weights.
        edges: For each cell the names of its edges, in the order of its weights.
        unselectable: For each cell the candidates that can never be chosen.
        timing: Lines of the run's ``timing.jsonl``.
        dark: In colours for a dark page.

    Returns:
        Figures by name: losses, validation, entropy, counts, trials, archive, pace, and "weights <cell>" for each
        searched cell. Empty where there are no events.
    """
    makers = _makers(events, candidates, edges, unselectable, timing, DARK if dark else LIGHT)
    made = {name: make() for name, make in makers.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def search_figure(
    name: str,
    events: Sequence[RunEvent],
    *,
    candidates: CellNames | None = None,
    edges: CellNames | None = None,
    unselectable: CellNames | None = None,
    timing: Sequence[RunEvent] = (),
    dark: bool = False,
) -> Figure | None:
    """One figure of ``search_figures``.

    Args:
        name: Its name there.
        events: As for ``search_figures``.
        candidates: As for ``search_figures``.
        edges: As for ``search_figures``.
        unselectable: As for ``search_figures``.
        timing: As for ``search_figures``.
        dark: As for ``search_figures``.

    Returns:
        The figure, or None where the events have no data for it.
    """
    make = _makers(events, candidates, edges, unselectable, timing, DARK if dark else LIGHT).get(name)
    return make() if make is not None else None


def _makers(
    events: Sequence[RunEvent],
    candidates: CellNames | None,
    edges: CellNames | None,
    unselectable: CellNames | None,
    timing: Sequence[RunEvent],
    theme: Theme,
) -> dict[str, Callable[[], Figure | None]]:
    makers: dict[str, Callable[[], Figure | None]] = {
        "losses": partial(losses_figure, events, theme),
        "validation": partial(validation_figure, events, theme),
        "entropy": partial(entropy_figure, events, edges or {}, theme),
        "counts": partial(block_counts_figure, events, theme, candidates, unselectable),
        "trials": partial(trials_figure, events, theme),
        "archive": partial(archive_figure, events, theme),
        "pace": partial(pace_figure, timing, theme),
    }
    found = edge_weights(events)
    if not found:
        return makers
    # one scale for all cells, so that they compare
    norm, warmup = weight_scale([weights for _, weights in found.values()]), end_of_warmup(events)
    for cell, (steps, weights) in found.items():
        lists = ((names or {}).get(cell, ()) for names in (candidates, edges, unselectable))
        makers[f"weights {cell}"] = partial(
            edge_map_figure, cell, steps, weights, EdgeNames(*lists), theme, norm, warmup
        )
    return makers
