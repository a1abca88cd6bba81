"""States on disk: whole or not at all, newest first, nothing unpickled."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import NasError
from nas.train.run import Run
from nas.train.state import load_state, random_state, restore_random_state, save_state, seed_everything


def test_a_state_comes_back_equal(tmp_path: Path) -> None:
    save_state(tmp_path, 3, {"weights": torch.arange(5.0), "notes": {"a": [1, 2.5, "x", None]}})
    state = load_state(tmp_path)
    assert state is not None
    assert state["step"] == 3 and state["notes"] == {"a": [1, 2.5, "x", None]}
    assert torch.equal(state["weights"], torch.arange(5.0))


def test_no_state_yet_is_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_two_generations_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"v": step})
    assert sorted(p.name for p in tmp_path.glob("*.pt")) == ["step-000000002.pt", "step-000000003.pt"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "no digest"])
def test_a_damaged_newest_state_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    save_state(tmp_path, 1, {"v": 1})
    newest = save_state(tmp_path, 2, {"v": 2})
    if damage == "truncate":
        newest.write_bytes(newest.read_bytes()[:-10])
    elif damage == "flip":
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(bytes(content))
    else:
        newest.with_suffix(".sha256").unlink()
    state = load_state(tmp_path)
    assert state is not None and state["v"] == 1


def test_when_every_state_is_damaged_the_error_says_so(tmp_path: Path) -> None:
    save_state(tmp_path, 1, {"v": 1}).write_bytes(b"nothing")
    with pytest.raises(NasError, match="damaged"):
        load_state(tmp_path)


def test_random_generators_continue_where_they_were(tmp_path: Path) -> None:
    seed_everything(5)
    torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    save_state(tmp_path, 1, {"random": random_state()})
    expected = (torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random())  # noqa: NPY002
    seed_everything(99)
    state = load_state(tmp_path)
    assert state is not None
    restore_random_state(state["random"])
    assert (torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()) == expected  # noqa: NPY002


def test_what_a_dead_process_left_half_written_is_cleared_and_never_taken(tmp_path: Path) -> None:
    save_state(tmp_path, 1, {"v": 1})
    (tmp_path / "step-000000002.partial").write_bytes(b"half")
    (tmp_path / "step-000000002.sha256.partial").write_text("half")
    state = load_state(tmp_path)
    assert state is not None and state["v"] == 1
    save_state(tmp_path, 3, {"v": 3})
    assert not list(tmp_path.glob("*.partial"))


def test_a_damaged_generation_beyond_the_present_step_takes_no_place_of_a_good_one(tmp_path: Path) -> None:
    for step in (1, 2):
        save_state(tmp_path, step, {"v": step})
    (tmp_path / "step-000000002.pt").write_bytes(b"damaged")
    told: list[str] = []
    state = load_state(tmp_path, told.append)
    assert state is not None and state["v"] == 1 and len(told) == 1 and "step-000000002.pt" in told[0]
    save_state(tmp_path, 1, {"v": 1.5})  # the run goes on from step 1 and saves sooner than it did before
    assert sorted(p.name for p in tmp_path.glob("*.pt")) == ["step-000000001.pt"]


def test_nothing_in_a_state_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    path = tmp_path / "step-000000001.pt"
    torch.save({"step": 1, "learner": Trap()}, path)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(NasError, match="more than tensors") as refused:
        load_state(tmp_path)
    assert "weights_only" not in str(refused.value)
    assert not (tmp_path / "sprung").exists()


def test_a_state_of_a_newer_format_is_refused_with_the_version_that_reads_it(tmp_path: Path) -> None:
    path = save_state(tmp_path, 1, {"v": 1})
    state = torch.load(path, weights_only=True)
    assert state["format"] == "nas.state/1"
    torch.save({**state, "format": "nas.state/2", "jsnas": "7.5"}, path)
    path.with_suffix(".sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(NasError, match=r"'nas.state/2' of jsnas 7.5.*resume the run with jsnas 7.5"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"weights": 3, "scores": {}}', '{"weights": "", "scores": null}', "null"]
)
def test_a_summary_without_its_parts_is_refused_with_what_to_do(content: str, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "search", SearchSettings())
    run.lock.release()
    (tmp_path / "run/summary.json").write_text(content)
    with pytest.raises(NasError, match=r"not the summary of a run; delete it.*--resume"):
        Run.open(tmp_path / "run").summary()


def test_what_a_killed_process_was_writing_is_swept_when_the_run_goes_on(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "search", SearchSettings())
    run.lock.release()
    run.states.mkdir()
    dead, alive = 2**22 + 5, os.getppid()
    left = [run.folder / f".config.{dead}-0123abcd.partial.yaml", run.states / f".step.{dead}-0123abcd.partial.pt"]
    kept = run.folder / f".run.{alive}-0123abcd.partial.lock"
    for file in (*left, kept):
        file.write_text("half")
    with Run.open(run.folder).held():
        assert not any(file.exists() for file in left)
    assert kept.exists()


@pytest.mark.parametrize("damage", ["[" * 5000, "{", "[1]", "x", '{"step": ' + "9" * 5000 + "}"])
def test_damaged_lines_of_the_history_are_told_and_the_others_read(tmp_path: Path, damage: str) -> None:
    run = Run.create(tmp_path / "run", "retrain", RetrainSettings())
    run.lock.release()
    (run.folder / "history.jsonl").write_text(f'{{"step": 1}}\n{damage}\n{{"step": 2}}\n', encoding="utf-8")
    assert [entry["step"] for entry in run.history()] == [1, 2]
    assert len(run.notes) == 1 and "1 line(s)" in run.notes[0]
