"""Constraints from the command line: a latency table, a search within it, a smaller genotype of the same search."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.space import Genotype
from tests.cli.running import run, succeed

SMALL = ("--space", "osm", "--cells", "1", "--task", "sr_x2")


def test_from_a_latency_table_to_a_genotype_within_three_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder = tmp_path / "latency.json", tmp_path / "run"
    out = succeed(capsys, "profile", "--latency-table", table, *SMALL, "--size", "16x16", "--repeats", "1")
    assert out.splitlines()[-1] == f"wrote {table}"
    succeed(
        capsys,
        "search",
        *SMALL,
        "--strategy",
        "gdas",
        "--steps",
        "2",
        "--batch",
        "1",
        "--patch",
        "32",
        "--set",
        "data.validation=0",
        "--latency-table",
        table,
        "--max-latency",
        "1e6",
        "--max-params",
        "110k",
        "--max-macs",
        "40G",
        "--out",
        folder,
    )
    found = Genotype.load(folder / "genotype.json")
    succeed(capsys, "derive", folder, "--max-params", "73k")
    smaller = Genotype.load(folder / "genotype-limited.json")
    assert smaller != found and Genotype.load(folder / "genotype.json") == found
    outcome = run(capsys, "derive", folder, "--max-params", "5k")
    assert outcome.code == 1 and "the smallest possible params" in outcome.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("profile",), "give a model to profile"),
        (("search", *SMALL, "--max-latency", "5", "--steps", "1"), "nas profile --latency-table"),
        (("search", *SMALL, "--latency-table", "absent.json", "--max-latency", "5"), "cannot read latency table"),
        (("derive", "nowhere", "--max-latency", "-1"), "not a positive number of milliseconds"),
    ],
)
def test_wrong_use_is_one_sentence(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, *words)
    assert outcome.code == 2 and told in outcome.err
