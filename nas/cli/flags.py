"""Which setting each flag stands for: one table for all commands that have settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nas.cli.names import comma_separated, set_names
from nas.errors import UsageError
from nas.files import resolved

if TYPE_CHECKING:
    from nas.config.runs import Settings

S = TypeVar("S", bound="Settings")

_RUN = {
    "task": "task",
    "data": "data.path",
    "clean": "data.clean",
    "degraded": "data.degraded",
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
#: of the commands that time a training
_TRAINING = {
    "task": "task",
    "data": "data.path",
    "batch": "data.batch",
    "patch": "data.patch",
    "model": "model",
    "cells": "network.cells",
    "workers": "data.workers",
    "device": "device",
    "threads": "threads",
    "plugin": "plugins",
}
#: command -> parameter of its function -> dotted setting
FLAGS: dict[str, dict[str, str]] = {
    "search": {
        **_SEARCH,
        "strategy": "strategy",
        "steps": "train.steps",
        "time": "train.time",
        "lr": "train.optimizer.lr",
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
        "workers": "data.workers",
        "cells": "network.cells",
        "width": "network.width",
        "init_from": "init_from",
    },
    "bench search-step": {
        "width": "overrides.network.width",
        "device": "device",
        "task": "task",
        "space": "space",
        "batch": "data.batch",
        "patch": "data.patch",
        "cells": "overrides.network.cells",
        "threads": "threads",
        "plugin": "plugins",
    },
    "bench data": _TRAINING,
    "bench train": _TRAINING,
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

    if given.get("force"):
        raise UsageError("--force goes with --resume: it lets a run go on although its images or versions have changed")
    tree = read_config(given.get("config")) if config is None else config
    return build(kind, tree, given.get("assign") or (), **given_settings(command, given))


def given_settings(command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the flags of a command stand for, by names with two underscores for a dot.

    Args:
        command: Name of the command in FLAGS.
        given: Parameters of its function by name; None is a flag that was not given.
    """
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
    return flags


#: parameters that say how to resume, not with which settings
_HOW = ("resume", "assign", "force", "dry_run", "jobs")


def changes_from(command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the flags beside --resume change, as keywords of ``nas.search`` and ``nas.retrain``.

    Args:
        command: Name of the command in FLAGS.
        given: Parameters of its function by name.

    Raises:
        UsageError: A flag has no meaning beside --resume.
    """
    out = given.get("out")
    others = {**given, "out": None if out is not None and resolved(out) == resolved(given["resume"]) else out}
    refuse_beside_resume(others, [*FLAGS[command], *_HOW])
    changed = given_settings(command, given)
    return {**changed, "assign": given.get("assign") or (), "force": bool(given.get("force"))}


def refuse_beside_resume(
    given: Mapping[str, Any], allowed: Iterable[str], defaults: Mapping[str, Any] | None = None
) -> None:
    """Refuse flags that would be dropped without a word.

    Args:
        given: Parameters of the command's function by name.
        allowed: Those that may be given.
        defaults: Parameters whose default is not None.

    Raises:
        UsageError: Another one was given.
    """
    plain = defaults or {}
    named = [k for k, v in given.items() if k not in set(allowed) and v not in (None, False) and v != plain.get(k)]
    if named:
        flags = ", ".join(_FLAG_NAMES.get(name, "--" + name.replace("_", "-")) for name in named)
        raise UsageError(
            f"{flags} cannot be given with --resume {given['resume']}, whose own configuration counts; change single "
            "settings by their flags or by --set, or start a new run"
        )


_FLAG_NAMES = {"assign": "--set"}


def read_config(path: Path | None) -> dict[str, Any] | None:
    """The tree of a YAML file of settings, without the ``kind`` that a run's own config.yaml begins with."""
    from nas.config.reading import read_yaml

    if path is None:
        return None
    tree = dict(read_yaml(path))
    tree.pop("kind", None)
    return tree
