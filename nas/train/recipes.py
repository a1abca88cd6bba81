"""The training recipes of baselines: ``recipe.yaml`` in the folder of each."""

from __future__ import annotations

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
