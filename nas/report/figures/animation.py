"""The architecture weights of every edge as they change: an animated GIF, and a filmstrip of moments for print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from PIL import Image

from nas.errors import NasError
from nas.files import replacing
from nas.report.figures.block_colours import SHORT_NAMES
from nas.report.figures.edge_maps import DIVERGING, EdgeNames, add_weight_bar, hatch_unselectable, weight_scale
from nas.report.figures.run_events import CellNames, RunEvent, edge_label, edge_weights, selectable_weights
from nas.report.figures.style import DARK, LIGHT, NOTE, PRINT_WIDTH, SMALL, Theme, literal, new_figure

#: cell -> steps, and the weights (steps, edges, candidates)
Cells = dict[str, tuple[list[float], npt.NDArray[np.float64]]]

GIF_DPI = 90
#: how long the last frame of an animation stays, in ms
LAST_FRAME_MS = 2000
#: of all frames together, so that nothing flickers and the file stays small
GIF_COLOURS = 64


def weight_filmstrip(
    events: Sequence[RunEvent],
    *,
    candidates: CellNames | None = None,
    edges: CellNames | None = None,
    unselectable: CellNames | None = None,
    moments: int = 5,
    dark: bool = False,
) -> Figure:
    """The weights of all cells at a few moments, from the first to the last that was logged.

    A row of panels is a cell, a panel a table of edges and candidates on one scale, whose middle is the weight that all
    candidates have at the start; a dot marks the heaviest candidate of each edge that can be chosen.

    Args:
        events: Events of a run, in order.
        candidates: For each cell the names of its candidate blocks.
        edges: For each cell the names of its edges.
        unselectable: For each cell the candidates that can never be chosen, whose columns are hatched.
        moments: How many panels a cell has at most.
        dark: In colours for a dark page.

    Returns:
        The figure.

    Raises:
        NasError: The events hold no architecture weights.
    """
    theme = DARK if dark else LIGHT
    cells = _weights(events)
    drawing = _Drawing.of(cells, candidates, edges, unselectable, theme)
    count = min(moments, max(len(steps) for steps, _ in cells.values()))
    shapes = [weights.shape[1:] for _, weights in cells.values()]
    height = sum(0.17 * e for e, _ in shapes) + 0.6 * len(shapes) + 1.0
    figure = new_figure(PRINT_WIDTH, height, theme)
    grid = figure.subplots(len(cells), count, squeeze=False, height_ratios=[e for e, _ in shapes])
    shown: Any = None
    for panels, (cell, (steps, weights)) in zip(grid, cells.items(), strict=True):
        for axes, index in zip(panels, _moments(len(steps), count), strict=True):
            shown, _ = drawing.table(axes, cell, weights[index])
            moment = f"step {steps[index]:.0f}"
            title = f"{cell}, {moment}" if index == 0 else moment
            axes.set_title(literal(title), loc="left", fontsize=SMALL, color=theme.ink)
            axes.set_yticks([])
            axes.set_xticks(range(weights.shape[2]), drawing.blocks(cell, weights.shape[2]), rotation=90)
        labels = drawing.edges(cell, weights.shape[1])
        panels[0].set_yticks(range(len(labels)), labels)
    add_weight_bar(figure, shown, grid, theme)
    return figure


def weight_animation(
    events: Sequence[RunEvent],
    out: str | Path,
    *,
    candidates: CellNames | None = None,
    edges: CellNames | None = None,
    unselectable: CellNames | None = None,
    frames: int = 48,
    frame_ms: int = 120,
    dark: bool = False,
) -> Path:
    """Write the weights of all cells as an animated GIF, drawn as in ``weight_filmstrip``.

    Args:
        events: Events of a run, in order.
        out: The file; its folder is made.
        candidates: For each cell the names of its candidate blocks.
        edges: For each cell the names of its edges.
        unselectable: For each cell the candidates that can never be chosen, whose columns are hatched.
        frames: How many moments are shown at most.
        frame_ms: How long a frame stays, in ms; the last one stays for ``LAST_FRAME_MS``.
        dark: In colours for a dark page.

    Returns:
        The path of the file.

    Raises:
        NasError: The events hold no architecture weights.
    """
    theme = DARK if dark else LIGHT
    cells = _weights(events)
    longest = max((steps for steps, _ in cells.values()), key=len)
    drawing = _Drawing.of(cells, candidates, edges, unselectable, theme)
    figure, panels = _animated_figure(cells, drawing)
    title = figure.suptitle(f"step {longest[0]:.0f}", x=0.02, ha="left", fontsize=9, color=theme.soft)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # nothing may move between frames
    pictures = []
    for index in _moments(len(longest), min(frames, len(longest))):
        for (image, dots), (cell, (_, weights)) in zip(panels, cells.items(), strict=True):
            table = weights[min(index, len(weights) - 1)]
            image.set_data(table * table.shape[1])
            dots.set_offsets(drawing.winners(cell, table))
        title.set_text(f"step {longest[index]:.0f}")
        pictures.append(_pixels(figure))
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(_encode_gif(pictures, frame_ms))
    return path


def _animated_figure(cells: Cells, drawing: _Drawing) -> tuple[Figure, list[tuple[Any, Any]]]:
    """The figure at its first moment, and the image and the dots of each cell, which change."""
    theme = drawing.theme
    shapes = [weights.shape[1:] for _, weights in cells.values()]
    width = 1.7 + sum(0.34 * n + 0.9 for _, n in shapes)
    figure = new_figure(width, 2.1 + 0.26 * max(e for e, _ in shapes), theme)
    line = figure.subplots(1, len(cells), squeeze=False, width_ratios=[n for _, n in shapes])[0]
    panels = []
    for axes, (cell, (_, weights)) in zip(line, cells.items(), strict=True):
        panels.append(drawing.table(axes, cell, weights[0]))
        labels = drawing.edges(cell, weights.shape[1])
        axes.set_yticks(range(len(labels)), labels)
        names = drawing.blocks(cell, weights.shape[2])
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_title(literal(f"{cell} cell"), loc="left", fontsize=9, color=theme.ink)
    add_weight_bar(figure, panels[-1][0], line, theme)
    return figure, panels


def _encode_gif(pictures: Sequence[Image.Image], frame_ms: int) -> bytes:
    # the palette is that of the last picture, which has all colours; by coverage, or the rare ones of the colour bar
    # would be merged into greys
    palette = pictures[-1].quantize(GIF_COLOURS, method=Image.Quantize.MAXCOVERAGE)
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    times = [frame_ms] * (len(frames) - 1) + [LAST_FRAME_MS]
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True)
    return file.getvalue()


def _weights(events: Sequence[RunEvent]) -> Cells:
    cells = edge_weights(events)
    if not cells:
        raise NasError("these events contain no architecture weights; only searches with a supernet have them")
    return cells


def _moments(length: int, count: int) -> list[int]:
    """``count`` indices from the first to the last of ``length``, evenly spread."""
    return [round(float(i)) for i in np.linspace(0, length - 1, count)]


@dataclass(frozen=True)
class _Drawing:
    """How the tables of all cells are drawn: on one scale, with these names."""

    names: dict[str, EdgeNames]
    norm: TwoSlopeNorm
    theme: Theme

    @classmethod
    def of(
        cls,
        cells: Cells,
        candidates: CellNames | None,
        edges: CellNames | None,
        unselectable: CellNames | None,
        theme: Theme,
    ) -> _Drawing:
        lists = [names or {} for names in (candidates, edges, unselectable)]
        names = {cell: EdgeNames(*(found.get(cell, ()) for found in lists)) for cell in cells}
        return cls(names, weight_scale([weights for _, weights in cells.values()]), theme)

    def edges(self, cell: str, count: int) -> list[str]:
        return [literal(edge_label(i, self.names[cell].edges)) for i in range(count)]

    def blocks(self, cell: str, count: int) -> list[str]:
        names = self.names[cell].blocks
        return (
            [literal(SHORT_NAMES.get(n, n)) for n in names] if len(names) == count else [str(i) for i in range(count)]
        )

    def winners(self, cell: str, table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(candidate, edge) of the heaviest candidate of each edge that can be chosen."""
        names = self.names[cell]
        heaviest = np.argmax(selectable_weights(table, names.blocks, names.unselectable), axis=1)
        return np.column_stack([heaviest, np.arange(len(table))]).astype(np.float64)

    def table(self, axes: Axes, cell: str, table: npt.NDArray[np.float64]) -> tuple[Any, Any]:
        """One moment of a cell, edges down and candidates to the right; its image and its dots."""
        count = table.shape[1]
        image = axes.imshow(table * count, norm=self.norm, cmap=DIVERGING, aspect="auto", interpolation="nearest")
        names = self.names[cell]
        if len(names.blocks) == count:
            for column in (i for i, name in enumerate(names.blocks) if name in names.unselectable):
                hatch_unselectable(axes, (column - 0.5, -0.5), 1.0, len(table))
        spots = self.winners(cell, table)
        dots = axes.scatter(spots[:, 0], spots[:, 1], s=9, color="#ffffff", edgecolors="#000000", linewidths=0.6)
        axes.tick_params(colors=self.theme.soft, labelsize=NOTE, length=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return image, dots


def _pixels(figure: Figure) -> Image.Image:
    figure.set_dpi(GIF_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
