"""What users type stays as it is, and its help is printed without importing what carries it out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from nas.cli.commands import COMMANDS, CommandEntry
from tests.cli.running import succeed
from tests.cli.surface import commands, surface

LOADED = dict(commands())
#: libraries that no help page needs
HEAVY = ("torch", "numpy", "scipy", "pandas", "optuna", "matplotlib", "cv2", "skimage", "PIL", "yaml", "safetensors")


def entries(table: tuple[CommandEntry, ...] = COMMANDS, words: str = "") -> Iterator[tuple[str, CommandEntry]]:
    """Every command of the table with the words that call it."""
    for entry in table:
        called = f"{words} {entry.name}".strip()
        if entry.commands:
            yield from entries(entry.commands, called)
        else:
            yield called, entry


def imported_by(*calls: str) -> set[str]:
    """Top-level modules of a fresh process after the help pages ``nas CALL --help``."""
    program = (
        "import sys\nfrom nas.cli import main\n"
        "for call in sys.argv[1:]:\n"
        "    try:\n        main([*call.split(), '--help'])\n"
        "    except SystemExit as end:\n        assert not end.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program, *calls], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_surface_is_the_stored_one() -> None:
    stored = (Path(__file__).parent / "surface.txt").read_text()
    assert surface() == stored, "if this is meant: python -m tests.cli.surface > tests/cli/surface.txt"


@pytest.mark.parametrize(("words", "entry"), list(entries()), ids=[words for words, _ in entries()])
def test_the_line_in_the_list_of_commands_is_the_first_of_the_commands_own_help(
    words: str, entry: CommandEntry
) -> None:
    command: Any = LOADED[words]
    assert command.name == entry.name
    assert (command.help or "").partition("\n")[0] == entry.help


@pytest.mark.parametrize("words", LOADED)
def test_every_command_has_help_with_an_example(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    # the usage line is the first mention, an example the second
    assert " ".join(succeed(capsys, *words.split(), "--help").split()).count(f"nas {words} ") >= 2


@pytest.mark.parametrize("entry", [entry for _, entry in entries()], ids=[words for words, _ in entries()])
def test_every_argument_and_option_says_what_it_is(entry: CommandEntry) -> None:
    module, _, name = entry.function.partition(":")
    hints = get_type_hints(getattr(import_module(f"nas.cli.{module}"), name), include_extras=True)
    described = {parameter: hint.__metadata__[0].help for parameter, hint in hints.items() if parameter != "return"}
    assert described and all(described.values())


def test_the_list_of_commands_imports_none_of_them_and_no_library_but_typers_own() -> None:
    assert not imported_by("") & {*HEAVY, "pydantic"}


def test_the_help_of_no_command_imports_what_carries_it_out() -> None:
    assert not imported_by(*LOADED, "data", "bench") & {*HEAVY}
