"""Every flag of the table is an option of its command and reaches the setting that the table names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas.cli.flags import BEGINNING, FLAGS, read_config, settings_from
from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import UsageError
from nas.train.new_runs import usual_settings
from tests.cli.surface import commands

KINDS = {"retrain": RetrainSettings, "bench data": RetrainSettings, "bench train": RetrainSettings}
#: a value for every parameter, as the command line gives it: unlike any default, and good for its setting
VALUES: dict[str, Any] = {
    "task": "sr_x4",
    "data": ["photos", "more"],
    "clean": ["A", "C"],
    "degraded": ["B", "D"],
    "batch": 3,
    "patch": 60,
    "space": "osm",
    "preset": "paper",
    "seed": 7,
    "device": "cuda",
    "threads": 5,
    "plugin": ["json"],
    "cells": 2,
    "width": 24,
    "strategy": "evolution",
    "steps": 11,
    "time": 90.0,
    "order": "second",
    "trials": 13,
    "estimator": "zero_cost",
    "objectives": "psnr, macs",
    "max_params": 300_000,
    "max_macs": 60_000_000_000,
    "max_latency": 4.5,
    "latency_table": Path("table.json"),
    "storage": "journal.log",
    "study": "mine",
    "workers": 4,
    "sets": ["Set5,Set14", "B100"],
    "benchmarks": "benchmarks",
    "lr": 5e-4,
    "model": "mspan",
    "init_from": Path("x2.safetensors"),
    "plain": True,
}
#: what becomes of a value that is no plain value of its setting
READ: dict[str, Any] = {
    "objectives": ["psnr", "macs"],
    "sets": ["Set5", "Set14", "B100"],
    "latency_table": "table.json",
    "init_from": "x2.safetensors",
    "plain": False,  # of the setting that says the contrary
}
CASES = [(command, parameter) for command, flags in FLAGS.items() for parameter in flags]


def setting(tree: dict[str, Any], dotted: str) -> Any:
    """The value at a dotted path; the keys of ``overrides`` are dotted names themselves."""
    head, _, rest = dotted.partition(".")
    if head == "overrides":
        return tree[head].get(rest)
    return setting(tree[head], rest) if rest else tree[head]


@pytest.mark.parametrize("command", FLAGS)
def test_every_flag_of_the_table_is_an_option_of_its_command(command: str) -> None:
    parameters = {parameter.name for parameter in dict(commands())[command].params}
    assert set(FLAGS[command]) <= parameters


@pytest.mark.parametrize(("command", "parameter"), CASES)
def test_a_flag_reaches_its_setting_and_changes_no_other(command: str, parameter: str) -> None:
    kind = KINDS.get(command, SearchSettings)
    given = dict.fromkeys(FLAGS[command]) | {parameter: VALUES[parameter]}
    expected = build(kind).model_dump(mode="json")
    made = settings_from(kind, command, given, {}).model_dump(mode="json")
    assert setting(made, FLAGS[command][parameter]) == READ.get(parameter, VALUES[parameter])
    touched = {FLAGS[command][parameter].partition(".")[0]}
    if parameter == "strategy":  # which decides what there is to set of the search
        touched.add("search")
    assert {k: v for k, v in made.items() if k not in touched} == {
        k: v for k, v in expected.items() if k not in touched
    }


@pytest.mark.parametrize("command", FLAGS)
def test_without_flags_the_settings_are_the_defaults(command: str) -> None:
    kind = KINDS.get(command, SearchSettings)
    made = settings_from(kind, command, dict.fromkeys(FLAGS[command]))
    recipe = usual_settings(kind, "sr_x2", {}) if command in BEGINNING else {}
    assert made == build(kind, recipe)


def test_a_flag_wins_over_the_file_and_an_assignment_over_the_flag(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("kind: search\nseed: 3\ntrain: {steps: 5}\noverrides: {network.cells: 4, network.width: 8}\n")
    given = dict.fromkeys(FLAGS["search"]) | {
        "config": file,
        "steps": 6,
        "cells": 2,
        "seed": 4,
        "assign": ["seed=9"],
    }
    made = settings_from(SearchSettings, "search", given)
    assert (made.seed, made.train.steps) == (9, 6)
    assert made.overrides == {"network.cells": 2, "network.width": 8}


def test_a_run_s_own_configuration_is_read_without_its_kind(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("kind: search\nseed: 3\n")
    assert read_config(file) == {"seed": 3}
    assert read_config(None) is None
    with pytest.raises(UsageError, match=r"absent\.yaml"):
        read_config(tmp_path / "absent.yaml")
