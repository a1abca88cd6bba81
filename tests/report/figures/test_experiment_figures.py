"""Figures of campaigns and noise measurements, from statistics alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.experiments.noise_results import NoiseTable, statistics_of
from nas.experiments.results import compare
from nas.report.figures.experiment import CAPTIONS, campaign_figures, cost_plot, differences, dots, pareto, rank_scatter
from nas.report.figures.style import figure_bytes
from nas.statistics import intervals as s

PSNR = {"pc_darts": [31.0, 31.2, 31.1], "random": [30.6, 31.0, 30.9]}


def campaign() -> dict[str, Any]:
    """As statistics.json of a campaign of two arms."""
    arms = [
        {
            "name": name,
            "psnr_values": values,
            "psnr": asdict(s.summary(values)),
            "multiply_adds": 2e10,
            "parameters": 1e5,
            "gap": asdict(s.summary([0.5, 0.7, 0.6])) if name == "pc_darts" else None,
            "agreement": asdict(s.agreement([[0, 1], [0, 2], [0, 1]], [3, 3])),
        }
        for name, values in PSNR.items()
    ]
    points = [
        {"arm": name, "multiply_adds": 1e10 * (k + 1), "psnr": v}
        for name, values in PSNR.items()
        for k, v in enumerate(values)
    ]
    pairs = [{"genotype": str(i), "supernet": 20 + i, "trained": p["psnr"]} for i, p in enumerate(points)]
    tau = asdict(s.kendall([p["supernet"] for p in pairs], [p["trained"] for p in pairs]))
    return {
        "kind": "campaign",
        "reference": "random",
        "arms": arms,
        "comparisons": compare(arms, "random"),
        "points": points,
        "ranking": [{"arm": "pc_darts", "seed": k, "correlation": tau, "pairs": pairs} for k in (1, 2)],
    }


def test_every_figure_of_a_campaign_draws_in_both_themes() -> None:
    made = campaign_figures(campaign())
    assert [caption for caption, _ in made] == [
        CAPTIONS[n] for n in ("dots", "cost", "differences", "ranking", "agreement", "gaps")
    ]
    for _, draw in made:
        light, dark = figure_bytes(draw(False), "svg"), figure_bytes(draw(True), "svg")
        assert light.startswith(b"<?xml") and light != dark


def test_a_campaign_of_one_arm_and_one_seed_draws_what_it_has() -> None:
    arm = campaign()["arms"][1] | {"psnr_values": [31.0], "psnr": asdict(s.summary([31.0]))}
    arm["agreement"] = asdict(s.agreement([[0, 1]], [3, 3]))
    made = campaign_figures(
        {"kind": "campaign", "arms": [arm], "points": campaign()["points"][:1], "comparisons": [], "ranking": []}
    )
    assert [caption for caption, _ in made] == [CAPTIONS["dots"], CAPTIONS["cost"]]
    for _, draw in made:
        assert figure_bytes(draw(False), "svg")


def test_the_dots_show_every_seed_and_the_interval() -> None:
    axes = dots(campaign()).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["pc_darts (n = 3)", "random (n = 3)"]
    drawn = [line.get_xdata() for line in axes.lines]
    assert list(drawn[0]) == PSNR["pc_darts"] and list(drawn[2]) == [pytest.approx(31.1)]
    low, high = drawn[1]
    assert (low, high) == (pytest.approx(30.8516, abs=1e-4), pytest.approx(31.3484, abs=1e-4))


def test_the_differences_stand_around_zero() -> None:
    lines = differences(campaign()).axes[0].lines
    assert list(lines[0].get_xdata()) == [0.0, 0.0]
    assert lines[-1].get_xdata()[0] == pytest.approx(31.1 - 30.83333, abs=1e-4)


def test_the_scatter_states_tau_and_n_of_each_supernet() -> None:
    labels = [t.get_text() for t in rank_scatter(campaign()).axes[0].get_legend().get_texts()]
    assert len(labels) == 2 and all("tau" in label and "n = 6" in label for label in labels)


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    points = [{"multiply_adds": c, "psnr": p} for c, p in ((1, 30.0), (2, 29.0), (3, 31.0), (3, 30.5), (4, 31.0))]
    assert [(p["multiply_adds"], p["psnr"]) for p in pareto(points)] == [(1, 30.0), (3, 31.0)]
    assert len(cost_plot(campaign()).axes[0].lines) == 1 + len(PSNR)


def test_a_noise_measurement_has_its_strip_and_the_seeds_needed() -> None:
    rng = np.random.default_rng(0)
    curves = 30 + 0.1 * rng.standard_normal((4, 3, 3))
    costs = [1, 2, 3, 4]
    table = NoiseTable(curves, parameters=costs, multiply_adds=costs, seeds=[1, 2, 3], steps=100, floor=None)
    made = campaign_figures({"kind": "noise", "genotypes": [f"{i:016x}" for i in range(4)], **statistics_of(table)})
    assert [caption for caption, _ in made] == [CAPTIONS["noise"], CAPTIONS["needed"]]
    for _, draw in made:
        assert figure_bytes(draw(False), "svg")


def test_the_report_of_a_campaign_shows_table_figures_and_rows(tmp_path: Path) -> None:
    import json

    from nas.report.page.html import write_report

    (tmp_path / "campaign.yaml").write_text("kind: campaign\n")
    (tmp_path / "statistics.json").write_text(json.dumps(campaign()))
    (tmp_path / "table.md").write_text("# search and control\n\n| arm | n |\n| --- | --- |\n| pc_darts | 3 |\n")
    page = write_report(tmp_path / "report.html", run=tmp_path).read_text()
    assert "search and control" in page and page.count("<figure") >= 6
    (tmp_path / "statistics.json").write_text(json.dumps({"kind": "campaign", "arms": [{"name": "x"}]}))
    page = write_report(tmp_path / "report.html", run=tmp_path).read_text()  # damage costs the figures, not the page
    assert "search and control" in page and "not as it was written" in page
