"""What ``--help`` says of defaults that are decided elsewhere: in the settings, in the recipe of a task, by a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer.core import TyperCommand

#: the task whose recipe is shown
SHOWN = "sr_x2"
#: kind of a run -> settings that the small recipe of that task decides, copied: to read it would slow the help down
OF_RECIPES: dict[str, dict[str, float]] = {
    "search": {
        "train.steps": 1500,
        "train.optimizer.lr": 1e-3,
        "data.patch": 48,
        "data.batch": 8,
        "retrain.steps": 3000,
        "retrain.optimizer.lr": 1e-3,
    },
    "retrain": {"train.steps": 3000, "train.optimizer.lr": 1e-3, "data.patch": 48, "data.batch": 8},
}
#: (command, option) -> where it writes, or what it takes, if nothing is said
BY_COMMAND = {
    ("demo", "out"): "demo",
    ("demo", "seed"): "1",
    ("search", "out"): "runs/search-SPACE-TASK-STRATEGY-seedN",
    ("ablate", "out"): "a new folder below runs",
    ("noise", "out"): "a new folder below runs",
    ("derive", "out"): "genotype.json in the run folder",
    ("retrain", "out"): "runs/retrain-MODEL-TASK-seedN",
    ("evaluate", "out"): "rows.csv",
    ("evaluate", "sets"): "those of the task, without --data the sample set",
    ("evaluate", "protocol"): "that of the task",
    ("compare", "out"): "comparison",
    ("compare", "task"): "that of the rows",
    ("report", "out"): "report.html, of one run in its folder",
    ("show", "out"): "draws nothing",
    ("schema", "out"): "prints it",
    ("import", "out"): "MODEL_TASK.safetensors",
    ("export", "out"): "beside the weights",
    ("prepare", "out"): "SOURCE-TASK",
    ("prepare", "task"): "sr_x2",
    ("profile", "space"): "jsm",
}
#: option -> what it takes if nothing is said, in every command
EVERYWHERE = {
    "data": "the photographs inside scikit-image",
    "preset": "that of the document",
    "cells": "those of the space",
    "width": "that of the space",
    "base_width": "that of the space",
    "threads": "1 for a search on few cores, else torch's choice",
    "memory": "what is free",
    "order": "first",
    "task": "that of the model",
}


def show_defaults(name: str, command: TyperCommand) -> None:
    """Complete the help of a command: every option that takes a value says what holds without it.

    Args:
        name: Of the command.
        command: As typer has made it; changed.
    """
    for option in command.params:
        if option.param_type_name != "option" or option.required or getattr(option, "is_flag", False):
            continue
        if option.default not in (None, ()) or isinstance(option.show_default, str):  # type: ignore[attr-defined]
            continue
        option.show_default = default_of(name, str(option.name))  # type: ignore[attr-defined]


def default_of(command: str, option: str) -> str:
    """What holds if an option is not given, in words."""
    from nas.cli.flags import BEGINNING, FLAGS

    special = BY_COMMAND.get((command, option))
    flags = FLAGS.get(command) or FLAGS.get(f"bench {command}", {})
    if special is not None or option not in flags:
        return special or EVERYWHERE.get(option, "none")
    path = flags[option]
    usual = OF_RECIPES["retrain" if command == "retrain" else "search"].get(path)
    if usual is not None and command in BEGINNING:
        return f"{_shown(usual)} for {SHOWN}, by the recipe of the task"
    value = _plain(command, path)
    return _shown(value) if value not in (None, [], 0) else EVERYWHERE.get(option, "none")


def _plain(command: str, path: str) -> Any:
    """The default of a setting, read off its model: to build whole settings would import what carries them out."""
    from nas.config.runs import RetrainSettings, SearchSettings

    kind = RetrainSettings if command in ("retrain", "data", "train") else SearchSettings
    head, _, rest = path.partition(".")
    value: Any = kind.model_fields[head].default
    for part in rest.split(".") if rest else ():
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return value


def _shown(value: Any) -> str:
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
