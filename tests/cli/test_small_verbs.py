"""The verbs that print: list, show, profile, bench, import."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.cli import main
from nas.registry import BASELINES, STRATEGIES, TASKS


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out = capsys.readouterr()
    assert ended.value.code == 0, out.err
    return out.out


@pytest.mark.parametrize(
    ("what", "names"), [("tasks", TASKS.names()), ("models", BASELINES.names()), ("strategies", STRATEGIES.names())]
)
def test_list_names_everything_registered(what: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    listed = [line.split()[0] for line in run("list", what, capsys=capsys).splitlines()]
    assert listed == names


def test_list_takes_a_wildcard(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(run("list", "tasks", "jpeg_*", capsys=capsys).splitlines()) == 4


@pytest.mark.parametrize("name", BASELINES.names())
def test_every_listed_model_can_be_had(name: str) -> None:
    baseline = BASELINES.get(name)
    assert baseline.name == name and baseline.title and baseline.tasks


def test_show_describes_a_space_and_a_genotype_and_draws_the_cell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "12,230,590,464 genotypes" in run("show", "jsm", capsys=capsys)
    assert "244,140,625 genotypes" in run("show", "jsm", "--preset", "paper", capsys=capsys)
    drawn = tmp_path / "cell.png"
    assert "3 = rb(0) + srb(1) + rb(2)" in run("show", "jsnet_released", "--out", str(drawn), capsys=capsys)
    assert drawn.read_bytes().startswith(b"\x89PNG")


def test_profile_prints_the_published_size_of_jsnet(capsys: pytest.CaptureFixture[str]) -> None:
    text = run("profile", "jsnet", "--task", "sr_x2", capsys=capsys)
    assert "476,467" in text and "104.75 G" in text and "1280x720" in text


def test_bench_prints_ratios_to_the_weight_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = run("bench", "search-step", "--cells", "1", "--batch", "1", "--patch", "32", "--repeats", "1", capsys=capsys)
    lines = text.splitlines()
    assert lines[1].startswith("weight step") and lines[1].split()[-1] == "1.00"
    assert len(lines) == 10 and all(float(line.split()[-1]) > 0 for line in lines[1:9])
