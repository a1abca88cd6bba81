"""Configurations read from YAML files, flags and assignments.

A configuration is a tree of small sections. It is read from YAML (``--config``), changed by dotted assignments
(``--set train.optimizer.lr=5e-4``) and by the flags of a command, and written whole into the run folder, so that a
run can be repeated from its own ``config.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import ValidationError

from nas.config.faults import sentence
from nas.config.merging import merged
from nas.config.owners import with_owned_settings
from nas.config.runs import SearchSettings, Settings
from nas.documents import parse_yaml, read_text
from nas.errors import UsageError
from nas.registry import ESTIMATORS, STRATEGIES, load_plugins

#: mappings with free keys: dotted names of a space's settings, keywords of a network
FREE = ("overrides", "network")

S = TypeVar("S", bound=Settings)


def build(
    kind: type[S],
    config: str | Path | Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    **flags: Any,
) -> S:
    """Build a configuration from defaults, a YAML file or mapping, flags, and assignments; the later ones win.

    Args:
        kind: ``SearchSettings`` or ``RetrainSettings``.
        config: A YAML file or a mapping of settings.
        assignments: Strings ``a.b=value``, the value in YAML.
        flags: Settings by name, with two underscores for a dot (``data__patch=48``); None leaves a setting as it is.

    Returns:
        The whole configuration. The plug-ins that it names are loaded, since a strategy may be one of them.

    Raises:
        UsageError: A setting is unknown or its value is not valid.
    """
    # the defaults come first: one inside a section (the learning rate of retraining) must survive a change next to it
    tree: dict[str, Any] = kind().model_dump(mode="json")
    if isinstance(config, Mapping):
        tree = merged(tree, config, FREE)
    elif config is not None:
        tree = merged(tree, read_yaml(Path(config)), FREE)
    for name, value in flags.items():
        if value is not None:
            _assign(tree, name.split("__"), value)
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {text!r} is not of the form key.subkey=value")
        _assign(
            tree,
            key.strip().split("."),
            parse_yaml(value, f"--set {key if key.isprintable() else ascii(key)}", exponents=True),
        )
    settings = parse(kind, tree)
    if isinstance(settings, SearchSettings):
        load_plugins(settings.plugins)  # a strategy or estimator may be one of them
        return cast(S, with_owned_settings(settings))
    return settings


def parse(kind: type[S], tree: Mapping[str, Any]) -> S:
    """Validate a tree of plain values.

    The settings of an unknown strategy or estimator (one of a plug-in that is not loaded) are kept as they are, so that
    a run folder can be inspected without its plug-ins.

    Args:
        kind: ``SearchSettings`` or ``RetrainSettings``.
        tree: Nested mappings of plain values.

    Returns:
        The whole configuration, defaults included.

    Raises:
        UsageError: A setting is unknown or its value is not valid; the message names the first one.
    """
    try:
        settings = kind.model_validate(dict(tree))
    except ValidationError as error:
        raise UsageError(sentence(error, kind)) from None
    if not isinstance(settings, SearchSettings):
        return settings
    if settings.strategy not in STRATEGIES or settings.search.estimator not in ESTIMATORS:
        return settings
    return cast(S, with_owned_settings(settings))


def parse_stored(kind: type[S], tree: Mapping[str, Any]) -> S:
    """``parse`` a configuration that a run or an experiment has stored, perhaps an older version of this program.

    A stored configuration is whole. Where it lacks a setting, there was none, and it keeps the meaning it had: a search
    by gradients that does not say ``search.fused`` was begun in the plain form and continues in it, to the same bytes;
    one that does not say ``search.native`` was begun without compiled gates.

    Args:
        kind: ``SearchSettings`` or ``RetrainSettings``.
        tree: Nested mappings of plain values.

    Raises:
        UsageError: As ``parse``.
    """
    search = tree.get("search")
    if isinstance(search, Mapping) and "warmup" in search:
        tree = {**tree, "search": {"fused": False, "native": False, **search}}
    return parse(kind, tree)


def to_yaml(settings: Settings) -> str:
    """The whole effective configuration as YAML, in the order of its models."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    return text


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file of settings.

    Raises:
        UsageError: The file does not exist, is not valid YAML, is unreasonably large or holds no mapping.
    """
    tree = parse_yaml(read_text(path), f"configuration file {str(path)!r}", exponents=True) or {}
    if not isinstance(tree, Mapping):
        raise UsageError(f"configuration file {str(path)!r} must contain a mapping of settings")
    return tree


def _assign(tree: dict[str, Any], path: list[str], value: Any) -> None:
    if path[0] in FREE and len(path) > 1:  # their keys are themselves dotted names
        tree.setdefault(path[0], {})[".".join(path[1:])] = value
        return
    for part in path[:-1]:
        deeper = tree.setdefault(part, {})
        if not isinstance(deeper, dict):
            raise UsageError(f"setting {'.'.join(path)!r}: {part!r} is a single value and has no settings inside")
        tree = deeper
    if isinstance(value, dict) and isinstance(tree.get(path[-1]), dict):
        tree[path[-1]] = merged(tree[path[-1]], value, FREE)
    else:
        tree[path[-1]] = value
