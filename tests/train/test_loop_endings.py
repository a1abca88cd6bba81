"""How a training ends: by its steps, its time, the learner's word, a signal; and that it goes on exactly from there."""

from __future__ import annotations

import io
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nas.cli import main
from nas.config.runs import RetrainSettings
from nas.config.training import TrainSettings
from nas.errors import Interrupted
from nas.progress import Progress
from nas.signals import stop_if_asked
from nas.train import loop
from nas.train.events import read_events
from nas.train.loop import Ending, train
from nas.train.run import Run
from nas.train.state import load_state


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """As in the foreground: what a shell starts in the background inherits an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Walk:
    """A learner whose only weight is a random walk of torch's and python's generators."""

    def __init__(self, each_step: Callable[[int], None] | None = None) -> None:
        self.place, self.stopped, self.validated = torch.zeros(()), "", list[int]()
        self._each_step = each_step or (lambda done: None)

    def begin(self, step: int) -> None:
        self.first = step

    def step(self, step: int) -> dict[str, float]:
        self.place += torch.randn(()) + random.random()
        self._each_step(step + 1)
        return {"loss": float(self.place)}

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())

    def validate(self, step: int) -> dict[str, float]:
        self.validated.append(step)
        return {"psnr": float(self.place)}

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place = state["place"]


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings(**{"steps": 9, "log_every": 4, "validate_every": 100, "checkpoint_every": 100, **changes})


def walk(folder: Path, chosen: TrainSettings, learner: Walk) -> Ending:
    """Train in ``folder``, going on with what is there."""
    torch.manual_seed(3)
    random.seed(3)
    run = Run.open(folder) if (folder / "config.yaml").exists() else Run.create(folder, "retrain", RetrainSettings())
    return train(learner, run, chosen, "walk")


def kinds(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [e for e in read_events(folder) if e["kind"] == kind]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time that passes only when told to."""
    now = [100.0]
    monkeypatch.setattr(loop.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_the_time_budget_ends_the_run_as_its_last_step_would(tmp_path: Path, clock: Callable[[float], None]) -> None:
    learner = Walk(lambda done: clock(1.0))
    ending = walk(tmp_path, settings(time=5), learner)
    assert (ending.steps, ending.reason) == (5, "the time budget of 5.0 s is spent")
    assert learner.validated == [5] and ending.scores == {"psnr": float(learner.place)}
    assert [(e["step"], e["reason"]) for e in kinds(tmp_path, "stop")] == [(5, ending.reason)]
    assert kinds(tmp_path, "train")[-1]["step"] == 5  # logged, though not due
    state = load_state(tmp_path / "state")
    assert state is not None and state["step"] == 5 and state["seconds"] == pytest.approx(5)


def test_time_already_spent_counts_after_a_resume_and_lost_work_does_not(
    tmp_path: Path, clock: Callable[[float], None]
) -> None:
    def die(done: int) -> None:
        clock(1.0)
        if done == 4:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        walk(tmp_path, settings(time=5, checkpoint_every=3), Walk(die))
    clock(1000.0)  # while nothing runs, nothing is spent
    learner = Walk(lambda done: clock(1.0))
    assert walk(tmp_path, settings(time=5, checkpoint_every=3), learner).steps == 5
    assert learner.first == 3


def test_a_budget_longer_than_the_steps_changes_nothing(tmp_path: Path, clock: Callable[[float], None]) -> None:
    ending = walk(tmp_path, settings(time=500), Walk(lambda done: clock(1.0)))
    assert (ending.steps, ending.reason) == (9, "") and kinds(tmp_path, "stop") == []


def test_a_learner_that_says_stopped_ends_the_run(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        learner.stopped = "nothing moves" if done == 6 else ""

    learner = Walk(stop)
    ending = walk(tmp_path, settings(), learner)
    assert (ending.steps, ending.reason, learner.validated) == (6, "nothing moves", [6])
    again = Walk()
    resumed = walk(tmp_path, settings(), again)  # as after a crash between the last state and the summary
    assert resumed == ending and again.validated == [] and float(again.place) == float(learner.place)


def test_a_reason_that_comes_with_the_report_ends_the_run_at_that_log_step(tmp_path: Path) -> None:
    class Collapsing(Walk):
        def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
            self.stopped = "collapsed"
            yield "warning", {"message": "collapsing"}

    ending = walk(tmp_path, settings(), Collapsing())
    assert (ending.steps, ending.reason) == (4, "collapsed")
    assert [e["kind"] for e in read_events(tmp_path)] == ["train", "warning", "stop", "validation"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_state_from_which_the_run_goes_on_exactly(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    before = signal.getsignal(number)
    whole = Walk()
    walk(tmp_path / "whole", settings(), whole)
    with pytest.raises(Interrupted, match=r"step 5 of 9; continue with 'nas retrain --resume .*cut'") as ended:
        walk(tmp_path / "cut", settings(), Walk(lambda done: os.kill(os.getpid(), number) if done == 5 else None))
    assert ended.value.exit_code == code and signal.getsignal(number) == before
    resumed = Walk()
    assert walk(tmp_path / "cut", settings(), resumed).scores == {"psnr": float(whole.place)}
    assert resumed.first == 5 and read_events(tmp_path / "cut") == read_events(tmp_path / "whole")


def test_a_signal_at_the_last_step_lets_the_run_finish(tmp_path: Path) -> None:
    learner = Walk(lambda done: os.kill(os.getpid(), signal.SIGTERM) if done == 9 else None)
    assert walk(tmp_path, settings(), learner).steps == 9


def test_a_step_that_takes_an_hour_ends_where_it_asks_and_is_done_again(tmp_path: Path) -> None:
    reached = []

    def long_trial(done: int) -> None:
        if done == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            stop_if_asked()
            reached.append("the rest of an hour of training")

    with pytest.raises(Interrupted, match="at step 2 of 9"):
        walk(tmp_path, settings(checkpoint_every=1), Walk(long_trial))
    state = load_state(tmp_path / "state")
    assert reached == [] and state is not None and state["step"] == 2


def test_a_second_signal_does_not_wait_either(tmp_path: Path) -> None:
    def impatient(done: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="at step 0 of 9"):
        walk(tmp_path, settings(), Walk(impatient))


def test_a_signal_that_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell
    try:
        ending = walk(tmp_path, settings(), Walk(lambda done: os.kill(os.getpid(), signal.SIGINT)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert ending.steps == 9


def test_a_training_within_a_step_names_the_outer_run_when_interrupted(tmp_path: Path) -> None:
    inner = Walk(lambda done: os.kill(os.getpid(), signal.SIGTERM) if done == 2 else None)
    outer = Walk(lambda done: walk(tmp_path / "outer" / "inner", settings(), inner) and None)
    with pytest.raises(Interrupted, match=r"step 0 of 9; .* --resume .*outer'") as ended:
        walk(tmp_path / "outer", settings(), outer)
    assert ended.value.exit_code == 143
    assert load_state(tmp_path / "outer" / "inner" / "state") is not None


def test_a_damaged_newest_state_is_told_and_the_generation_before_it_continues_exactly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Walk()
    walk(tmp_path / "whole", settings(checkpoint_every=3), whole)
    cut = tmp_path / "cut"
    walk(cut, settings(checkpoint_every=3, steps=6), Walk())
    newest = cut / "state" / "step-000000006.pt"
    newest.write_bytes(newest.read_bytes()[:-1])
    capsys.readouterr()
    resumed = Walk()
    walk(cut, settings(checkpoint_every=3), resumed)
    assert resumed.first == 3 and torch.equal(resumed.place, whole.place)
    told = capsys.readouterr().err
    assert "step-000000006.pt" in told and "damaged" in told
    assert sorted(p.name for p in (cut / "state").iterdir()) == sorted(
        p.name for p in (tmp_path / "whole" / "state").iterdir()
    )


def test_a_run_that_had_more_processes_says_what_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk(tmp_path, settings(steps=3), Walk())
    genuine, notes = loop.load_state, list[str]()
    monkeypatch.setattr(loop, "load_state", lambda *given: {**genuine(*given), "ranks": 4})
    monkeypatch.setattr(Progress, "note", lambda self, line: notes.append(line))
    walk(tmp_path, settings(), Walk())
    assert notes[0].startswith("the run has had 4 process(es) and goes on with 1; data.batch is per process")


def test_the_estimate_of_the_time_left_knows_the_budget(clock: Callable[[float], None]) -> None:
    bar = Progress("walk", 1000, io.StringIO(), limit=30)
    clock(10)
    bar.advance(10)
    assert bar.seconds_left() == pytest.approx(20)
    free = Progress("walk", 1000, io.StringIO())
    clock(10)
    free.advance(10)
    assert free.seconds_left() == pytest.approx(990)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_ends_with_the_code_of_the_signal_and_says_how_to_continue(
    number: signal.Signals,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nas.train.network_learner import NetworkLearner

    genuine = NetworkLearner.step

    def step(self: NetworkLearner, step: int) -> dict[str, float]:
        if step == 1:
            os.kill(os.getpid(), number)
        return genuine(self, step)

    words = ["retrain", "jsnet_released", "--task", "sr_x2", "--cells", "1", "--width", "16", "--steps", "4"]
    words += ["--batch", "1", "--patch", "32", "--set", "data.validation=0", "--threads", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(NetworkLearner, "step", step)
        with pytest.raises(SystemExit) as ended:
            main([*words, "--out", str(tmp_path / "run")])
    told = capsys.readouterr().err
    assert ended.value.code == code
    assert f"nas: interrupted at step 2 of 4; continue with 'nas retrain --resume {tmp_path / 'run'}'" in told
    with pytest.raises(SystemExit) as ended:
        main(["retrain", "--resume", str(tmp_path / "run")])
    assert ended.value.code in (0, None) and (tmp_path / "run" / "weights.safetensors").is_file()
