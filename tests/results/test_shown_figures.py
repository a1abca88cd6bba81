"""What README, manual and result pages show is what the rows say: figures by digest, tables cell by cell.

A table of numbers has a comment on the line above it, ``<!-- rows FILE... [column=value]... | COLUMN | COLUMN -->``,
with one part per column of the table:

* ``=column``: the cell is the row's value of that column; with ``~column`` the row's value begins with the cell;
* ``psnr/ssim set=Set5``: the numbers in the cell are these values, in this order, of the rows that have the keys of
  this line and ``set`` Set5, rounded as printed; "G" after a number is 1e9. Several such rows must agree, or with
  ``mean`` the cell is their mean;
* ``.``: free text.

A table whose numbers come from elsewhere says so: ``<!-- no rows: REASON -->``.
"""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal

import pytest

from results.make import MADE, ROOT, digests, entries
from tests.docs.markdown import Table, pages, tables, text_of

Row = dict[str, str]
NUMBER = re.compile(r"([+-]?\d[\d,]*(?:\.\d+)?)(\s?G\b)?")
GIGA = Decimal(10) ** 9
ENTRIES = entries()
SHOWN = [p for p in pages() if p == "README.md" or p.startswith(("docs/", "results/"))]
TABLES = [(page, table) for page in SHOWN for table in tables(text_of(page))]
HELD = [(page, table) for page, table in TABLES if table.comment.startswith("rows ")]


@pytest.mark.parametrize("entry", ENTRIES, ids=[e["command"] for e in ENTRIES])
def test_figures_are_not_older_than_what_they_are_made_from(entry: dict[str, object]) -> None:
    made = json.loads(MADE.read_text(encoding="utf-8"))
    assert digests(entry) == made.get(entry["command"]), "figures or their sources changed; run 'make results'"


def test_every_file_among_the_figures_has_a_command() -> None:
    from tests.docs.markdown import tracked

    listed = {f"results/figures/{name}" for entry in ENTRIES for name in entry["figures"]}
    own = {f"results/figures/{name}" for name in (".gitignore", "manifest.yaml", "made.json")}
    assert set(tracked("results/figures/*")) == listed | own


def test_make_results_runs_the_manifest() -> None:
    recipe = re.search(r"^results:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.M)
    assert recipe is not None and "-m results.make" in recipe.group(1)


@pytest.mark.parametrize("page", SHOWN)
def test_commands_beside_figures_are_those_of_the_manifest(page: str) -> None:
    known = {entry["command"] for entry in ENTRIES}
    for command in re.findall(r"(?:nas|python -m)[^\n`|]*results/figures[^\n`|]*", text_of(page)):
        assert command in known


def plain(cell: str) -> str:
    return re.sub(r"[`*]", "", cell)


def rows_of(comment: str) -> tuple[list[Row], list[str]]:
    """The rows that a comment names, and its parts for the columns."""
    source, *columns = [part.strip() for part in comment.removeprefix("rows ").split("|")]
    rows: list[Row] = []
    wanted = dict(word.split("=", 1) for word in source.split() if "=" in word)
    for word in source.split():
        if "=" not in word:
            with (ROOT / word).open(newline="", encoding="utf-8") as file:
                rows += [r for r in csv.DictReader(file) if all(r[k] == v for k, v in wanted.items())]
    return rows, columns


def keyed(rows: list[Row], columns: list[str], line: tuple[str, ...]) -> list[Row]:
    """The rows that the key columns of a line select."""
    for column, cell in zip(columns, line, strict=True):
        name, text = column[1:], plain(cell)
        if column[0] == "=":
            rows = [r for r in rows if r[name] == text]
        elif column[0] == "~":
            rows = [r for r in rows if r[name].startswith((f"{text},", f"{text}:", f"{text}-seed"))]
    return rows


def same(printed: str, unit: str, value: str) -> bool:
    """Whether ``value`` is printed as ``printed`` in ``unit``, at its number of decimals."""
    number = Decimal(printed.replace(",", ""))
    exact = Decimal(value) / (GIGA if unit else 1)
    return abs(number - exact) <= Decimal("0.5").scaleb(int(number.as_tuple().exponent)) + Decimal("1e-9")


def values_of(rows: list[Row], names: list[str], mean: bool) -> list[str]:
    """What the rows say of these columns; [] where they do not agree or there are none."""
    told = {tuple(row[name] for name in names) for row in rows}
    if mean and rows:
        return [str(sum(Decimal(row[name]) for row in rows) / len(rows)) for name in names]
    return list(told.pop()) if len(told) == 1 else []


def faults(table: Table) -> list[str]:
    """Every cell that is not what the rows say."""
    rows, columns = rows_of(table.comment)
    found = []
    for line in table.lines:
        mine = keyed(rows, columns, line)
        for column, cell in zip(columns, line, strict=True):
            if column[0] in "=~." or not plain(cell):
                continue
            names, *options = column.split()
            wanted = dict(option.split("=", 1) for option in options if option != "mean")
            chosen = [r for r in mine if all(r[k] == v for k, v in wanted.items())]
            numbers = NUMBER.findall(plain(cell))
            values = values_of(chosen, names.split("/")[: len(numbers)], "mean" in options)
            if len(values) != len(numbers) or not all(same(n, u, v) for (n, u), v in zip(numbers, values, strict=True)):
                found.append(f"{line[0]}: {cell!r}, but {len(chosen)} rows say {values}")
    return found


@pytest.mark.parametrize(("page", "table"), HELD, ids=[f"{p}: {' '.join(t.head)}" for p, t in HELD])
def test_tables_of_numbers_say_what_the_rows_say(page: str, table: Table) -> None:
    assert len(table.lines) > 1
    assert faults(table) == []


def test_every_table_of_numbers_names_its_rows_or_says_that_there_are_none() -> None:
    for page, table in TABLES:
        decimals = sum(bool(re.search(r"\d\.\d", cell)) for line in table.lines for cell in line)
        marked = table.comment.startswith(("rows ", "no rows: "))
        assert decimals < 2 or marked, f"{page}: the table {' | '.join(table.head)} does not say where it comes from"
    assert len(HELD) >= 4


def test_a_wrong_number_in_a_table_is_noticed() -> None:
    page, table = HELD[0]
    assert page == "README.md"
    changed = tuple(tuple(re.sub(r"^37\.932 / 0\.9603$", "37.931 / 0.9603", c) for c in line) for line in table.lines)
    assert len(faults(Table(table.head, changed, table.comment))) == 1
