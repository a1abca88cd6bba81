"""Every figure is readable in print: no text below 7 points when it is as wide as the text of a page."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from nas.experiments.noise_results import NoiseTable, noise_statistics
from nas.report.comparison import comparison_figures
from nas.report.figures.animation import weight_filmstrip
from nas.report.figures.cell import draw_cell
from nas.report.figures.crops import CropOptions, crop_figure
from nas.report.figures.experiment import experiment_figures
from nas.report.figures.regret import regret_figure
from nas.report.figures.search import search_figures
from nas.report.figures.style import LIGHT, PRINT_WIDTH, SMALLEST_FONT, print_scale
from tests.report.figures.test_cell_drawing import genotype
from tests.report.figures.test_dots_pareto_latency import LITERATURE, OURS
from tests.report.figures.test_experiment_figures import experiment
from tests.report.figures.test_regret import POINTS
from tests.report.figures.test_search_figures import warmed_up
from tests.report.run_examples import trial_events, weight_events


def figures() -> Iterator[tuple[str, Figure]]:
    yield from comparison_figures([*OURS, *LITERATURE], [("sr_x2", "Set5")])
    timing = [{"step": i, "kind": "trial" if i else "start", "time": 30.0 * i} for i in range(9)]
    for name, found in (("trained", warmed_up()), ("two", weight_events()), ("trials", trial_events())):
        for figure, drawn in search_figures(found, timing=timing).items():
            yield f"{name} {figure}", drawn
    yield "filmstrip", weight_filmstrip(weight_events())
    for nodes in (1, 3, 6):
        yield f"cell {nodes}", draw_cell(genotype(nodes, nodes))
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    for models in (1, 3, 9):
        outputs = {f"model {i}": image for i in range(models)}
        options = CropOptions(error_maps=True, title="a title " * 20)
        yield f"crops {models}", crop_figure(image, image[::2, ::2], outputs, options=options)
    for name, draw in experiment_figures(experiment()).items():
        yield f"experiment {name}", draw(False)
    curves = 30 + 0.1 * np.random.default_rng(0).standard_normal((4, 3, 3))
    costs = [1, 2, 3, 4]
    table = NoiseTable(curves, parameters=costs, multiply_adds=costs, seeds=[1, 2, 3], steps=100, bicubic_psnr=None)
    noise = {"kind": "noise", "genotypes": [f"{i:016x}" for i in range(4)], **noise_statistics(table)}
    for name, draw in experiment_figures(noise).items():
        yield f"experiment {name}", draw(False)
    regret = regret_figure(POINTS, "title", LIGHT)
    assert regret is not None
    yield "regret", regret


def test_no_text_is_below_seven_points_in_print() -> None:
    seen = set()
    for name, figure in figures():
        seen.add(name)
        figure.draw_without_rendering()
        width = float(figure.get_size_inches()[0])
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text().strip():
                assert text.get_fontsize() / print_scale(width) >= SMALLEST_FONT, (name, text.get_text())
        if not name.startswith("cell"):
            assert width <= PRINT_WIDTH + 0.01, f"{name} would be scaled down"
    assert len(seen) > 25
