"""One way to hear Ctrl-C and SIGTERM: noted or raised at once, nested, and always with words on how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from nas.errors import Interrupted
from nas.signals import SIGNALS, listening


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """As in the foreground: what a shell starts in the background inherits an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_where_the_work_stands_and_says_how_to_go_on(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match="go on like this") as ended, listening(lambda: "go on like this"):
        os.kill(os.getpid(), number)
        pytest.fail("the work went on")
    assert ended.value.exit_code == 128 + number


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_only_noted_where_the_step_is_to_be_finished(number: signal.Signals) -> None:
    with listening(lambda: "later", at_once=False) as heard:
        assert heard.received == 0
        os.kill(os.getpid(), number)
        assert heard.received == number and heard.interruption().exit_code == 128 + number


def test_a_second_signal_does_not_wait() -> None:
    with pytest.raises(Interrupted), listening(lambda: "twice", at_once=False):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)


def test_of_nested_work_the_outermost_says_how_to_go_on() -> None:
    with pytest.raises(Interrupted, match="outer") as ended, listening(lambda: "outer"), listening(lambda: "inner"):
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.exit_code == 128 + signal.SIGTERM


def test_an_interrupt_that_others_raise_leaves_with_the_same_words() -> None:
    with pytest.raises(Interrupted, match="these words") as ended, listening(lambda: "these words"):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 128 + signal.SIGINT


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("error", [RecursionError, ImportError, AttributeError])
def test_an_interruption_that_a_library_turns_into_another_error_is_still_one(
    number: signal.Signals, error: type[Exception]
) -> None:
    with pytest.raises(Interrupted, match="go on like this") as ended, listening(lambda: "go on like this"):
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise error from None
    assert ended.value.exit_code == 128 + number


def test_an_error_of_work_that_was_only_asked_to_end_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="a fault"), listening(lambda: "later", at_once=False):
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError("a fault")


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with listening(lambda: ""):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_outside_the_main_thread_nothing_is_changed() -> None:
    seen: list[bool] = []

    def work() -> None:
        before = [signal.getsignal(number) for number in SIGNALS]
        with listening(lambda: ""):
            seen.append([signal.getsignal(number) for number in SIGNALS] == before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_work_leaves_the_exit_code_of_the_work(number: int) -> None:
    late = "import atexit, os; atexit.register(lambda: os.kill(os.getpid(), {})); from nas.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", late.format(int(number)), "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("jsnas") and done.stderr == ""
