"""The surface of the command line: every command with its arguments and options, as text.

``python -m tests.cli.surface > tests/cli/surface.txt`` stores it after a change that is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nas.cli.app import application
from nas.cli.commands import LazyCommand


def commands(group: Any = None, words: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it, loaded, depth first."""
    for name, command in (application() if group is None else group).commands.items():
        called = f"{words} {name}".strip()
        if isinstance(command, LazyCommand):
            yield called, command.load()
        else:
            yield from commands(command, called)


def surface() -> str:
    """One line for each command, and one for each of its arguments and options below it."""
    lines = []
    for words, command in [("", application()), *commands()]:
        lines.append(f"nas {words}".strip())
        lines += [f"  {_line(parameter)}" for parameter in command.params]
    return "\n".join(lines) + "\n"


def _line(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"{parameter.name}{'...' if parameter.nargs == -1 else ''}"
        return name if parameter.required else f"[{name}]"
    marks = {"required": parameter.required, "repeatable": parameter.multiple, "flag": parameter.is_flag}
    names = " ".join([*parameter.opts, *parameter.secondary_opts])
    return " ".join([names, *(f"({mark})" for mark, on in marks.items() if on)])


if __name__ == "__main__":
    print(surface(), end="")  # noqa: T201
