"""Commands begin with what they will do and end with cost, next command and artefact."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.docs.test_commands import understand

SMALL = ("--cells", "1", "--batch", "1", "--patch", "32", "--threads", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def ending(out: str) -> tuple[str, list[str], str]:
    """The last three lines: the cost, the words of the next command, what was written."""
    cost, following, wrote = out.splitlines()[-3:]
    assert following.startswith("next: nas ")
    return cost, shlex.split(following.removeprefix("next: nas ")), wrote


def test_search_then_retrain_then_evaluate_lead_from_one_to_the_next(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    searched = folder / "search"
    done = run(capsys, "search", "--space", "jsm", "--task", "sr_x2", "--steps", "3", *SMALL, "--out", searched)
    first = done.err.splitlines()[0]
    assert first.startswith("search space jsm (12,230,590,464 genotypes) by pc_darts for sr_x2: 4 training and 1 ")
    assert first.endswith(f"3 steps of 1 patches, 32 pixels wide; on cpu; into {searched}")
    cost, words, wrote = ending(done.out)
    assert " parameters, " in cost and wrote == f"wrote {searched}/genotype.json"
    assert words == ["retrain", str(searched), "--task", "sr_x2"]
    understand(words)

    trained = folder / "trained"
    more = ("--batch", "1", "--patch", "32", "--steps", "2", "--out", trained)
    done = run(capsys, *words, *more)
    assert done.err.startswith("train jsm ") and "2 steps of 1 patches" in done.err.splitlines()[0]
    assert "below bicubic" in done.err  # the image skip is there, but two steps are none
    assert "2 steps are few" in done.err and "does not add its input" not in done.err
    cost_again, words, wrote = ending(done.out)
    assert cost_again == cost and wrote == f"wrote {trained}/weights.safetensors"
    assert words == ["evaluate", str(trained), "bicubic", "--task", "sr_x2"]
    understand(words)

    rows = folder / "rows.csv"
    done = run(capsys, *words, "--out", rows)
    assert done.err.splitlines()[0].startswith("evaluate jsm, bicubic on sample (2 images) for sr_x2, protocol Y")
    following, wrote = done.out.splitlines()[-2:]
    assert following == f"next: nas compare {rows} --task sr_x2" and wrote == f"wrote {rows}"


def test_a_run_that_goes_on_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "retrain", "--resume", folder / "trained", "--steps", "3")
    assert done.code == 0, done.err
    assert done.err.splitlines()[0] == f"retrain {folder / 'trained'} for sr_x2 goes on after step 2 of 3 steps; on cpu"


def test_runs_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys, "list", "runs", folder).out.splitlines()
    assert [line.split()[0] for line in lines] == ["run", str(folder / "search"), str(folder / "trained")]
    assert lines[1].split()[1:8] == ["search", "jsm", "pc_darts", "sr_x2", "1", "finished", "3/3"]


def test_a_folder_without_runs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = run(capsys, "list", "runs", tmp_path)
    assert done.code == 0 and done.out == "" and f"there are no runs in {str(tmp_path)!r}" in done.err


def test_machine_readable_output_stays_pure(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert json.loads(run(capsys, "schema", "retrain").out)["properties"]["kind"] == {
        "const": "retrain",
        "description": "what the settings are of",
    }
