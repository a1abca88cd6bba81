"""``nas list``: what can be named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.space import Space


def list_command(
    what: Annotated[
        str,
        typer.Argument(
            help="spaces, tasks, protocols, models, strategies, estimators, sets, blocks, skeletons, genotypes, losses or "
            "metrics."
        ),
    ],
    pattern: Annotated[str, typer.Argument(help="Shell wildcard.")] = "*",
    settings: Annotated[
        bool, typer.Option("--settings", help="With the settings that each strategy or estimator owns.")
    ] = False,
    plugin: o.PluginOption = None,
) -> None:
    """List what can be named.

    Example: [bold]nas list tasks 'denoise_*'[/bold]
    """
    from nas.errors import UsageError, did_you_mean
    from nas.registry import load_plugins

    load_plugins(plugin)
    if what not in LISTS:
        raise UsageError(f"there is no list of {what!r}; {did_you_mean(what, LISTS)}")
    if settings and what not in ("strategies", "estimators"):
        raise UsageError(f"--settings goes with strategies and estimators, not with {what}")
    for line in _settings(what, pattern) if settings else LISTS[what](pattern):
        typer.echo(line)


def _spaces(pattern: str) -> list[str]:
    from nas.space import SPACES, load_space

    return [f"{name:12} {count_of(load_space(name))}" for name in SPACES.names(pattern)]


def count_of(space: Space) -> str:
    """How many genotypes a space has, in words."""
    return f"{'' if space.size_is_exact else 'at most '}{space.size():,} genotypes"


def _tasks(pattern: str) -> list[str]:
    from nas.registry import TASKS

    return [f"{name:20} {TASKS.get(name).title}" for name in TASKS.names(pattern)]


def _protocols(pattern: str) -> list[str]:
    from fnmatch import fnmatchcase

    from nas.tasks.protocols import NAMED

    known = [e for e in NAMED if fnmatchcase(e.name, pattern)]
    return [f"{e.name:18} {e.title}; {e.protocol}; for {', '.join(e.tasks)}" for e in known]


def _models(pattern: str) -> list[str]:
    from nas.registry import BASELINES

    return BASELINES.names(pattern)


def _strategies(pattern: str) -> list[str]:
    from nas.registry import STRATEGIES

    return STRATEGIES.names(pattern)


def _estimators(pattern: str) -> list[str]:
    from nas.registry import ESTIMATORS

    return ESTIMATORS.names(pattern)


def _settings(what: str, pattern: str) -> list[str]:
    """Every component with the settings that it owns, as users type them: name, default, meaning."""
    from nas.registry import ESTIMATORS, STRATEGIES

    registry = {"strategies": STRATEGIES, "estimators": ESTIMATORS}[what]
    lines = []
    for name in registry.names(pattern):
        model = registry.get(name).Settings
        defaults = model().model_dump(mode="json")
        lines.append(name)
        lines += [f"  search.{key} = {defaults[key]}: {f.description}" for key, f in model.model_fields.items()]
    return lines


def _sets(pattern: str) -> list[str]:
    from fnmatch import fnmatchcase

    from nas.registry import TASKS

    names = dict.fromkeys(["sample", *(s for t in TASKS.names() for s in TASKS.get(t).sets)])
    return [n for n in names if fnmatchcase(n, pattern)]


def _blocks(pattern: str) -> list[str]:
    from nas.space import BLOCKS

    return [f"{role:9}  {name}" for role, registry in BLOCKS.items() for name in registry.names(pattern)]


def _skeletons(pattern: str) -> list[str]:
    from nas.space import SKELETONS

    found = {name: SKELETONS.settings(name) for name in SKELETONS.names(pattern)}
    return [f"{name}: {', '.join(model.model_fields) if model else 'no settings'}" for name, model in found.items()]


def _genotypes(pattern: str) -> list[str]:
    from nas.space import GENOTYPES

    return GENOTYPES.names(pattern)


def _losses(pattern: str) -> list[str]:
    import nas.train.losses  # noqa: F401  # registers the built-in ones
    from nas.registry import LOSSES

    return [_with_summary(name, LOSSES.get(name)) for name in LOSSES.names(pattern)]


def _metrics(pattern: str) -> list[str]:
    import nas.evaluation.further_metrics  # noqa: F401  # registers the built-in ones
    from nas.registry import METRICS

    return [f"{name:14} {METRICS.get(name).better} is better" for name in METRICS.names(pattern)]


def _with_summary(name: str, thing: object) -> str:
    """A name with the first line of what it stands for says of itself."""
    return f"{name:14} {(thing.__doc__ or '').strip().partition(chr(10))[0]}".rstrip()


#: word after ``nas list`` -> lines for the names that match a wildcard
LISTS: dict[str, Callable[[str], list[str]]] = {
    "spaces": _spaces,
    "tasks": _tasks,
    "protocols": _protocols,
    "models": _models,
    "strategies": _strategies,
    "estimators": _estimators,
    "sets": _sets,
    "blocks": _blocks,
    "skeletons": _skeletons,
    "genotypes": _genotypes,
    "losses": _losses,
    "metrics": _metrics,
}
