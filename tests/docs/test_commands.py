"""Every command that the documentation shows is one that the command line understands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from nas.cli import app
from tests.docs.markdown import ROOT, Block, blocks, pages, prose, text_of

PAGES = pages()
#: languages of the blocks that hold no commands to be checked; bash is for scripts
NOT_COMMANDS = ("python", "yaml", "toml", "bash")
#: what the parser raises; some versions of typer carry a click of their own
ParserError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def command_tree() -> Any:
    """The parser of ``nas``."""
    return app.application() if hasattr(app, "application") else typer.main.get_command(app.build())


def commands(block: Block) -> Iterator[list[str]]:
    """Words of the commands in a block. ``$NAME`` stands for what ``NAME="..."`` in the same block says."""
    given: dict[str, str] = {}
    text = "\n".join(block.lines).replace("\\\n", " ")
    for name, value in re.findall(r'^(\w+)="([^"]*)"', text, re.M):
        given[name] = re.sub(r"\$(\w+)", lambda m: given[m.group(1)], value)
    text = re.sub(r'^\w+="[^"]*"$', "", text, flags=re.M)
    text = re.sub(r"\$([A-Z]\w*)", lambda m: given[m.group(1)], text)
    for line in text.splitlines():
        if re.match(r"(\$ )?(nas|make|python|pip|torchrun) ", line):
            yield shlex.split(line.removeprefix("$ "), comments=True)


def inline(text: str) -> Iterator[list[str]]:
    """Commands in backticks in the running text, a placeholder in capitals for a command left out."""
    for found in re.findall(r"`(nas [^`]+)`", prose(text).replace("\n", " ")):
        words = shlex.split(found)
        if not words[1].isupper():
            yield words


def understand(words: list[str]) -> None:
    """Parse ``words`` after ``nas`` as the command line does, without running anything; a fault raises."""
    command, rest = command_tree(), app.spread([w for w in words if w != "--debug"])
    context = typer.Context(command, info_name="nas")
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        context = typer.Context(command, info_name=name, parent=context)
    command.make_context(command.name, list(rest), parent=context.parent)


def check(words: list[str], page: str, text: bool = False) -> None:
    program, *rest = words
    if program == "torchrun":
        program, rest = "nas", rest[rest.index("nas") + 1 :]
    try:
        if program == "nas" and (text or "--help" in rest):
            mention(rest)
        elif program == "nas":
            understand(rest)
        elif program == "make":
            targets = set(re.findall(r"^(\w+):", text_of("Makefile"), re.M))
            assert {w for w in rest if "=" not in w} <= targets
        elif program == "pip":
            extras = {e for w in rest for e in re.findall(r"\[(.*)\]", w)}
            project = tomllib.loads(text_of("pyproject.toml"))["project"]
            assert extras <= set(project["optional-dependencies"])
    except (ParserError, AssertionError, KeyError) as error:
        reason = error.format_message() if isinstance(error, ParserError) else str(error)
        pytest.fail(f"{page}: {shlex.join(words)}: {reason}")


def mention(words: list[str]) -> None:
    """That the running text names commands and options that there are; it may leave arguments out."""
    command = command_tree()
    while hasattr(command, "commands") and words and words[0][0] != "-":
        found = command.get_command(typer.Context(command), words[0])
        assert found is not None, f"no command {words[0]!r}"
        command, words = found, words[1:]
    command = command.load() if hasattr(command, "load") else command
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "--debug"}
    assert {w.partition("=")[0] for w in words if w.startswith("-")} <= known, f"options are {sorted(known)}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_blocks_are_understood(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.machine.devices", lambda: ["cpu", "cuda", "cuda:0"])  # the manual speaks of GPUs
    for block in blocks(text_of(page)):
        if block.language not in NOT_COMMANDS and not block.comment.startswith("output of"):
            for words in commands(block):
                check(words, page)


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_are_understood(page: str) -> None:
    for words in inline(text_of(page)):
        check(words, page, text=True)


@pytest.mark.parametrize("wrong", ["search --spice jsm", "sarch --space jsm", "data look photos", "report"])
def test_a_command_that_is_not_understood_is_noticed(wrong: str) -> None:
    with pytest.raises(ParserError):
        understand(wrong.split())


@pytest.mark.parametrize("wrong", ["search --spice", "sarch", "data look"])
def test_a_mention_of_what_there_is_not_is_noticed(wrong: str) -> None:
    with pytest.raises(AssertionError):
        mention(wrong.split())


OUTPUTS = [(p, b) for p in PAGES for b in blocks(text_of(p)) if b.comment.startswith("output of: ")]


@pytest.mark.parametrize(("page", "block"), OUTPUTS, ids=[b.comment for _, b in OUTPUTS])
def test_printed_output_is_what_the_command_prints(page: str, block: Block) -> None:
    """Lines that stand between "..." follow one another; what the dots leave out may be anything."""
    words = shlex.split(block.comment.removeprefix("output of: nas "))
    done = subprocess.run(
        [sys.executable, "-m", "nas", *words],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
    )
    rest = done.stdout
    for part in "\n".join(block.lines).split("\n...\n"):
        assert part in rest, f"{page}: '{block.comment}' is another one now"
        rest = rest.partition(part)[2]


def test_there_are_outputs_to_compare() -> None:
    assert {b.comment.split()[3] for _, b in OUTPUTS} == {"show", "watch"}
