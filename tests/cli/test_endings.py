"""Every way in which a command can end has its exit code and one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas.cli import main
from nas.errors import Interrupted, NasError, UsageError
from tests.cli.running import run

Ending = Callable[[BaseException], None]
FAILURES = [
    (UsageError("this is wrong; do that"), 2, "this is wrong; do that"),
    (NasError("it failed; mend it"), 1, "it failed; mend it"),
    (MemoryError(), 1, "out of memory; lower data.batch or data.patch"),
    (
        RuntimeError("CUDA out of memory.\nTried to allocate"),
        1,
        "RuntimeError: CUDA out of memory. Tried to allocate; lower data.batch or data.patch"
        " (run again with --debug for the traceback)",
    ),
    (ValueError(), 1, "ValueError: no further message (run again with --debug for the traceback)"),
    (KeyError("x"), 1, "KeyError: 'x' (run again with --debug for the traceback)"),
    (PermissionError(13, "denied", "a/b"), 1, "'a/b' may not be read or written; change its permissions"),
]
INTERRUPTIONS = [
    (KeyboardInterrupt(), 130, "interrupted"),
    (Interrupted("stopped at step 3", 2), 130, "stopped at step 3"),
    (
        Interrupted("stopped at step 3; continue with --resume run", 15),
        143,
        "stopped at step 3; continue with --resume run",
    ),
]


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Makes ``nas list tasks`` end with an exception."""

    def end_with(error: BaseException) -> None:
        def stop(*_: object) -> None:
            raise error

        monkeypatch.setattr("nas.registry.Registry.names", stop)

    return end_with


@pytest.mark.parametrize(("error", "code", "sentence"), [*FAILURES, *INTERRUPTIONS], ids=lambda case: repr(case)[:30])
def test_an_ending_has_its_code_and_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    ending: Ending,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ending(error)
    outcome = run(capsys, "list", "tasks")
    assert (outcome.code, outcome.out, outcome.err) == (code, "", f"nas: {sentence}\n")


@pytest.mark.parametrize("error", [error for error, *_ in FAILURES], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("words", [("--debug", "list", "tasks"), ("list", "tasks", "--debug")])
def test_debug_lets_every_failure_through_wherever_it_stands(
    words: tuple[str, ...],
    error: Exception,
    ending: Ending,
) -> None:
    ending(error)
    with pytest.raises(type(error)) as raised:
        main(list(words))
    assert raised.value is error


def test_only_rank_zero_tells_of_wrong_use_and_any_rank_of_a_failure(
    ending: Ending,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, value)
    refused = run(capsys, "list", "tasks")
    assert (refused.code, refused.err) == (2, "")  # rank 0 says it
    monkeypatch.setattr("nas.engines.search.search", lambda *_, **__: (_ for _ in ()).throw(NasError("no more disk")))
    failed = run(capsys, "search", "--task", "sr_x2")
    assert (failed.code, failed.err) == (1, "nas: rank 1: no more disk\n")
    monkeypatch.setenv("RANK", "0")
    refused = run(capsys, "list", "tasks")
    assert refused.code == 2
    assert refused.err == "nas: 'nas list' is for one process; only search and retrain run under torchrun\n"


def test_help_and_version_end_with_code_0_and_no_command_with_the_list_of_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(capsys, "--version").out.startswith("jsnas ")
    listed = run(capsys, "--help")
    assert listed.code == 0 and "retrain" in listed.out
    assert "retrain" in "".join([(without := run(capsys)).out, without.err])
