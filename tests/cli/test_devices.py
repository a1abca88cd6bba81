"""Every command that takes --device refuses in one way what is not on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nas.cli.app import application
from nas.cli.commands import COMMANDS, CommandEntry, LazyCommand
from nas.cli.options import device_here
from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import UsageError
from nas.evaluation.options import EvaluationOptions
from nas.machine import AUTO, check_device
from nas.profiling.latency import LatencyOptions
from nas.restoration.options import RestorationOptions
from nas.tasks import get_task
from nas.train.training_data import check_settings
from tests.cli.running import run

#: of devices with a name, without one, with a wrong one
ABSENT = ["", "meta", "cuda:-1", "cuda", "cuda:7", "gpu", "tpu", "mps", "xpu", "CPU"]


def commands_with_device(
    entries: tuple[CommandEntry, ...] = COMMANDS, before: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    """The words of every command that has the option."""
    found: list[tuple[str, ...]] = []
    for entry in entries:
        words = (*before, entry.name)
        if entry.commands:
            found += commands_with_device(entry.commands, words)
        elif any("--device" in option.opts for option in LazyCommand(entry).load().params):
            found.append(words)
    return found


WITH_DEVICE = commands_with_device()


@pytest.fixture(autouse=True)
def _only_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_the_commands_that_train_search_and_measure_have_the_option() -> None:
    assert {("search",), ("retrain",), ("evaluate",), ("profile",), ("worker",)} <= set(WITH_DEVICE)


@pytest.mark.parametrize("words", WITH_DEVICE, ids=" ".join)
def test_all_of_them_ask_one_function(words: tuple[str, ...]) -> None:
    command = application()
    for word in words:
        found = command.commands[word]
        command = found.load() if isinstance(found, LazyCommand) else found  # type: ignore[assignment]
    (option,) = [p for p in command.params if "--device" in p.opts]
    assert option.callback is not None
    with pytest.raises(UsageError, match="devices here: cpu"):
        option.callback(None, option, "tpu")  # type: ignore[call-arg,arg-type]


@pytest.mark.parametrize("device", ABSENT, ids="device={}".format)
def test_a_device_that_is_not_here_is_wrong_use(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, "retrain", "jsnet_released", "--task", "sr_x2", "--device", device)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"nas: device {device!r} ") and outcome.err.endswith("devices here: cpu (or auto)\n")


@pytest.mark.parametrize("words", WITH_DEVICE, ids=" ".join)
def test_no_command_goes_further(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    needed = {"worker": ["--storage", "j", "--study", "s"], "models": ["bicubic"]}
    outcome = run(capsys, *words, *needed.get(words[-1], []), "--device", "meta")
    assert (
        outcome.code == 2
        and outcome.err == "nas: device 'meta' is not one that networks run on; devices here: cpu (or auto)\n"
    )


@pytest.mark.parametrize("device", ABSENT, ids="device={}".format)
def test_a_program_is_told_the_same(device: str) -> None:
    settings = build(RetrainSettings, device=device)
    for check in (
        lambda: check_settings(settings, get_task("sr_x2")),
        EvaluationOptions(device=device).check,
        LatencyOptions(device=device).check,
    ):
        with pytest.raises(UsageError, match="devices here: cpu"):
            check()


def test_auto_is_found_out_and_is_the_default_everywhere() -> None:
    assert device_here("auto") == device_here("cpu") == "cpu" and device_here(None) is None
    assert build(RetrainSettings, device="auto").device == build(SearchSettings).device == "cpu"
    assert EvaluationOptions().device == RestorationOptions().device == AUTO


def test_auto_prefers_cuda_then_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr("nas.machine.PREFERRED", ("cuda", "mps", "cpu"))
    assert check_device(AUTO) == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert check_device(AUTO) == "cuda" and build(SearchSettings).device == "cuda"
    assert build(SearchSettings, {"device": "cpu"}).device == "cpu"  # of a run that goes on


@pytest.mark.parametrize("words", WITH_DEVICE, ids=" ".join)
def test_help_names_auto_as_the_default(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, *words, "--help").out
    assert "(auto)" in out


def test_a_run_of_another_machine_can_be_read_here(tmp_path: Path) -> None:
    from nas.train.run import Run

    Run.create(tmp_path, "retrain", build(RetrainSettings, device="cuda:3"))
    assert Run.open(tmp_path).settings.device == "cuda:3"
