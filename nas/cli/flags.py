"""Which setting each flag stands for: one table for all commands that have settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nas.cli.names import comma_separated, set_names

if TYPE_CHECKING:
    from nas.config.runs import Settings

S = TypeVar("S", bound="Settings")

_RUN = {
    "task": "task",
    "data": "data.path",
    "batch": "data.batch",
    "patch": "data.patch",
    "space": "space",
    "preset": "preset",
    "seed": "seed",
    "device": "device",
    "threads": "threads",
    "plugin": "plugins",
}
_SEARCH = {**_RUN, "cells": "overrides.network.cells", "width": "overrides.network.width"}
#: command -> parameter of its function -> dotted setting
FLAGS: dict[str, dict[str, str]] = {
    "search": {
        **_SEARCH,
        "strategy": "strategy",
        "steps": "train.steps",
        "time": "train.time",
        "order": "search.order",
        "plain": "search.fused",
        "trials": "search.trials",
        "estimator": "search.estimator",
        "objectives": "search.objectives",
        "max_params": "limits.params",
        "max_macs": "limits.macs",
        "max_latency": "limits.latency",
        "latency_table": "limits.latency_table",
        "storage": "study.storage",
        "study": "study.name",
        "workers": "study.workers",
    },
    "ablate": {
        **_SEARCH,
        "strategy": "strategy",
        "steps": "train.steps",
        "time": "train.time",
        "trials": "search.trials",
        "sets": "retrain.sets",
        "benchmarks": "retrain.benchmarks",
    },
    "noise": {**_SEARCH, "steps": "retrain.steps", "lr": "retrain.optimizer.lr"},
    "retrain": {
        **_RUN,
        "model": "model",
        "steps": "train.steps",
        "time": "train.time",
        "lr": "train.optimizer.lr",
        "cells": "network.cells",
        "width": "network.width",
        "init_from": "init_from",
    },
    "bench search-step": {
        "task": "task",
        "space": "space",
        "batch": "data.batch",
        "patch": "data.patch",
        "cells": "overrides.network.cells",
        "threads": "threads",
    },
    "bench data": {
        "task": "task",
        "data": "data.path",
        "batch": "data.batch",
        "patch": "data.patch",
        "model": "model",
        "cells": "network.cells",
        "workers": "data.workers",
        "device": "device",
        "threads": "threads",
    },
}
#: settings that are lists where the flag is a text
_LISTS: dict[str, Callable[[Any], list[str]]] = {"search.objectives": comma_separated, "retrain.sets": set_names}
#: flags that switch a setting off
_NEGATED = ("plain",)


def settings_from(kind: type[S], command: str, given: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> S:
    """The settings of a command: defaults, then the file of --config, then its flags, then --set.

    Args:
        kind: The settings to make.
        command: Name of the command in FLAGS.
        given: Parameters of the command's function by name (its ``locals()`` before anything else is set);
            ``config`` and ``assign`` among them are --config and --set.
        config: A tree of settings in place of the file of --config.

    Returns:
        The whole settings.

    Raises:
        UsageError: When a file, a flag or an assignment is wrong; the message names the setting.
    """
    from nas.config.reading import build

    tree = read_config(given.get("config")) if config is None else config
    flags = {}
    for parameter, setting in FLAGS[command].items():
        value = given[parameter]
        if value is None:
            continue
        if parameter in _NEGATED:
            value = not value
        if setting in _LISTS:
            value = _LISTS[setting](value)
        flags[setting.replace(".", "__")] = str(value) if isinstance(value, Path) else value
    return build(kind, tree, given.get("assign") or (), **flags)


def read_config(path: Path | None) -> dict[str, Any] | None:
    """The tree of a YAML file of settings, without the ``kind`` that a run's own config.yaml begins with."""
    from nas.config.reading import read_yaml

    if path is None:
        return None
    tree = dict(read_yaml(path))
    tree.pop("kind", None)
    return tree
