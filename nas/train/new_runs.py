"""What a new run begins with where the user says nothing: the recipe of its task, fitted to strategy, space and model.

Only commands and functions that begin a run ask for it. What came out is written into config.yaml as plain settings,
so a run means the same ever after, whatever becomes of the recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.config.recipes import for_task, read_recipe, usual_recipe
from nas.config.runs import SearchSettings, Settings
from nas.config.search import SearchOptions
from nas.errors import NasError
from nas.registry import BASELINES, ESTIMATORS, STRATEGIES
from nas.space import SKELETONS, SPACES, Space, load_space
from nas.space.document import read_document
from nas.space.schema import NetworkSettings
from nas.tasks import Task, get_task

#: a rise of the learning rate longer than this share of the steps would leave too few for the training
LONGEST_WARMUP = 0.1
#: how the settings of a network begin among the overrides
_NETWORK = "network."


def usual_settings(kind: type[Settings], task: str | Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the usual recipe of a task.

    Args:
        kind: ``SearchSettings`` or ``RetrainSettings``.
        task: The task.
        given: Settings that the user gives, by dotted name: the recipe is fitted to them.

    Returns:
        A tree of settings, as ``nas.config.reading.build`` takes it.
    """
    wanted = get_task(task)
    word = "search" if issubclass(kind, SearchSettings) else "retrain"
    return fitted(kind, read_recipe(usual_recipe(word, wanted.family, wanted.scale > 1)), wanted, given)


def fitted(
    kind: type[Settings], recipe: Mapping[str, Any], task: str | Task, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A recipe without what the chosen strategy, space or model does not have.

    Args:
        kind: ``SearchSettings`` or ``RetrainSettings``.
        recipe: As ``nas.config.recipes.read_recipe`` gives it.
        task: The task.
        given: Settings that the user gives, by dotted name.
    """
    tree = for_task(recipe, get_task(task).name)
    tree.pop("kind", None)
    if issubclass(kind, SearchSettings):
        return _fitted_search(tree, given)
    model = str(given.get("model") or tree.get("model") or "")
    decided = model in BASELINES or model.endswith(".json") or Path(model).is_dir() or "/" in model
    if decided and "network" in tree:  # a baseline has its own keywords, and a genotype of a search says it itself
        tree.pop("network")
    return tree


def shortened(settings: Settings) -> Settings:
    """The settings with a rise of the learning rate that fits their steps, at most ``LONGEST_WARMUP`` of them."""
    steps = settings.train.steps
    if isinstance(settings, SearchSettings) and not STRATEGIES.get(settings.strategy).differentiable:
        steps = settings.search.trial_steps
    changed: dict[str, Any] = {"train": _with_warmup(settings.train, steps)}
    if isinstance(settings, SearchSettings):
        changed["retrain"] = _with_warmup(settings.retrain, settings.retrain.steps)
    return settings.model_copy(update=changed)


def _with_warmup(train: Any, steps: int) -> Any:
    most = int(steps * LONGEST_WARMUP)
    schedule = train.schedule.model_copy(update={"warmup": min(train.schedule.warmup, most)})
    return train.model_copy(update={"schedule": schedule})


def _fitted_search(tree: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    usual = SearchSettings.model_fields
    strategy = given.get("strategy") or tree.get("strategy") or usual["strategy"].default
    search = dict(tree.get("search") or {})
    estimator = given.get("search.estimator") or search.get("estimator") or SearchOptions().estimator
    if strategy in STRATEGIES and estimator in ESTIMATORS:
        owned = {*STRATEGIES.get(strategy).Settings.model_fields, *ESTIMATORS.get(estimator).Settings.model_fields}
        tree["search"] = {k: v for k, v in search.items() if k in owned or k in SearchOptions.model_fields}
    space = given.get("space") or tree.get("space") or usual["space"].default
    if given.get("space") not in (None, tree.get("space")):
        tree.pop("preset", None)  # of the recipe's own space
    own = {key.removeprefix("overrides."): v for key, v in given.items() if key.startswith("overrides.")}
    if "overrides" in tree:
        preset = given.get("preset") or tree.get("preset")
        usual_ones = {} if preset else tree["overrides"]
        tree["overrides"] = {k: v for k, v in usual_ones.items() if k in own or _open_to(str(space), k)}
    return tree


def _open_to(space: str, key: str) -> bool:
    """Whether a recipe may override a setting of a space: its skeleton has it, and no own document says it."""
    try:
        found = load_space(space)
        stated = {} if space in SPACES else read_document(Path(space)).data.get("network") or {}
    except NasError:  # told where the space is used
        return False
    name = key.removeprefix(_NETWORK)
    model = SKELETONS.settings(found.skeleton) or NetworkSettings
    return name in model.model_fields and name not in stated and not _is_open(found, key)


def _is_open(space: Space, key: str) -> bool:
    return any(decision.name == key for decision in space.decisions)
