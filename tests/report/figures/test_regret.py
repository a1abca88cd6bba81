"""The figure of regret: a line and a band for each strategy in both panels."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nas.report.figures.regret import regret_figure
from nas.report.figures.style import DARK, LIGHT, Theme


@dataclass(frozen=True)
class Point:
    strategy: str
    axis: str
    x: float
    mean: float
    low: float
    high: float


POINTS = [
    Point(name, axis, x, 1 / x, 0.9 / x, 1.1 / x)
    for name in ("one", "two $")
    for axis, scale in (("trials", 1.0), ("seconds", 3600.0))
    for x in (scale, 2 * scale, 3 * scale)
]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_strategy_has_a_line_and_a_band_in_both_panels(theme: Theme) -> None:
    figure = regret_figure(POINTS, "free", theme)
    assert figure is not None
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == ["one", r"two \$"]
        assert len(axes.collections) == 2
        assert list(axes.lines[0].get_xdata()) == [1.0, 2.0, 3.0]  # trials, and hours


def test_a_regret_of_zero_is_drawn_on_a_linear_axis() -> None:
    zero = [Point("one", "trials", x, 0.0, 0.0, 0.0) for x in (1.0, 2.0)]
    figure = regret_figure(zero, "free", LIGHT)
    assert figure is not None and figure.axes[0].get_yscale() == "linear"


def test_without_points_there_is_no_figure() -> None:
    assert regret_figure([], "free", LIGHT) is None
