"""The check of a table finds every kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.bench.table.checking import Finding, check_table
from nas.bench.table.making import resume_table
from nas.bench.table.timing import time_genotypes
from nas.errors import NasError
from nas.estimators.table_recipe import GENOTYPES, LATENCY, RUNS
from tests.bench.table.tiny import copied, tiny_table


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, images = tiny_table(tmp_path_factory.mktemp("table"))
    resume_table(folder, images, niceness=0)
    return folder, images


@pytest.fixture
def table(whole: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    return copied(whole, tmp_path)


def failed(findings: list[Finding]) -> set[str]:
    return {finding.name for finding in findings if not finding.ok}


def change(path: Path, line: int, how: Callable[[list[str]], list[str]]) -> None:
    rows = path.read_text(encoding="utf-8").splitlines()
    rows[line] = ",".join(how(rows[line].split(",")))
    path.write_text("\n".join(row for row in rows if row) + "\n", encoding="utf-8")


def test_a_whole_table_passes(table: tuple[Path, Path]) -> None:
    assert failed(check_table(table[0], data=table[1], repeat=1)) == set()


def test_a_gap_is_found_unless_the_table_may_be_partial(table: tuple[Path, Path]) -> None:
    change(table[0] / RUNS, 2, lambda cells: [])
    assert failed(check_table(table[0])) == {"trainings"}
    assert failed(check_table(table[0], partial=True)) == set()


def test_a_row_that_stands_twice_is_found(table: tuple[Path, Path]) -> None:
    path = table[0] / RUNS
    path.write_text(path.read_text(encoding="utf-8") + path.read_text(encoding="utf-8").splitlines()[-1] + "\n")
    assert failed(check_table(table[0], partial=True)) == {"trainings"}


@pytest.mark.parametrize("column", [2, 6, -4])
def test_a_missing_figure_or_hash_is_found(table: tuple[Path, Path], column: int) -> None:
    change(table[0] / RUNS, 1, lambda cells: [*cells[:column], "x" if column == -4 else "", *cells[column + 1 :]])
    assert failed(check_table(table[0])) == {"figures"}


def test_a_changed_cost_is_found(table: tuple[Path, Path]) -> None:
    change(table[0] / GENOTYPES, 2, lambda cells: [*cells[:2], "1", *cells[3:]])
    assert failed(check_table(table[0])) == {"costs"}


def test_a_genotype_under_the_hash_of_another_is_found(table: tuple[Path, Path]) -> None:
    change(table[0] / GENOTYPES, 2, lambda cells: ["0" * 16, *cells[1:]])
    assert "genotypes" in failed(check_table(table[0]))


def test_weights_that_do_not_come_out_again_are_found(table: tuple[Path, Path]) -> None:
    for line in range(1, 6):
        change(table[0] / RUNS, line, lambda cells: [*cells[:-4], "0" * 16, *cells[-3:]])
    assert failed(check_table(table[0], data=table[1], repeat=1)) == {"repeated"}


def test_rows_of_another_machine_cannot_be_repeated_here(table: tuple[Path, Path]) -> None:
    for line in range(1, 6):
        change(table[0] / RUNS, line, lambda cells: [*cells[:-2], "other", cells[-1]])
    assert failed(check_table(table[0], data=table[1], repeat=1)) == {"repeated"}


def test_a_file_with_other_columns_is_refused(table: tuple[Path, Path]) -> None:
    change(table[0] / GENOTYPES, 0, lambda cells: [*cells[:-1], "other"])
    with pytest.raises(NasError, match="other columns"):
        check_table(table[0])


def test_latency_is_the_median_ratio_to_the_reference(table: tuple[Path, Path]) -> None:
    calls: list[int] = []

    def measure(model: object) -> float:
        calls.append(id(model))
        reference = calls[0]
        slowed = 3.0 if len(calls) in (5, 6) else 1.0  # a disturbance that lasts for one pair
        return slowed * (10.0 if id(model) == reference else 20.0)

    path = time_genotypes(table[0], 8, 8, rounds=3, measure=measure)
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert path == table[0] / LATENCY
    assert sorted(float(row[1]) for row in rows) == [10.0, 20.0, 20.0]
    assert all(float(row[2]) == 0.0 for row in rows)
