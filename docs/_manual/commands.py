"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nas.cli.app import application
from nas.cli.commands import LazyCommand


def command_pages() -> str:
    """A section for each command: what it does, its example, its arguments and its options."""
    return "\n".join(section(words, command) for words, command in commands(application()))


def commands(group: Any, words: str = "nas") -> Iterator[tuple[str, Any]]:
    """Every command with the words that call it, in the order of ``nas --help``."""
    for name, command in group.commands.items():
        called = f"{words} {name}"
        if isinstance(command, LazyCommand):
            yield called, command.load()
        else:
            yield from commands(command, called)


def section(words: str, command: Any) -> str:
    """The section of one command."""
    lines = [f"## {words}", "", *paragraphs(command.help or ""), ""]
    lines += ["| argument or option | value | meaning |", "|---|---|---|"]
    lines += [row(parameter) for parameter in command.params]
    return "\n".join(lines) + "\n"


def paragraphs(text: str) -> list[str]:
    """Help text as Markdown: examples as code, a paragraph a line."""
    text = re.sub(r"\[bold\](.*?)\[/bold\]", lambda m: f"`{plain(m[1])}`", text, flags=re.S)
    text = re.sub(r"\[/?\w+\]", "", text)
    return [line if line.strip() else "" for line in text.replace("\n", "\n\n").splitlines()]


def row(parameter: Any) -> str:
    """A line of the table for one argument or option."""
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.name.upper()]
    flag = getattr(parameter, "is_flag", False)
    default = "" if flag or parameter.default in (None, ()) or callable(parameter.default) else parameter.default
    meaning = plain(parameter.help or "")
    if default not in ("", [], False):
        meaning += f" Default: `{default}`."
    if parameter.required:
        meaning += " Required."
    kind = "" if flag else value_of(parameter)
    if parameter.multiple or parameter.nargs == -1:
        kind += ", repeatable"
    return f"| {', '.join(f'`{name}`' for name in names)} | {kind} | {escaped(meaning)} |"


def value_of(parameter: Any) -> str:
    """What kind of value an argument or option takes."""
    if parameter.metavar:
        return str(parameter.metavar)
    annotation = parameter.type_descriptor.annotation if hasattr(parameter, "type_descriptor") else parameter.type
    text = str(getattr(annotation, "__name__", annotation))
    if text == "list":
        text = str(getattr(annotation.__args__[0], "__name__", "text"))
    return {"str": "text", "Path": "path", "int": "whole number", "float": "number"}.get(text, text)


def plain(text: str) -> str:
    """Text without the marks of rich, on one line."""
    return re.sub(r"\[/?(?:bold|dim|italic|cyan|green|red|yellow)\]", "", " ".join(text.split()))


def escaped(text: str) -> str:
    """Text for a cell of a Markdown table: no bars, no HTML."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(p if i % 2 else p.replace("<", "\\<").replace("*", "\\*") for i, p in enumerate(parts))
