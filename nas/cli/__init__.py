"""The command ``nas``: one thin file for each command, one place where all of them end.

Read first: ``commands.py`` (the table of all commands), then ``search.py`` as an example of one.
"""

from __future__ import annotations

import sys

from nas.errors import Interrupted
from nas.signals import ignore_from_now_on, listening

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the console script, see ``nas.cli.app.main``; it hears signals before anything slow is imported.

    Args:
        arguments: The words after ``nas``; those of the process itself by default.

    Raises:
        SystemExit: Always, with the exit code.
    """
    try:
        with listening(lambda: "interrupted before anything was done"):
            from nas.cli import app
    except Interrupted as stopped:
        sys.stderr.write(f"nas: {stopped}\n")
        sys.exit(stopped.exit_code)
    try:
        app.main(arguments)
    finally:
        if arguments is None:  # the whole process is this command
            ignore_from_now_on()
