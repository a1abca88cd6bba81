"""What may change when a run is resumed: how long, how fast and where it runs, but not what is trained.

Each group of settings says which of its own may change (``Section.changeable``). Of a search by trials less may: a
value found at another learning rate or batch could not be compared with the earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.config.owners import owners
from nas.config.runs import SearchSettings, Settings
from nas.config.sections import Section
from nas.errors import UsageError
from nas.registry import ESTIMATORS, STRATEGIES

#: dotted setting -> (before, after)
Changes = dict[str, tuple[Any, Any]]

STEPS, TRIALS, TIME, PATIENCE = "train.steps", "search.trials", "train.time", "train.patience"
#: what may change in a search by trials, besides what ``study`` holds
_OF_TRIALS = (
    *("device", "threads", "plugins", "data.path", "data.clean", "data.degraded", "data.workers"),
    "data.cache",
    *("limits.latency_table", TIME, TRIALS),
)
#: what a search by gradients has no use for
_ONLY_TRIALS = (TRIALS, "study.")


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of settings by dotted names; lists and empty mappings are values."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = value
    return found


def changes_between(before: Settings, after: Settings) -> Changes:
    """The settings in which two configurations of one kind differ, in their order."""
    old, new = flat(before.model_dump(mode="json")), flat(after.model_dump(mode="json"))
    keys = [*old, *(key for key in new if key not in old)]
    empty = {key for key in keys if (key not in old and new[key] == {}) or (key not in new and old[key] == {})}
    return {k: (old.get(k), new.get(k)) for k in keys if k not in empty and old.get(k) != new.get(k)}


def refuse_fixed(settings: Settings, changes: Changes, run: str) -> None:
    """Refuse changes of what must stay.

    Args:
        settings: The configuration of the run so far.
        changes: What is to be changed.
        run: The run, as messages name it.

    Raises:
        UsageError: A change is not possible; the message names the settings.
    """
    fixed = [key for key in changes if not may_change(settings, key)]
    if not fixed:
        return
    named = ", ".join(f"{key!r} (stays {changes[key][0]!r})" for key in fixed)
    if isinstance(settings, SearchSettings):
        if fixed == [STEPS]:
            raise UsageError(
                f"--resume {run} cannot change {named}: this search is measured in trials; give --trials N"
            )
        mend = "leave it out, or start a new search"
    else:
        mend = f"leave it out, or start a new training from these weights with --init-from {run}"
    raise UsageError(f"--resume {run} cannot change {named}, which decides what the run is; {mend}")


def may_change(settings: Settings, key: str) -> bool:
    """Whether a run with these settings may be resumed with another value of a dotted setting."""
    if isinstance(settings, SearchSettings):
        local = [f"search.{name}" for name in ESTIMATORS.get(settings.search.estimator).local]
        if key in local:
            return True
        if STRATEGIES.get(settings.strategy).differentiable:
            if key.startswith(_ONLY_TRIALS):
                return False
        elif (key not in _OF_TRIALS and not key.startswith("study.")) or (
            key == TRIALS and settings.search.trials == 1
        ):
            return False
        if key.startswith("search.") and key != TRIALS:
            path = key.split(".")[1:]
            return any(_is_changeable(model, path) for model in owners(settings).values())
    return _is_changeable(type(settings), key.split("."))


def _is_changeable(section: type[Section], path: list[str]) -> bool:
    if path[0] not in section.changeable:
        return False
    field = section.model_fields.get(path[0])
    inner = field.annotation if field is not None else None
    if len(path) > 1 and isinstance(inner, type) and issubclass(inner, Section):
        return _is_changeable(inner, path[1:])
    return len(path) == 1


def extends(changes: Changes) -> bool:
    """Whether a finished run has something left to do after these changes."""
    for key in (STEPS, TRIALS, TIME, PATIENCE):
        before, after = changes.get(key, (None, None))
        if key in changes and (after is None or (before is not None and after > before)):
            return True
    return any(key.startswith("search.") and key != TRIALS for key in changes)
