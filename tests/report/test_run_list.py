"""Lists of runs: every run below a folder is in the list, in the state that it is in; damaged ones are named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nas.errors import UsageError
from nas.report.run_list import list_runs
from nas.train.lock import RunLock, living_owner

CONFIG = "kind: search\ntask: sr_x2\nspace: jsm\nstrategy: gdas\nseed: 3\ntrain: {steps: 40}\n"


def make(folder: Path, config: str = CONFIG, **files: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(config)
    events = [{"step": 20, "kind": "validation", "psnr": 30.5}, {"step": 25, "kind": "train", "loss": 1.0}]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path / "a")
    make(tmp_path / "b" / "inner", summary="{}")
    make(tmp_path / "c", CONFIG.replace("kind: search", "kind: [").replace("seed", "  seed"))
    make(tmp_path / "d", "epochs: 3\n")
    (tmp_path / "e" / "state").mkdir(parents=True)
    (tmp_path / "f" / "pictures").mkdir(parents=True)
    experiment = tmp_path / "g"
    make(experiment / "gdas-1", summary="{}")
    (experiment / "campaign.yaml").write_text("{}")
    return tmp_path


def test_every_run_is_listed_in_the_state_that_it_is_in(root: Path) -> None:
    found = {run.folder.relative_to(root).as_posix(): run for run in list_runs(root)}
    assert {name: run.state for name, run in found.items()} == {
        "a": "interrupted",
        "b/inner": "finished",
        "c": "damaged",
        "d": "damaged",
        "e": "damaged",
        "g/gdas-1": "finished",
    }
    run = found["a"]
    assert (run.kind, run.of, run.task, run.seed, run.progress, run.psnr) == (
        *("search", "jsm gdas", "sr_x2", 3, "25/40"),
        30.5,
    )
    assert run.date[:2] == "20" and not run.problem


@pytest.mark.parametrize(("name", "words"), [("c", "line"), ("d", "what kind of run"), ("e", "no config.yaml")])
def test_a_damaged_run_says_what_is_wrong(root: Path, name: str, words: str) -> None:
    (run,) = list_runs(root / name)
    assert run.state == "damaged" and words in run.problem


def test_a_run_that_a_process_works_on_is_running_and_stays_as_it_is(root: Path) -> None:
    lock = RunLock(root / "a")
    lock.acquire()
    before = sorted(p.name for p in (root / "a").iterdir())
    try:
        assert list_runs(root / "a")[0].state == "running"
        assert sorted(p.name for p in (root / "a").iterdir()) == before
    finally:
        lock.release()
    assert list_runs(root / "a")[0].state == "interrupted"


@pytest.mark.parametrize(("age", "lives"), [(0.0, True), (1000.0, False)])
def test_an_owner_on_another_machine_lives_while_it_gives_signs(tmp_path: Path, age: float, lives: bool) -> None:
    lock = tmp_path / "run.lock"
    lock.write_text(json.dumps({"host": "there", "pid": 1, "place": "there 1"}))
    now = lock.stat().st_mtime
    os.utime(lock, (now - age, now - age))
    assert (living_owner(tmp_path) is not None) == lives


def test_the_best_trial_counts_where_nothing_is_validated(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", CONFIG + "search: {trials: 9}\n")
    trials = [{"step": i, "kind": "trial", "psnr": psnr} for i, psnr in enumerate((28.0, 29.5, float("nan")), 1)]
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in trials))
    (run,) = list_runs(tmp_path)
    assert run.psnr == 29.5 and run.progress == "3/9"


def test_a_folder_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the one that your runs are in"):
        list_runs(tmp_path / "nowhere")
