"""The softmaxed weights of every edge as they change: an animated GIF, and a strip of moments for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from nas.errors import NasError
from nas.report.figures.search import Event, Names, edge_label, edge_weights
from nas.report.figures.style import DARK, LIGHT, Theme, new_figure

Floats = npt.NDArray[np.float64]
GIF_DPI = 90


def weight_strip(
    events: Sequence[Event],
    *,
    candidates: Names | None = None,
    edges: Names | None = None,
    moments: int = 5,
    dark: bool = False,
) -> Figure:
    """For each cell the table edges x candidates at ``moments`` steps from the first to the last logged one.

    Darkest is the smallest, brightest the largest weight of the run; a dot marks the winner of each edge.
    NasError when the events hold no weights.
    """
    theme = DARK if dark else LIGHT
    cells = _weights(events)
    count = min(moments, max(len(steps) for steps, _ in cells.values()))
    shapes = [weights.shape[1:] for _, weights in cells.values()]
    width = 1.5 + count * 0.155 * max(n for _, n in shapes) + 0.1
    height = sum(0.17 * e for e, _ in shapes) + 0.42 * len(shapes) + 1.25
    figure = new_figure(max(width, 6.0), height, theme)
    grid = figure.subplots(len(cells), count, squeeze=False, height_ratios=[e for e, _ in shapes])
    for line, (cell, (steps, weights)) in zip(grid, cells.items(), strict=True):
        least, top = float(np.nanmin(weights)), float(np.nanmax(weights))
        for axes, index in zip(line, _moments(len(steps), count), strict=True):
            _table(axes, weights[index], least, top, theme)
            axes.set_title(
                f"{cell}, step {steps[index]:.0f}" if index == 0 else f"step {steps[index]:.0f}",
                loc="left",
                fontsize=7.5,
                color=theme.ink,
            )
            if axes is not line[0]:
                axes.set_yticks([])
            else:
                labels = [edge_label(i, (edges or {}).get(cell, ())) for i in range(weights.shape[1])]
                axes.set_yticks(range(len(labels)), labels)
            names = _names(candidates, cell, weights.shape[2])
            axes.set_xticks(range(len(names)), names, rotation=90)
    return figure


def weight_film(
    events: Sequence[Event],
    out: str | Path,
    *,
    candidates: Names | None = None,
    edges: Names | None = None,
    frames: int = 48,
    frame_ms: int = 120,
    dark: bool = False,
) -> Path:
    """Write an animated GIF of all cells' weights, at most ``frames`` moments, and return its path.

    The last frame stays for two seconds. NasError when the events hold no weights.
    """
    theme = DARK if dark else LIGHT
    cells = _weights(events)
    longest = max(len(steps) for steps, _ in cells.values())
    shapes = [weights.shape[1:] for _, weights in cells.values()]
    figure = new_figure(1.0 + sum(0.34 * n + 0.9 for _, n in shapes), 2.1 + 0.26 * max(e for e, _ in shapes), theme)
    shown: list[tuple[Any, Any, Floats, int]] = []
    line = figure.subplots(1, len(cells), squeeze=False, width_ratios=[n for _, n in shapes])[0]
    for axes, (cell, (_, weights)) in zip(line, cells.items(), strict=True):
        image, dots = _table(axes, weights[0], float(np.nanmin(weights)), float(np.nanmax(weights)), theme)
        labels = [edge_label(i, (edges or {}).get(cell, ())) for i in range(weights.shape[1])]
        axes.set_yticks(range(len(labels)), labels)
        names = _names(candidates, cell, weights.shape[2])
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_title(f"{cell} cell", loc="left", fontsize=9, color=theme.ink)
        shown.append((image, dots, weights, len(weights)))
    steps = next(s for s, _ in cells.values() if len(s) == longest)
    title = figure.suptitle(f"step {steps[0]:.0f}", x=0.02, ha="left", fontsize=9, color=theme.soft)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # nothing may move between frames
    pictures = []
    for index in _moments(longest, min(frames, longest)):
        for image, dots, weights, length in shown:
            table = weights[min(index, length - 1)]
            image.set_data(table)
            dots.set_offsets(_winners(table))
        title.set_text(f"step {steps[index]:.0f}")
        pictures.append(_pixels(figure))
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    # one palette for all frames, taken from the last, which has all colours: no flicker, and a small file
    palette = pictures[-1].quantize(64)
    frames_ = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    times = [frame_ms] * (len(frames_) - 1) + [2000]
    file = BytesIO()
    frames_[0].save(file, "GIF", save_all=True, append_images=frames_[1:], duration=times, loop=0, optimize=True)
    path.write_bytes(file.getvalue())
    return path


def _weights(events: Sequence[Event]) -> dict[str, tuple[list[float], Floats]]:
    cells = edge_weights(events)
    if not cells:
        raise NasError("these events hold no architecture weights; only searches with a supernet have them")
    return cells


def _moments(length: int, count: int) -> list[int]:
    """``count`` indices from the first to the last, evenly spread."""
    return [round(float(i)) for i in np.linspace(0, length - 1, count)]


def _names(candidates: Mapping[str, Sequence[str]] | None, cell: str, count: int) -> list[str]:
    from nas.report.figures.cell import SHORT

    names = list((candidates or {}).get(cell, ()))
    return [SHORT.get(n, n) for n in names] if len(names) == count else [str(i) for i in range(count)]


def _table(axes: Axes, table: Floats, least: float, top: float, theme: Theme) -> tuple[Any, Any]:
    """Edges down, candidates to the right; the heaviest of each edge has a dot."""
    image = axes.imshow(table, vmin=least, vmax=top, cmap="cividis", aspect="auto", interpolation="nearest")
    spots = _winners(table)
    dots = axes.scatter(spots[:, 0], spots[:, 1], s=9, color="#ffffff", edgecolors="#000000", linewidths=0.6)
    axes.tick_params(colors=theme.soft, labelsize=6.5, length=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image, dots


def _winners(table: Floats) -> Floats:
    return np.column_stack([np.argmax(table, axis=1), np.arange(len(table))]).astype(np.float64)


def _pixels(figure: Figure) -> Image.Image:
    figure.set_dpi(GIF_DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
