"""Limits as people type them: a table, a search under it, a smaller genotype of the same search."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.cli import main
from nas.space import Genotype

SMALL = ("--space", "osm", "--cells", "1", "--task", "sr_x2")


def run(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(w) for w in words])
    assert ended.value.code == 0


def test_from_a_latency_table_to_a_genotype_within_three_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, folder = tmp_path / "latency.json", tmp_path / "run"
    run("profile", "--latency-table", table, *SMALL, "--size", "16x16", "--repeats", "1")
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {table}"
    run(
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
    run("derive", folder, "--max-params", "73k")
    smaller = Genotype.load(folder / "genotype-limited.json")
    assert smaller != found and Genotype.load(folder / "genotype.json") == found
    with pytest.raises(SystemExit) as ended:
        main(["derive", str(folder), "--max-params", "5k"])
    assert ended.value.code == 1
    assert "the smallest possible params" in capsys.readouterr().err


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
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
