"""The training recipes of baselines: ``recipe.yaml`` in the folder of each."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from nas.config.merging import merged
from nas.documents import read_yaml
from nas.errors import UsageError, did_you_mean
from nas.registry import BASELINES


def recipe(model: str, preset: str, task: str | None = None) -> dict[str, Any]:
    """A training recipe of a baseline.

    Args:
        model: Name of the baseline.
        preset: ``published``, ``small`` or another preset of its ``recipe.yaml``.
        task: Name of a task; what the file says of ``PRESET for TASK`` (wildcards allowed) is laid over the preset,
            setting by setting.

    Returns:
        A tree of settings, as ``nas.config.reading.build`` takes it.

    Raises:
        UsageError: The baseline or the preset is unknown.
    """
    baseline = BASELINES.get(model)
    presets = read_yaml(baseline.folder / "recipe.yaml")
    names = [name for name in presets if " for " not in name]
    if preset not in names:
        raise UsageError(f"model {model!r} has no recipe {preset!r}; {did_you_mean(preset, names)}")
    tree: dict[str, Any] = presets[preset]
    for name, more in presets.items():
        head, _, pattern = name.partition(" for ")
        if head == preset and pattern and task is not None and fnmatchcase(task, pattern):
            tree = merged(tree, more)
    return tree


def under_flags(tree: dict[str, Any], model: str | None, flags: Iterable[str]) -> dict[str, Any]:
    """A tree of settings without the network settings that flags give under the platform's names (--cells, --width).

    Args:
        tree: From a recipe or a file.
        model: What is trained; None: what the tree says.
        flags: Names of the settings of the network that flags give.

    Returns:
        The tree itself, or a copy without those settings.
    """
    name = model or tree.get("model")
    network = tree.get("network")
    if not isinstance(name, str) or name not in BASELINES or not isinstance(network, dict):
        return tree
    aliases = BASELINES.get(name).aliases
    replaced = {aliases[flag] for flag in flags if flag in aliases}
    return {**tree, "network": {k: v for k, v in network.items() if k not in replaced}}
