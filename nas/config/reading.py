"""Every setting of a search and of a training, with its default: the one place where defaults live.

A configuration is a tree of small sections. It is read from YAML (``--config``), changed by dotted
assignments (``--set train.optimizer.lr=5e-4``) and by the flags of a verb, and written whole into the run
folder, so that a run can be repeated from its own ``config.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from nas.config.runs import Settings
from nas.errors import UsageError, did_you_mean

S = TypeVar("S", bound=Settings)


def build(
    kind: type[S],
    config: str | Path | Mapping[str, Any] | None = None,
    assignments: Iterable[str] = (),
    **flags: Any,
) -> S:
    """Defaults, then the YAML file or mapping, then flags that are not None, then ``a.b=c`` assignments.

    A flag's name may be dotted with double underscores (``data__patch=48``). Raises UsageError that names
    the setting and the nearest valid one.
    """
    # the kind's own defaults first: a nested default (retraining's learning rate) must survive a change beside it
    tree: dict[str, Any] = kind().model_dump(mode="json")
    if isinstance(config, Mapping):
        _merge(tree, config)
    elif config is not None:
        _merge(tree, read_yaml(Path(config)))
    for name, value in flags.items():
        if value is not None:
            _assign(tree, name.split("__"), value)
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {text!r} is not of the form key.subkey=value")
        try:
            _assign(tree, key.strip().split("."), _scalar(value))
        except yaml.YAMLError:
            raise UsageError(f"--set {text!r}: the value is not valid YAML") from None
    return parse(kind, tree)


def _scalar(text: str) -> Any:
    value = yaml.safe_load(text)
    if isinstance(value, str):  # YAML 1.1 reads 5e-4 as a string; a person means the number
        try:
            return float(value)
        except ValueError:
            return value
    return value


def parse(kind: type[S], tree: Mapping[str, Any]) -> S:
    """Validate a tree of plain values; the first fault is reported as one sentence."""
    try:
        return kind.model_validate(_numbers(dict(tree)))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(p) for p in fault["loc"])
        if fault["type"] == "extra_forbidden":
            section: type[BaseModel] = kind
            for part in fault["loc"][:-1]:
                annotation = section.model_fields[str(part)].annotation
                if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                    break
                section = annotation
            hint = did_you_mean(str(fault["loc"][-1]), section.model_fields)
            raise UsageError(f"unknown setting {where!r}; {hint}") from None
        raise UsageError(f"setting {where!r}: {fault['msg'].lower()} (got {fault['input']!r})") from None


def to_yaml(settings: Settings) -> str:
    """The whole effective configuration, in the order of this file."""
    text: str = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    return text


def read_yaml(path: Path) -> Mapping[str, Any]:
    """The mapping in a YAML file of settings; UsageError when absent or malformed."""
    if not path.is_file():
        raise UsageError(f"configuration file {str(path)!r} does not exist")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"configuration file {str(path)!r} is not valid YAML: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(tree, Mapping):
        raise UsageError(f"configuration file {str(path)!r} must hold a mapping of settings")
    return tree


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict) and key not in ("overrides", "network"):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _assign(tree: dict[str, Any], path: list[str], value: Any) -> None:
    if path[0] in ("overrides", "network") and len(path) > 1:  # their keys are dotted names themselves
        tree.setdefault(path[0], {})[".".join(path[1:])] = value
        return
    for part in path[:-1]:
        deeper = tree.setdefault(part, {})
        if not isinstance(deeper, dict):
            raise UsageError(f"setting {'.'.join(path)!r}: {part!r} is a single value, it has no parts")
        tree = deeper
    if isinstance(value, dict) and isinstance(tree.get(path[-1]), dict):
        _merge(tree[path[-1]], value)
    else:
        tree[path[-1]] = value


def _numbers(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _numbers(v) for k, v in tree.items()}
    if isinstance(tree, str) and tree[:1].isdigit() and "e-" in tree:
        return _scalar(tree)
    return tree
