"""Of very many models the figures show those on the fronts and then the best, and say so; the tables show all."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from nas.cli import main
from nas.evaluation.rows import EvaluationRow as Row
from nas.evaluation.rows import write_rows
from nas.report.comparison import comparison_figures, thinning_notes
from nas.report.thinning import MOST_MEASURED, thin_rows

PAPER = Row("rival", "sr_x2", "Set5", psnr=38.0, parameters=10**6, multiply_adds=10**11, source="published: P")


def models(number: int, seed: int = 0) -> list[Row]:
    """Rows of ``number`` models on two sets, with random costs and scores."""
    rng = random.Random(seed)
    rows = []
    for i in range(number):
        costs = {"parameters": rng.randrange(10**4, 10**6), "multiply_adds": rng.randrange(10**9, 10**11)}
        for name in ("Set5", "Set14"):
            rows.append(Row(f"net-{i}", "sr_x2", name, psnr=rng.gauss(36, 1), seed=0, **costs))
    return rows


def on_front(row: Row, others: list[Row], cost: str) -> bool:
    """Whether no other row is at least as good in both and better in one."""
    return not any(
        getattr(o, cost) <= getattr(row, cost)
        and (o.psnr or 0) >= (row.psnr or 0)
        and (getattr(o, cost), o.psnr) != (getattr(row, cost), row.psnr)
        for o in others
    )


def test_no_more_models_than_can_be_told_apart_are_all_shown() -> None:
    rows = [*models(MOST_MEASURED), PAPER]
    shown = thin_rows(rows, "sr_x2", "Set5")
    assert shown.rows == rows and shown.note == ""


@pytest.mark.parametrize("seed", range(3))
def test_the_fronts_are_kept_and_then_the_best(seed: int) -> None:
    rows = [*models(120, seed), PAPER]
    shown = thin_rows(rows, "sr_x2", "Set5", most=25)
    here = [r for r in rows if r.set == "Set5" and r.source == "measured"]
    front = {r.model for r in here for cost in ("multiply_adds", "parameters") if on_front(r, here, cost)}
    best = [r.model for r in sorted(here, key=lambda r: -(r.psnr or 0)) if r.model not in front]
    kept = {r.model for r in shown.rows if r.source == "measured"}
    assert kept == front | set(best[: 25 - len(front)]) and len(kept) == 25
    assert shown.rows == [r for r in rows if r.model in kept or r == PAPER]  # both sets of a model, in their order
    assert shown.note == (
        "The figures of sr_x2 show 25 of 120 measured models: those on a Pareto front on Set5, then the best by PSNR; "
        "the tables show all."
    )


def test_a_front_that_is_too_long_is_thinned_evenly_with_both_ends() -> None:
    rows = [Row(f"n{i}", "sr_x2", "Set5", psnr=30 + i / 10, parameters=1000 * (i + 1)) for i in range(101)]
    kept = [r.model for r in thin_rows(rows, "sr_x2", "Set5", most=11).rows]
    assert kept == [f"n{i}" for i in range(0, 101, 10)]


def test_runs_that_differ_in_their_seed_are_models_of_their_own() -> None:
    rows = [Row("net", "sr_x2", "Set5", psnr=30 + i / 100, seed=i) for i in range(60)]
    shown = thin_rows(rows, "sr_x2", "Set5", most=10)
    assert [r.seed for r in shown.rows] == list(range(50, 60)) and "10 of 60" in shown.note


def test_models_that_were_measured_on_other_sets_only_come_last() -> None:
    rows = [Row(f"n{i}", "derain", "A" if i < 3 else "B", psnr=20.0 + i) for i in range(10)]
    shown = thin_rows(rows, "derain", "A", most=5)
    assert [r.model for r in shown.rows] == ["n0", "n1", "n2", "n8", "n9"]


def test_rows_of_other_tasks_are_not_shown() -> None:
    rows = [Row("a", "sr_x2", "Set5", psnr=30.0), Row("a", "sr_x3", "Set5", psnr=28.0)]
    assert thin_rows(rows, "sr_x3", "Set5").rows == rows[1:]


def test_a_comparison_of_many_models_says_what_its_figures_leave_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [replace(r, parameters=None, multiply_adds=None) for r in models(60)]  # so that only dots are drawn
    table = write_rows(tmp_path / "rows.csv", rows)
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(table), "--no-published", "--set-name", "Set14", "--out", str(tmp_path / "out")])
    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.count("| net-") == 60 and (tmp_path / "out/dots_sr_x2.png").is_file()
    (note,) = thinning_notes(rows, [("sr_x2", "Set14")])
    assert "40 of 60" in note and note in printed
    figures = dict(comparison_figures(rows, [("sr_x2", "Set14")]))
    assert len(figures["dots_sr_x2"].axes[0].get_yticklabels()) == 40
