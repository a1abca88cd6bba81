"""The numbered examples of the manual run, at tiny budgets, and stay short."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.space import OPERATIONS
from tests.docs.markdown import ROOT, text_of

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("[0-9]*.py"))


def main_of(number: str) -> Any:
    (file,) = (f for f in EXAMPLES if f.name.startswith(number))
    return runpy.run_path(str(file))["main"]


@pytest.fixture
def forgotten() -> Iterator[None]:
    yield
    OPERATIONS.remove("example_conv")


def test_01_networks_and_their_costs() -> None:
    found = main_of("01")(networks=2)
    assert len(found) == 2 and all(parameters > 0 and macs > 0 for parameters, macs in found)


@pytest.mark.usefixtures("forgotten")
def test_02_a_space_with_a_block_of_ones_own_is_searched(tmp_path: Path) -> None:
    genotype = main_of("02")(steps=2, patch=32, out=tmp_path / "run")
    assert {choice.block for choice in genotype.cells["operation"]} <= {"skip_connect", "example_conv", "lrb"}


def test_03_what_a_search_finds_is_trained(tmp_path: Path) -> None:
    assert main_of("03")(steps=2, patch=32, out=tmp_path) > 0
    assert (tmp_path / "trained" / "weights.safetensors").is_file()


def test_04_rows_become_a_table(tmp_path: Path) -> None:
    assert list(main_of("04")(steps=1, out=tmp_path / "run")["model"]) == ["bicubic", "small MSPAN"]


def test_05_a_photograph_is_enlarged(tmp_path: Path) -> None:
    assert main_of("05")(steps=1, size=48, out=tmp_path / "run").shape == (96, 96, 3)


def test_06_the_own_strategy_beats_random_search_where_neighbours_are_alike() -> None:
    means = main_of("06")(trials=30, seeds=3)
    assert means["climber"] > means["random"]


@pytest.mark.slow  # 'nas export' has tests of its own
def test_07_an_exported_network_runs_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    assert main_of("07")(steps=1, out=tmp_path / "run") == (1, 3, 80, 112)


def test_08_the_trials_keep_the_limit(tmp_path: Path) -> None:
    assert main_of("08")(trials=4, out=tmp_path / "run") == 4


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.name)
def test_an_example_is_short_documented_and_listed(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60 and text.startswith('"""')
    assert file.name in text_of("docs/examples/index.md")


def test_there_are_five_to_eight() -> None:
    assert [f.name[:2] for f in EXAMPLES] == [f"{i:02}" for i in range(1, len(EXAMPLES) + 1)]
    assert 5 <= len(EXAMPLES) <= 8
