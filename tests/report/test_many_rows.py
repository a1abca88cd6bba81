"""Tables of a thousand rows say what a slow, plain reading of their definition says."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable

import pytest

from nas.evaluation.rows import EvaluationRow as Row
from nas.report.comparison import related
from nas.report.published import is_published
from nas.report.table_formats import to_csv, wide_frame
from nas.report.tables import SET_SIZES, make_tables

SETS = ("Set5", "Set14", "own")
METRICS: dict[str, tuple[int, Callable[[Row], float | None]]] = {
    "psnr": (2, lambda row: row.psnr),
    "ssim": (4, lambda row: row.ssim),
}


def thousand_rows(seed: int) -> list[Row]:
    """Rows of measured and published models with ties, gaps and parts of sets, in random order."""
    rng = random.Random(seed)
    rows = []
    for number in range(400):
        published = number % 4 == 0
        source = f"published: paper {number % 3}" if published else "measured"
        for task in ("sr_x2", "denoise_color_25"):
            for name in SETS:
                if rng.random() < 0.6:
                    rows.append(
                        Row(
                            f"net-{number % 350}",
                            task,
                            name,
                            images=rng.choice([None, 3, SET_SIZES.get(name, 7)]),
                            psnr=None if rng.random() < 0.1 else round(rng.gauss(33, 0.4), rng.choice([1, 2, 3, 9])),
                            ssim=None if rng.random() < 0.5 else round(rng.uniform(0.90, 0.91), rng.choice([3, 4, 6])),
                            parameters=rng.choice([None, 10**5 + number]),
                            seed=None if published else number,
                            source=source,
                        )
                    )
    rng.shuffle(rows)
    return rows


def counts(row: Row) -> bool:
    """Whether a row takes part in the ranking."""
    return is_published(row) or row.images is None or row.images >= SET_SIZES.get(row.set, 0)


@pytest.mark.parametrize("seed", range(3))
def test_every_line_and_every_rank_is_that_of_a_slow_reference(seed: int) -> None:
    rows = thousand_rows(seed)
    assert 900 < len(rows) < 1800
    for table in make_tables(rows):
        members = [r for r in rows if r.task == table.task]
        lines = list(dict.fromkeys((r.model, r.source, r.seed) for r in members))
        lines = [k for k in lines if k[1] == "measured"] + [k for k in lines if k[1] != "measured"]
        assert table.sets == list(dict.fromkeys(r.set for r in members))
        assert len(table.lines) == len(lines)
        for number, (line, key) in enumerate(zip(table.lines, lines, strict=True)):
            own = [r for r in members if (r.model, r.source, r.seed) == key]
            assert line.cells == {r.set: r for r in own} and line.label.startswith(key[0])
            assert line.first("parameters") == next((r.parameters for r in own if r.parameters is not None), None)
            for name in table.sets:
                for metric, (digits, value) in METRICS.items():
                    ranked = [r for r in members if r.set == name and counts(r) and value(r) is not None]
                    top = sorted({f"{value(r):.{digits}f}" for r in ranked}, reverse=True)[:2]
                    row = line.cells.get(name)
                    mine = f"{value(row):.{digits}f}" if row in ranked and row is not None else None
                    expected = {top[0]: "best", top[1]: "second"}.get(mine or "", "")
                    assert table.rank(number, name, metric) == expected


def test_labels_are_all_different() -> None:
    for table in make_tables(thousand_rows(0)):
        for published in (True, False):
            labels = [line.label for line in table.lines if line.published is published]
            assert len(labels) == len(set(labels))


def test_the_wide_frame_and_the_csv_hold_every_digit_of_every_result() -> None:
    rows = thousand_rows(1)
    tables = make_tables(rows)
    wide, records = wide_frame(tables), list(csv.DictReader(io.StringIO(to_csv(tables))))
    assert len(wide) == len(records) == sum(len(t.lines) for t in tables)
    lines = [(table.task, line) for table in tables for line in table.lines]
    for (task, line), record in zip(lines, records, strict=True):
        assert (record["task"], record["model"], record["source"]) == (task, line.label, line.source)
        for name in SETS:
            row = line.cells.get(name)
            for metric, (_, value) in METRICS.items():
                number = value(row) if row is not None else None
                assert record[f"{metric} {name}"] == ("" if number is None else repr(number))
    assert wide["parameters"].dtype == "Int64" and wide["psnr Set5"].dtype == "float64"
    assert wide["psnr own"].notna().sum() == sum(r.psnr is not None for r in rows if r.set == "own")


def test_columns_that_nobody_has_are_empty_and_no_rows_make_no_table() -> None:
    tables = make_tables([Row("a", "sr_x2", "Set5", psnr=30.0)], sets=["none", "Set5"])
    assert to_csv(tables).splitlines()[1] == "sr_x2,a,measured,,,,,30.0,"
    assert make_tables([]) == [] and wide_frame([]).empty
    (empty,) = make_tables([Row("a", "sr_x2", "Set5", psnr=30.0)], sets=["none"])
    assert empty.lines == [] and to_csv([empty]).count("\n") == 1


def test_published_rows_join_as_a_slow_reference_says() -> None:
    rng = random.Random(4)
    rows = thousand_rows(2)
    ours = [r for r in rows if not is_published(r)][:50]
    papers = [
        Row(
            f"rival-{rng.randrange(30)}",
            rng.choice(["sr_x2", "sr_x4", "denoise_color_25"]),
            rng.choice([*SETS, "B100"]),
            psnr=None if rng.random() < 0.1 else rng.uniform(30, 34),
            source=f"published: paper {rng.randrange(4)}{', ablation' if rng.random() < 0.2 else ''}",
        )
        for _ in range(400)
    ]
    wanted = {(r.task, r.set) for r in ours}
    near = [r for r in papers if (r.task, r.set) in wanted and r.psnr is not None and "ablation" not in r.source]
    near = [r for r in near if r not in papers[:5]]
    first: dict[tuple[str, str], str] = {}
    expected = [r for r in near if first.setdefault((r.model, r.task), r.source) == r.source]
    assert related([*ours, *papers[:5]], papers) == expected and len(expected) > 20
