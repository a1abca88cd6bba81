"""The typer application and how it ends: 0 done, 1 failed, 2 wrong use; a traceback only with --debug."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import typer

from nas.errors import Interrupted, NasError, UsageError

#: file of each verb under nas.cli, in the order of the help page; each has ``register(app)``
VERBS = (
    "demo",
    "search",
    "worker",
    "ablate",
    "noise",
    "derive",
    "retrain",
    "evaluate",
    "compare",
    "report",
    "watch",
    "listing",
    "show",
    "profile",
    "data",
    "importing",
    "export",
    "bench",
)


#: verbs that several processes can do together under torchrun
TOGETHER = ("search", "retrain")
#: options that take several values after one flag
SEVERAL = ("--sets", "--models")
#: what to do after an interruption: verbs with run folders, and verbs that keep what is finished without one
CONTINUED = {
    **dict.fromkeys(("search", "ablate", "noise", "retrain"), "; continue with --resume RUN"),
    **dict.fromkeys(("evaluate", "data"), "; the same command goes on where it stopped"),
}


def build() -> typer.Typer:
    """The application with every verb registered."""
    app = typer.Typer(
        name="nas",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        help="Neural architecture search for lightweight image restoration.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def common(
        debug: bool = typer.Option(False, "--debug", help="Show the traceback when something fails."),
        version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True, callback=_version),
    ) -> None:
        pass

    for verb in VERBS:
        importlib.import_module(f"nas.cli.{verb}").register(app)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from nas.versions import package_version

        typer.echo(f"jsnas {package_version()}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script; ``--debug`` may stand anywhere on the line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = spread([w for w in words if w != "--debug"])
    app: Any = build()
    try:
        with _one_voice(words):
            sys.exit(app(words, prog_name="nas", standalone_mode=True))
    except NasError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
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
    except MemoryError:
        if debug:
            raise
        _fail("out of memory; lower data.batch or data.patch", 1)
    except PermissionError as error:
        if debug:
            raise
        _fail(f"{str(error.filename)!r} may not be read or written; change its permissions", 1)
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split()) or "no further message"
        if "out of memory" in text.lower():
            text += "; lower data.batch or data.patch"
        _fail(f"{type(error).__name__}: {text} (run again with --debug for the traceback)", 1)


@contextmanager
def _one_voice(words: list[str]) -> Iterator[None]:
    """Of the processes that torchrun starts, rank 0 alone prints; verbs that are not for several are refused."""
    rank, ranks = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    verb = next((w for w in words if not w.startswith("-")), "")
    if ranks == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    if verb and verb not in TOGETHER:
        raise UsageError(f"'nas {verb}' is for one process; only {' and '.join(TOGETHER)} run under torchrun")
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(sys.stdout if rank == 0 else nowhere):
        yield


def _interrupted(words: list[str]) -> str:
    verb = next((w for w in words if not w.startswith("-")), "")
    return f"interrupted{CONTINUED.get(verb, '')}"


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
