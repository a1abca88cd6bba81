"""Recipes: commented files of settings that come with the package, by name.

``search_FAMILY_small`` and ``retrain_FAMILY_small`` are what a new search or training begins with unless told
otherwise, for each family of tasks; the others are chosen by ``--config NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from nas.config.merging import merged
from nas.documents import parse_yaml
from nas.errors import UsageError, did_you_mean

#: key of a recipe with what is laid over it for single tasks: pattern of names -> settings
TASKS = "tasks"
#: families of tasks that have recipes of their own stand in the names of the files; others are treated as one of these
_OTHERWISE = {True: "sr", False: "denoise"}


def recipe_names(kind: str = "") -> list[str]:
    """Names of the recipes, sorted.

    Args:
        kind: "search" or "retrain" for those alone.
    """
    found = [entry.name.removesuffix(".yaml") for entry in _folder().iterdir() if entry.name.endswith(".yaml")]
    return sorted(name for name in found if name.startswith(kind))


def recipe_text(name: str) -> str:
    """The file of a recipe as it stands, with its comments.

    Raises:
        UsageError: There is no such recipe.
    """
    if name not in recipe_names():
        raise UsageError(f"there is no recipe {name!r}; {did_you_mean(name, recipe_names())}")
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def recipe_title(name: str) -> str:
    """What a recipe is for: its first comment."""
    comments = [line.removeprefix("# ") for line in recipe_text(name).splitlines() if line.startswith("# ")]
    return next(line for line in comments if not line.startswith("yaml-language-server"))


def read_recipe(name: str) -> dict[str, Any]:
    """The settings of a recipe, with ``kind`` and ``tasks``.

    Raises:
        UsageError: There is no such recipe.
    """
    tree = parse_yaml(recipe_text(name), f"recipe {name!r}", exponents=True)
    assert isinstance(tree, Mapping)
    return dict(tree)


def usual_recipe(kind: str, family: str, enlarges: bool) -> str:
    """The name of the recipe that a new run begins with.

    Args:
        kind: "search" or "retrain".
        family: Of the task.
        enlarges: Whether the task changes the size of images; decides for a family without recipes.
    """
    name = f"{kind}_{family}_small"
    return name if name in recipe_names(kind) else f"{kind}_{_OTHERWISE[enlarges]}_small"


def for_task(tree: Mapping[str, Any], task: str) -> dict[str, Any]:
    """A tree of settings with what it says under ``tasks`` laid over it for one task.

    Args:
        tree: Of a recipe, or of a file that was copied from one; left as it is.
        task: Name of the task.

    Raises:
        UsageError: ``tasks`` holds something else than settings by patterns.
    """
    rest = {key: value for key, value in tree.items() if key != TASKS}
    special = tree.get(TASKS) or {}
    if not isinstance(special, Mapping) or any(not isinstance(more, Mapping) for more in special.values()):
        raise UsageError(
            f"{TASKS!r} contains settings by names of tasks, e.g. {TASKS}: {{sr_x4: {{data: {{patch: 96}}}}}}"
        )
    for pattern, more in special.items():
        if fnmatchcase(task, str(pattern)):
            rest = merged(rest, more)
    return rest


def _folder() -> Traversable:
    return files("nas") / "recipes"
