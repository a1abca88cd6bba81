"""Seed noise: the figures of a table of trainings, and a measurement that resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.cli import main
from nas.errors import UsageError
from nas.evaluation.rows import read_rows
from nas.experiments.frames import noise_csv
from nas.experiments.noise import measure_noise, plan_noise
from nas.experiments.noise_results import NoiseTable, noise_statistics
from nas.experiments.noise_tables import noise_markdown
from nas.experiments.resume import resume_experiment
from nas.space import Genotype
from tests.experiments.experiment_examples import Stage, psnr_of, tiny_settings


def table(genotype_sd: float, seed_sd: float, genotypes: int = 12, seeds: int = 4, **changes: Any) -> NoiseTable:
    """Made-up runs: the early figures are the final ones with noise of their own."""
    rng = np.random.default_rng(5)
    final = 30 + genotype_sd * rng.standard_normal((genotypes, 1)) + seed_sd * rng.standard_normal((genotypes, seeds))
    half = final - 0.3 + 0.02 * rng.standard_normal(final.shape)
    quarter = final - 1.0 + 0.2 * rng.standard_normal(final.shape)
    order = np.argsort(np.argsort(final.mean(axis=1)))
    given = {"parameters": [1000 + 10 * int(i) for i in order], "multiply_adds": [5] * genotypes, "bicubic_psnr": 29.5}
    curves = np.stack([quarter, half, final], axis=-1)
    return NoiseTable(curves, seeds=list(range(1, seeds + 1)), steps=1000, **{**given, **changes})


def test_noise_and_spread_are_told_apart() -> None:
    found = noise_statistics(table(0.2, 0.05))
    end = found["stages"][-1]["components"]
    assert end["residual_low"] < 0.05 < end["residual_high"] and 0.1 < end["genotype_sd"] < 0.35
    assert end["reliability_low"] > 0 and found["between_seeds"]["mean"] > 0.6
    assert any(s.startswith("The genotypes differ") for s in found["conclusions"])


def test_what_all_runs_of_a_seed_share_is_no_noise_of_a_comparison() -> None:
    made = table(0.05, 0.01)
    shifted = NoiseTable(**{**vars(made), "curves": made.curves + np.array([-0.5, 0.2, 0.0, 0.3])[:, None]})
    plain, common = (noise_statistics(t) for t in (made, shifted))
    assert common["model"].startswith("two-way")
    for before, after in zip(plain["stages"], common["stages"], strict=True):
        assert after["components"]["residual_sd"] == pytest.approx(before["components"]["residual_sd"])
        assert after["needed"] == before["needed"]
    assert common["stages"][-1]["components"]["seed_sd"] > 0.2 > plain["stages"][-1]["components"]["seed_sd"]
    assert common["early"] == plain["early"]
    assert any(s.startswith("The genotypes differ") for s in common["conclusions"])


def test_pure_noise_is_called_so() -> None:
    found = noise_statistics(table(0.0, 0.2))
    assert any("cannot be told apart" in s and "interval contains zero" in s for s in found["conclusions"])
    assert abs(found["between_seeds"]["mean"]) < 0.35


def test_early_psnr_ranks_its_own_run_but_not_the_genotype_where_noise_rules() -> None:
    found = noise_statistics(table(0.0, 0.2))["early"]
    assert found[1]["own_run"]["tau"] > 0.8 > 0.3 > abs(found[1]["genotype"]["tau"])
    ruled = noise_statistics(table(0.3, 0.01))["early"]
    assert ruled[1]["genotype"]["tau"] > 0.8
    assert found[1]["own_run"]["n"] == 48


def test_seeds_needed_fall_with_the_noise_and_the_difference() -> None:
    loud, quiet = (noise_statistics(table(0.1, sd))["stages"][-1]["needed"] for sd in (0.2, 0.05))
    for entries in (loud, quiet):
        seeds = [e["seeds"] for e in entries]
        assert seeds == sorted(seeds, reverse=True) and all(e["cautious"] >= e["seeds"] for e in entries)
        assert all(e["steps"] == 2 * e["seeds"] * 1000 for e in entries)
    assert all(a["seeds"] >= b["seeds"] for a, b in zip(loud, quiet, strict=True)) and loud[0]["seeds"] > 100


def test_costs_are_ranked_against_the_mean_and_a_constant_cost_says_nothing() -> None:
    found = noise_statistics(table(0.2, 0.1))
    assert found["cost"]["parameters"]["tau"] == pytest.approx(1.0) and found["cost"]["parameters"]["n"] == 12
    assert found["cost"]["multiply-adds"]["tau"] is None
    assert any("multiply-adds: no rank correlation" in s for s in found["conclusions"])


def test_slow_starters_are_counted_with_what_they_lose() -> None:
    made = table(0.01, 0.01)
    made.curves[0, 0, :] = [20.0, 27.0, 29.0]
    made.curves[3, 1, :] = [21.0, 27.0, 29.0]
    found = noise_statistics(made)
    assert found["slow"]["slow"] == 2 and found["slow"]["loss"] == pytest.approx(1.0, abs=0.05)
    assert found["slow"]["below_floor"] == 2
    assert any("2 of 48 runs; they end 1.0" in s for s in found["conclusions"])
    assert noise_statistics(table(0.1, 0.1, bicubic_psnr=None))["slow"]["below_floor"] is None


def test_every_conclusion_with_a_figure_states_n(tmp_path: Path) -> None:
    statistics = {
        "space": "tiny",
        "task": "sr_x2",
        "genotypes": [f"{i:016x}" for i in range(12)],
        "validation_images": 2,
        "protocol": "Y",
        "cpu_seconds_of_a_run": 3.0,
        **noise_statistics(table(0.1, 0.1)),
    }
    text = noise_markdown(statistics)
    for sentence in statistics["conclusions"][:-2]:
        assert "n = " in sentence or "of 48 runs" in sentence, sentence
    assert "Cohen" in text and "noncentral t" in text and text.count("| 0000") == 12
    assert len(noise_csv(statistics).splitlines()) == 1 + 48


def test_a_measurement_resumes_and_its_table_is_that_of_the_runs(stage: Stage, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, retrain__steps=6)
    stage.fail = lambda name: name == "genotype2-seed2-retrained"
    with pytest.raises(KeyboardInterrupt):
        measure_noise(settings, 3, 2, out=tmp_path / "n")
    stage.fail, before = (lambda name: False), len(stage.calls)
    found = resume_experiment(tmp_path / "n")
    assert stage.calls[before:] == [("retrain", f"genotype{g}-seed2-retrained") for g in (2, 3)]
    genotypes = [Genotype.load(tmp_path / f"n/genotype{g}/genotype.json") for g in (1, 2, 3)]
    expected = [[psnr_of(g, seed) for seed in (1, 2)] for g in genotypes]
    assert found.statistics["psnr"] == expected and len({g.hash for g in genotypes}) == 3
    assert [s["steps"] for s in found.statistics["stages"]] == [1, 2, 4]  # whole quarters
    assert json.loads((tmp_path / "n/statistics.json").read_text())["psnr"] == expected
    assert len(read_rows(tmp_path / "n/rows.csv")) == 6


@pytest.mark.parametrize(
    ("genotypes", "seeds", "assignment", "message"),
    [
        (1, 3, "seed=1", "at least 2 genotypes"),
        (3, 1, "seed=1", "at least 2 genotypes"),
        (28, 2, "seed=1", "has only 27 genotypes"),
        (3, 2, "retrain.steps=3", "at least 4 steps"),
        (3, 2, "data.validation=0", "validation images"),
    ],
)
def test_wrong_use_is_one_sentence(genotypes: int, seeds: int, assignment: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        plan_noise(tiny_settings(tmp_path, "retrain.steps=8", assignment), genotypes, seeds)


def test_a_whole_small_space_is_drawn_without_repeating(tmp_path: Path) -> None:
    assert len(plan_noise(tiny_settings(tmp_path, retrain__steps=4), 27, 2).draws) == 27


def test_a_real_measurement_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tiny_settings(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "noise",
                "--space",
                settings.space,
                "--task",
                "sr_x2",
                "--data",
                settings.data.path[0],
                "--batch",
                "1",
                "--patch",
                "32",
                "--steps",
                "4",
                "--genotypes",
                "2",
                "--seeds",
                "2",
                "--threads",
                "1",
                "--set",
                "data.validation=1",
                "--set",
                "retrain.network.image_residual=true",
                "--out",
                str(tmp_path / "n"),
            ]
        )
    out = capsys.readouterr()
    assert ended.value.code == 0, out.err
    assert "Seed noise within a seed: SD" in out.out and out.out.splitlines()[-1] == f"wrote {tmp_path / 'n/table.md'}"
    runs = json.loads((tmp_path / "n/statistics.json").read_text())["psnr"]
    assert np.shape(runs) == (2, 2) and len({v for row in runs for v in row}) == 4  # seeds and genotypes differ
