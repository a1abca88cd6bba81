"""--help shows every default, and one thing has one flag."""

from __future__ import annotations

import pytest

from nas.cli.app import application
from nas.cli.defaults import OF_RECIPES, SHOWN, default_of, show_defaults
from nas.config.changes import flat
from nas.config.recipes import for_task, read_recipe, usual_recipe
from tests.cli.running import succeed
from tests.cli.surface import commands

COMMANDS = dict(commands())


@pytest.mark.parametrize("words", COMMANDS)
def test_every_option_that_takes_a_value_says_its_default(words: str) -> None:
    command = COMMANDS[words]
    show_defaults(words.split()[-1], command)
    for option in command.params:
        if option.param_type_name == "option" and not option.required and not option.is_flag:
            said = option.show_default if isinstance(option.show_default, str) else option.default
            assert said not in (None, "", ()), option.name


def test_defaults_of_a_recipe_are_those_that_a_run_begins_with() -> None:
    assert default_of("search", "steps").startswith("1500 ") and default_of("retrain", "steps").startswith("3000 ")
    assert default_of("search", "order") == "first" and default_of("retrain", "model") == "jsnet_released"
    assert default_of("train", "steps") == "none"  # which has no such option


@pytest.mark.parametrize("kind", OF_RECIPES)
def test_the_copies_are_those_of_the_recipe(kind: str) -> None:
    tree = for_task(read_recipe(usual_recipe(kind, "sr", True)), SHOWN)
    assert {path: value for path in OF_RECIPES[kind] if (value := flat(tree).get(path)) is not None} == OF_RECIPES[kind]


def test_help_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[default: (rows.csv)]" in succeed(capsys, "evaluate", "--help")


@pytest.mark.parametrize("words", COMMANDS)
def test_one_thing_has_one_flag(words: str) -> None:
    names = {name for option in COMMANDS[words].params for name in option.opts}
    assert not names & {"--learning-rate", "--path", "--output", "--plugins", "--dataset", "--batch-size"}


def test_the_shell_can_complete_the_words() -> None:
    options = {name for option in application().params for name in option.opts}
    assert {"--install-completion", "--show-completion"} <= options
