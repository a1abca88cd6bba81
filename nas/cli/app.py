"""The typer application and how it ends: 0 done, 1 failed, 2 wrong use; a traceback only with --debug."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import typer

from nas.errors import NasError

#: file of each verb under nas.cli, in the order of the help page; each has ``register(app)``
VERBS = (
    "demo", "search", "derive", "retrain", "evaluate", "compare", "report", "listing", "show", "profile", "data", "importing",
    "export", "bench",
)  # fmt: skip


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
        sys.exit(app(words, prog_name="nas", standalone_mode=True))
    except NasError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        _fail("interrupted; continue with --resume RUN", 130)
    except MemoryError:
        if debug:
            raise
        _fail("out of memory; lower data.batch or data.patch", 1)
    except Exception as error:
        if debug:
            raise
        text = " ".join(str(error).split()) or "no further message"
        if "out of memory" in text.lower():
            text += "; lower data.batch or data.patch"
        _fail(f"{type(error).__name__}: {text} (run again with --debug for the traceback)", 1)


def spread(words: list[str]) -> list[str]:
    """``--sets Set5 Set14`` as ``--sets Set5 --sets Set14``: several sets after one flag, as people write it.

    The names end at the next option or at something that is a file.
    """
    result: list[str] = []
    inside = False
    for word in words:
        if word.startswith("-"):
            inside = word == "--sets"
            fresh = inside
            result.append(word)
        elif inside and not fresh and not word.endswith((".safetensors", ".csv")):
            result += ["--sets", word]
        else:
            result.append(word)
            inside = inside and fresh
            fresh = False
    return result


def _fail(message: str, code: int) -> None:
    typer.echo(f"nas: {message}", err=True)
    sys.exit(code)
