"""The commands that print: list, show, bench."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nas.bench.search_step import step_modes
from nas.config.runs import SearchSettings
from nas.registry import BASELINES, STRATEGIES, TASKS
from tests.cli.running import run, succeed


@pytest.mark.parametrize(
    ("what", "names"), [("tasks", TASKS.names()), ("models", BASELINES.names()), ("strategies", STRATEGIES.names())]
)
def test_list_names_everything_registered(what: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    listed = [line.split()[0] for line in succeed(capsys, "list", what).splitlines()]
    assert listed == names


def test_list_takes_a_wildcard(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(succeed(capsys, "list", "tasks", "jpeg_*").splitlines()) == 4


@pytest.mark.parametrize("name", BASELINES.names())
def test_every_listed_model_can_be_had(name: str) -> None:
    baseline = BASELINES.get(name)
    assert baseline.name == name and baseline.title and baseline.tasks


def test_show_describes_a_space_and_a_genotype_and_draws_the_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "12,230,590,464 genotypes" in succeed(capsys, "show", "jsm")
    assert "244,140,625 genotypes" in succeed(capsys, "show", "jsm", "--preset", "paper")
    drawn = tmp_path / "cell.png"
    assert "3 = rb(0) + srb(1) + rb(2)" in succeed(capsys, "show", "jsnet_released", "--out", str(drawn))
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_bench_prints_every_mode_with_its_ratio_to_the_weight_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = succeed(
        capsys, "bench", "search-step", "--cells", "1", "--batch", "1", "--patch", "32", "--repeats", "1", "--modes"
    )
    header, *rows, note = text.splitlines()
    assert header.split()[-1] == "ratio" and "space jsm, batch 1, target patch 32" in note
    cells = [re.split(r"\s{2,}", row) for row in rows]
    assert [name for name, *_ in cells] == [mode.name for mode in step_modes(SearchSettings())]
    assert cells[0][-1] == "1.00" and all(float(ratio) >= 0 for *_, ratio in cells)


def test_a_list_that_does_not_exist_is_wrong_use_and_the_nearest_one_is_offered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = run(capsys, "list", "strategy")
    assert outcome.code == 2 and "did you mean 'strategies'?" in outcome.err
