"""Figures of experiments and noise measurements, from statistics alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.experiments.noise_results import NoiseTable, noise_statistics
from nas.experiments.results import compare_variants
from nas.report.figures.experiment import EXPERIMENT_CAPTIONS, experiment_figures
from nas.report.figures.pareto import pareto_front
from nas.report.figures.style import figure_bytes
from nas.report.figures.variants import (
    differences_figure,
    genotype_cost_figure,
    ranking_figure,
    variant_psnr_figure,
)
from nas.report.page.html import write_report
from nas.statistics import intervals as s

PSNR = {"pc_darts": [31.0, 31.2, 31.1], "random": [30.6, 31.0, 30.9]}


def experiment() -> dict[str, Any]:
    """As statistics.json of an experiment with two variants."""
    arms = [
        {
            "name": name,
            "seeds": list(range(len(values))),
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
        "comparisons": compare_variants(arms, "random"),
        "points": points,
        "ranking": [{"arm": "pc_darts", "seed": k, "correlation": tau, "pairs": pairs} for k in (1, 2)],
    }


def test_every_figure_of_an_experiment_draws_in_both_themes() -> None:
    made = experiment_figures(experiment())
    assert list(made) == ["dots", "cost", "differences", "ranking", "agreement", "gaps"]
    assert set(made) <= set(EXPERIMENT_CAPTIONS)
    for draw in made.values():
        light, dark = figure_bytes(draw(False), "svg"), figure_bytes(draw(True), "svg")
        assert light.startswith(b"<?xml") and light != dark


def test_an_experiment_of_one_variant_and_one_seed_draws_what_it_has() -> None:
    arm = experiment()["arms"][1] | {"seeds": [0], "psnr_values": [31.0], "psnr": asdict(s.summary([31.0]))}
    arm["agreement"] = asdict(s.agreement([[0, 1]], [3, 3]))
    made = experiment_figures(
        {"kind": "campaign", "arms": [arm], "points": experiment()["points"][:1], "comparisons": [], "ranking": []}
    )
    assert list(made) == ["dots", "cost"]
    for draw in made.values():
        assert figure_bytes(draw(False), "svg")


def test_the_dots_show_every_seed_and_the_interval() -> None:
    axes = variant_psnr_figure(experiment()).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["pc_darts (n = 3)", "random (n = 3)"]
    drawn = [line.get_xdata() for line in axes.lines]
    assert list(drawn[0]) == PSNR["pc_darts"] and list(drawn[2]) == [pytest.approx(31.1)]
    low, high = drawn[1]
    assert (low, high) == (pytest.approx(30.8516, abs=1e-4), pytest.approx(31.3484, abs=1e-4))


def test_the_differences_stand_around_zero() -> None:
    lines = differences_figure(experiment()).axes[0].lines
    assert list(lines[0].get_xdata()) == [0.0, 0.0]
    assert lines[-1].get_xdata()[0] == pytest.approx(31.1 - 30.83333, abs=1e-4)


def test_ranks_are_small_multiples_each_with_tau_its_interval_and_n() -> None:
    panels = ranking_figure(experiment()).axes
    titles = [axes.get_title(loc="left") for axes in panels]
    assert len(titles) == 2 and titles[0].startswith("pc_darts, seed 1\ntau ") and "[" in titles[0]
    assert all(t.endswith("n = 6") for t in titles)
    for axes in panels:
        ranks = np.asarray(axes.collections[0].get_offsets())
        assert sorted(ranks[:, 0]) == [1, 2, 3, 4, 5, 6]
        assert sorted(ranks[:, 1]) == [1, 2, 3.5, 3.5, 5, 6], "equal values share the mean of their ranks"
        assert axes.get_xlim()[0] > axes.get_xlim()[1] and axes.get_ylim()[0] > axes.get_ylim()[1], "1 is the best"


def test_intervals_say_what_they_are() -> None:
    words = {name: draw(False).axes[0].get_xlabel() for name, draw in experiment_figures(experiment()).items()}
    assert "95 % interval" in words["dots"] and "95 % interval" in words["gaps"] and "interval" in words["differences"]
    assert "best mean on top" in words["dots"]


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    points = [{"multiply_adds": c, "psnr": p} for c, p in ((1, 30.0), (2, 29.0), (3, 31.0), (3, 30.5), (4, 31.0))]
    assert [
        (p["multiply_adds"], p["psnr"]) for p in pareto_front(points, lambda p: p["multiply_adds"], lambda p: p["psnr"])
    ] == [(1, 30.0), (3, 31.0)]
    assert len(genotype_cost_figure(experiment()).axes[0].lines) == 1 + len(PSNR)


def test_a_noise_measurement_shows_all_trainings_and_the_seeds_needed() -> None:
    rng = np.random.default_rng(0)
    curves = 30 + 0.1 * rng.standard_normal((4, 3, 3))
    costs = [1, 2, 3, 4]
    table = NoiseTable(curves, parameters=costs, multiply_adds=costs, seeds=[1, 2, 3], steps=100, bicubic_psnr=None)
    made = experiment_figures(
        {"kind": "noise", "genotypes": [f"{i:016x}" for i in range(4)], **noise_statistics(table)}
    )
    assert list(made) == ["noise", "needed"]
    for draw in made.values():
        assert figure_bytes(draw(False), "svg")


def test_the_report_of_an_experiment_shows_table_figures_and_rows(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text("kind: campaign\n")
    (tmp_path / "statistics.json").write_text(json.dumps(experiment()))
    (tmp_path / "table.md").write_text("# search and control\n\n| arm | n |\n| --- | --- |\n| pc_darts | 3 |\n")
    page = write_report(tmp_path / "report.html", run=tmp_path).read_text()
    assert "search and control" in page and page.count("<figure") >= 6
    (tmp_path / "statistics.json").write_text(json.dumps({"kind": "campaign", "arms": [{"name": "x"}]}))
    page = write_report(tmp_path / "report.html", run=tmp_path).read_text()  # damage costs the figures, not the page
    assert "search and control" in page and "not as it was written" in page
