"""The typer application and how it ends: 0 done, 1 failed, 2 wrong use; a traceback only with --debug."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_install_completion_arguments

from nas.cli.commands import COMMANDS, fill
from nas.errors import Interrupted, NasError, UsageError, file_error
from nas.signals import listening

#: options that take several values after one flag
SEVERAL = ("--sets", "--models")


def application() -> TyperGroup:
    """The command ``nas`` with all its commands, none of them imported yet."""
    app = typer.Typer(
        name="nas",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Neural architecture search for lightweight image restoration.",
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_common,
    )
    group = fill(typer.main.get_group(app), COMMANDS)
    group.params += get_install_completion_arguments()  # typer adds these to what it builds itself alone
    return group


#: most digits of a number on the command line: it fits into 64 bits
DIGITS = 18


def _version(wanted: bool) -> None:
    if wanted:
        from nas.versions import package_version

        typer.echo(f"jsnas {package_version()}")
        raise typer.Exit


def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options that stand before the command; ``main`` reads --debug itself, wherever it stands."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script; ``--debug`` may stand anywhere on the line.

    Args:
        arguments: The words after ``nas``; those of the process itself by default.

    Raises:
        SystemExit: Always, with the exit code: 0 done, 1 failed, 2 wrong use, 130 or 143 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = spread([w for w in words if w != "--debug"])
    try:
        _refuse_endless_numbers(words)
        with listening(lambda: _interrupted(words)), _rank_zero_prints(words), _silent_mirror():
            sys.exit(application().main(args=words, prog_name="nas", standalone_mode=True))
    except SystemExit as end:
        stopped = _interruption(end, words)
        if stopped is None:
            raise
        _fail(str(stopped), stopped.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Interrupted as stopped:
        _fail(str(stopped), stopped.exit_code)
    except KeyboardInterrupt:
        _fail(_interrupted(words), 130)
    except Exception as error:
        if debug:
            raise
        told = error if isinstance(error, NasError) else file_error(error) if isinstance(error, OSError) else None
        _fail(str(told) if told is not None else _sentence(error), told.exit_code if told is not None else 1)


def _refuse_endless_numbers(words: list[str]) -> None:
    """UsageError for a number that no option holds, of which a library below would say so in its own words."""
    for word in words:
        digits = word.rpartition("=")[2].lstrip("+-")
        is_path = os.path.exists(word)  # noqa: PTH110 (Path.exists fails on a name that is too long)
        if digits.isdecimal() and len(digits) > DIGITS and not is_path:
            raise UsageError(
                f"{word[:12]}... is a number of {len(digits)} digits; no option accepts more than {DIGITS}"
            )


@contextmanager
def _silent_mirror() -> Iterator[None]:
    """Keep the thread that mirrors events for TensorBoard from printing a traceback when its disk is full.

    The log of a run holds everything that the mirror shows, and goes on without it.
    """
    before = threading.excepthook

    def told(failure: threading.ExceptHookArgs) -> None:
        mirrors = type(failure.thread).__module__.partition(".")[0] == "tensorboard"
        if not (mirrors and isinstance(failure.exc_value, OSError)):
            before(failure)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = before


def _sentence(error: Exception) -> str:
    """What is told of a failure that has no sentence of its own: what Python reported, and what to do."""
    if isinstance(error, MemoryError):
        return "out of memory; lower data.batch or data.patch"
    text = " ".join(str(error).split()) or "no further message"
    if "out of memory" in text.lower():
        text += "; lower data.batch or data.patch"
    return f"{type(error).__name__}: {text} (run again with --debug for the traceback)"


@contextmanager
def _rank_zero_prints(words: list[str]) -> Iterator[None]:
    """Of the processes that torchrun starts, rank 0 alone prints; commands for a single process are refused."""
    rank, ranks = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    if ranks == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    command, together = _command(words), [entry.name for entry in COMMANDS if entry.under_torchrun]
    if command and command not in together:
        raise UsageError(f"'nas {command}' is for one process; only {' and '.join(together)} run under torchrun")
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(sys.stdout if rank == 0 else nowhere):
        yield


def _command(words: list[str]) -> str:
    return next((w for w in words if not w.startswith("-")), "")


def _interrupted(words: list[str]) -> str:
    advice = {entry.name: entry.after_interruption for entry in COMMANDS}
    return f"interrupted{advice.get(_command(words), '')}"


def _interruption(end: SystemExit, words: list[str]) -> Interrupted | None:
    """The interruption that the command-line library has made an exit of, if it was one."""
    cause: BaseException | None = end
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt):
            return cause if isinstance(cause, Interrupted) else Interrupted(_interrupted(words))
        cause = cause.__cause__ or cause.__context__
    return None


def spread(words: list[str]) -> list[str]:
    """``--sets Set5 Set14`` as ``--sets Set5 --sets Set14``: several values after one flag, as people write it.

    Sets end at the next option or at something that is a file, models at the next option.
    """
    result: list[str] = []
    flag = ""
    fresh = False  # the flag's own first value is still to come
    for word in words:
        if word.startswith("-"):
            name = word.partition("=")[0]
            flag, fresh = (name if name in SEVERAL else ""), "=" not in word
            result.append(word)
        elif flag and not fresh and not (flag == "--sets" and word.endswith((".safetensors", ".csv"))):
            result += [flag, word]
        else:
            result.append(word)
            flag = flag if fresh else ""
            fresh = False
    return result


def _fail(message: str, code: int) -> None:
    """The sentence and the end. Ranks beside the first repeat neither wrong use nor an interruption: all have them."""
    rank = os.environ.get("RANK", "0") if "TORCHELASTIC_RUN_ID" in os.environ else "0"
    if rank == "0" or code == 1:
        typer.echo(f"nas: {f'rank {rank}: ' if rank != '0' else ''}{message}", err=True)
    sys.exit(code)
