"""Data frames and CSV of experiments hold the figures of their statistics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nas.experiments.experiment import run_experiment
from nas.experiments.frames import VARIANT_COLUMNS, experiment_csv, experiment_frame
from nas.experiments.noise import measure_noise
from nas.space import Genotype
from nas.statistics.intervals import paired
from tests.experiments.experiment_examples import Stage, psnr_of, tiny_settings

STORED = Path(__file__).parents[2] / "results/runs/contest"


def test_a_frame_has_one_row_per_variant_with_the_figures_of_its_runs(stage: Stage, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, train__steps=20)
    frame = run_experiment(settings, seeds=3, control="random", out=tmp_path / "c").frame().set_index("variant")
    values = {}
    for name in ("pc_darts", "control"):
        genotypes = [Genotype.load(tmp_path / f"c/{name}-seed{k}/genotype.json") for k in (1, 2, 3)]
        values[name] = [psnr_of(g, k) for g, k in zip(genotypes, (1, 2, 3), strict=True)]
        assert frame.loc[name, "n"] == 3
        assert frame.loc[name, "psnr"] == pytest.approx(np.mean(values[name]))
        assert frame.loc[name, "sd"] == pytest.approx(np.std(values[name], ddof=1))
    expected = paired(values["pc_darts"], values["control"])
    columns = ["difference", "difference_low", "difference_high", "difference_level"]
    assert frame.loc["pc_darts", columns].tolist() == pytest.approx(
        [expected.difference, expected.low, expected.high, 0.95]
    )
    assert frame.loc["control", columns].isna().all()
    assert frame.loc["pc_darts", ["steps", "trials"]].tolist() == [20, 0]
    assert frame.loc["control", ["steps", "trials"]].tolist() == [0, 12]
    assert frame.loc["pc_darts", "gap"] == pytest.approx(0.7) and pd.isna(frame.loc["control", "gap"])


def test_a_frame_has_typed_columns_and_one_seed_leaves_figures_missing(stage: Stage, tmp_path: Path) -> None:
    frame = run_experiment(tiny_settings(tmp_path), seeds=1, out=tmp_path / "c").frame()
    assert list(frame.columns) == list(VARIANT_COLUMNS) and len(frame) == 1
    assert all(pd.api.types.is_float_dtype(frame[c]) for c, kind in VARIANT_COLUMNS.items() if kind == "float64")
    assert all(pd.api.types.is_integer_dtype(frame[c]) for c, kind in VARIANT_COLUMNS.items() if kind == "Int64")
    missing = ["sd", "low", "high", "difference", "agreement"]
    assert frame.loc[0, missing].isna().all() and frame.loc[0, ["psnr", "parameters", "chance"]].notna().all()


def test_frame_and_csv_of_a_stored_experiment_are_its_table() -> None:
    statistics = json.loads((STORED / "statistics.json").read_text())
    stored = (STORED / "table.csv").read_text()
    head, body = experiment_csv(statistics).split("\n", 1)
    stored_head, stored_body = stored.split("\n", 1)
    assert body == stored_body
    assert head.split(",")[1:] == stored_head.split(",")[1:]  # the first column was once called otherwise
    table = pd.read_csv(STORED / "table.csv").set_axis(list(VARIANT_COLUMNS), axis=1)
    pd.testing.assert_frame_equal(experiment_frame(statistics), table, check_dtype=False)


def test_a_frame_of_noise_has_one_row_per_training(stage: Stage, tmp_path: Path) -> None:
    frame = measure_noise(tiny_settings(tmp_path, retrain__steps=4), 3, 2, out=tmp_path / "n").frame()
    genotypes = [Genotype.load(tmp_path / f"n/genotype{g}/genotype.json") for g in (1, 2, 3)]
    assert frame["genotype"].tolist() == [g.hash for g in genotypes for _ in (1, 2)]
    assert frame["seed"].tolist() == [1, 2] * 3
    assert frame["psnr_4"].tolist() == [psnr_of(g, k) for g in genotypes for k in (1, 2)]
    assert frame["psnr_1"].to_numpy() == pytest.approx(frame["psnr_4"].to_numpy() - 0.75)
