"""The recipes that ship with the package are valid, described, and named where editors find their schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest

from nas.config.json_schemas import retrain_schema, search_schema
from nas.config.reading import build
from nas.config.recipes import for_task, read_recipe, recipe_names, recipe_text, recipe_title, usual_recipe
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import UsageError
from nas.registry import TASKS
from nas.tasks import get_task

KINDS = {"search": SearchSettings, "retrain": RetrainSettings}
SCHEMAS = {"search": search_schema, "retrain": retrain_schema}
NAMES = recipe_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_a_whole_configuration_for_every_task_that_it_names(name: str) -> None:
    tree = read_recipe(name)
    kind = tree.pop("kind")
    assert name.startswith(f"{kind}_")
    for task in [tree["task"], *(t for t in TASKS.names() if get_task(t).family == get_task(tree["task"]).family)]:
        settings = build(KINDS[kind], for_task(tree, task))
        assert settings.data.patch % get_task(task).scale == 0
        assert settings.data.patch // get_task(task).scale >= 16, f"{task}: attention blocks need 15 pixels"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_what_it_is_for_and_how_it_is_called(name: str) -> None:
    text = recipe_text(name)
    kind = name.partition("_")[0]
    assert text.startswith(f"# yaml-language-server: $schema=schemas/{kind}.schema.json\n")
    title = recipe_title(name)
    assert title and not title.startswith(("yaml", " "))
    assert re.search(rf"^#   nas {kind} ", text, re.M) and (f"--config {name} " in text or name.endswith("_small"))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schemas_that_ship_are_those_of_the_settings(kind: str) -> None:
    stored = json.loads((files("nas") / "recipes" / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8"))
    assert stored == SCHEMAS[kind](), f"write it anew: nas schema {kind} --out nas/recipes/schemas/{kind}.schema.json"


def unknown(
    tree: Mapping[str, Any], schema: Mapping[str, Any], whole: Mapping[str, Any], at: str = ""
) -> Iterator[str]:
    """Keys of a tree that a schema does not have."""
    if "$ref" in schema:
        reference = schema["$ref"]
        schema = whole if reference == "#" else whole["$defs"][reference.rpartition("/")[2]]
    properties = schema.get("properties", {})
    for key, value in tree.items():
        more = schema.get("additionalProperties")
        inner = properties.get(key, more if isinstance(more, dict) else None)
        if inner is None:
            if more is False or not properties:
                yield from [] if more is True else [f"{at}{key}"]
            continue
        if isinstance(value, Mapping) and ("$ref" in inner or "properties" in inner or key == "tasks"):
            yield from unknown(value, inner, whole, f"{at}{key}.")


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_finds_no_fault_in_a_recipe(name: str) -> None:
    tree = read_recipe(name)
    schema = SCHEMAS[tree["kind"]]()
    assert list(unknown(tree, schema, schema)) == []
    assert list(unknown({"train": {"stepz": 1}}, schema, schema)) == ["train.stepz"]


@pytest.mark.parametrize("task", TASKS.names())
@pytest.mark.parametrize("kind", KINDS)
def test_every_task_has_a_recipe_to_begin_with(task: str, kind: str) -> None:
    wanted = get_task(task)
    name = usual_recipe(kind, wanted.family, wanted.scale > 1)
    assert get_task(read_recipe(name)["task"]).family == wanted.family


def test_a_family_of_others_begins_like_one_that_enlarges_or_not() -> None:
    assert usual_recipe("search", "colourise", True) == "search_sr_small"
    assert usual_recipe("retrain", "colourise", False) == "retrain_denoise_small"


def test_settings_of_single_tasks_are_laid_over_the_others() -> None:
    tree = {"seed": 2, "data": {"patch": 48, "batch": 3}, "tasks": {"sr_x4": {"data": {"patch": 96}}}}
    assert for_task(tree, "sr_x4") == {"seed": 2, "data": {"patch": 96, "batch": 3}}
    assert for_task(tree, "sr_x2") == {"seed": 2, "data": {"patch": 48, "batch": 3}}
    with pytest.raises(UsageError, match="by names of tasks"):
        for_task({"tasks": ["sr_x4"]}, "sr_x4")


def test_an_unknown_recipe_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="search_sr_small"):
        recipe_text("search_sr_smal")
