"""``nas bench table`` and ``nas bench strategies`` from the command line: results, exit codes, wrong use."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nas.estimators.table_recipe import RUNS, read_recipe
from tests.bench.strategies.synthetic import write_table
from tests.bench.table.tiny import tiny_images, tiny_recipe
from tests.cli.running import run, succeed


def test_a_table_is_made_resumed_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, folder = tiny_images(tmp_path / "images"), tmp_path / "table"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tiny_recipe(tmp_path).model_dump(mode="json")), encoding="utf-8")
    made = succeed(
        capsys,
        *("bench", "table", "make", "--recipe", recipe, "--data", images, "--out", folder),
        *("--trainings", 1, "--nice", 0),
    )
    assert made.splitlines()[-1].endswith(RUNS)
    table = ("bench", "table")
    assert ["0", "1", "3"] in [line.split() for line in succeed(capsys, *table, "status", folder).splitlines()]
    assert run(capsys, *table, "check", folder).code == 1
    succeed(capsys, *table, "check", folder, "--partial")
    succeed(capsys, *table, "resume", folder, "--data", images, "--nice", 0)
    assert "residual SD" in succeed(capsys, *table, "status", folder)
    checked = succeed(capsys, *table, "check", folder, "--data", images, "--repeat", 1)
    assert "1 of 1 trainings repeated bit for bit" in checked
    assert read_recipe(folder).space_hash


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table", "status", "nowhere"], "nowhere"),
        (["table", "check", "nowhere", "--repeat", "1"], "--data"),
        (["strategies", "--table", "nowhere"], "is not the folder of a table"),
        (["strategies", "--strategies", "pc_darts"], "proposes no whole genotypes"),
    ],
)
def test_wrong_use_ends_with_code_2_and_says_what_to_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(capsys, "bench", *arguments)
    assert done.code == 2 and message in done.err


def test_strategies_are_played_and_rows_and_figures_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, out = write_table(tmp_path / "table"), tmp_path / "out"
    said = succeed(
        capsys,
        *("bench", "strategies", "--table", table, "--runs", 3, "--trials", 6, "--jobs", 1),
        *("--strategies", "local_search", "--out", out),
    )
    assert "at equal cost" in said
    assert {"strategies.csv", "strategies_curves.csv", "regret_free.png", "regret_macs_p25.svg"} <= {
        p.name for p in out.iterdir()
    }
