"""``nas list``: what can be named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.registry import Registry


def list_command(
    what: Annotated[
        str,
        typer.Argument(
            help="spaces, tasks, protocols, models, strategies, estimators, sets, recipes, runs, blocks, skeletons, "
            "genotypes, losses or metrics."
        ),
    ],
    pattern: Annotated[
        str, typer.Argument(help="Shell wildcard; of runs also the folder that they are in, which is runs by default.")
    ] = "*",
    settings: Annotated[
        bool, typer.Option("--settings", help="With the settings that each strategy or estimator owns.")
    ] = False,
    plugin: o.PluginOption = None,
) -> None:
    """List spaces, tasks, models, strategies, sets, recipes, runs and everything else that has a name.

    Example: [bold]nas list tasks 'denoise_*'[/bold]
    Your runs, finished or not: [bold]nas list runs[/bold] (in the folder runs), [bold]nas list runs FOLDER[/bold]
    Settings of every strategy: [bold]nas list strategies --settings[/bold]
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

    found = {name: load_space(name) for name in SPACES.names(pattern)}
    return [_line(name, f"{space.size_in_words}; {space.title}") for name, space in found.items()]


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

    return [_line(name, BASELINES.get(name).title) for name in BASELINES.names(pattern)]


def _strategies(pattern: str) -> list[str]:
    from nas.registry import STRATEGIES

    return [_described(STRATEGIES, name) for name in STRATEGIES.names(pattern)]


def _estimators(pattern: str) -> list[str]:
    from nas.registry import ESTIMATORS

    return [_described(ESTIMATORS, name) for name in ESTIMATORS.names(pattern)]


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

    from nas.data.set_sources import SET_SOURCES
    from nas.registry import TASKS

    names = dict.fromkeys(["sample", *(s for t in TASKS.names() for s in TASKS.get(t).sets), *SET_SOURCES])
    known = {n: SET_SOURCES.get(n) for n in names if fnmatchcase(n, pattern)}
    return [
        _line(n, f"{source.title}; {source.where}" if source else "a folder of your own pairs")
        for n, source in known.items()
    ]


def _recipes(pattern: str) -> list[str]:
    from fnmatch import fnmatchcase

    from nas.config.recipes import recipe_names, recipe_title

    return [_line(name, recipe_title(name)) for name in recipe_names() if fnmatchcase(name, pattern)]


def _runs(pattern: str) -> list[str]:
    """The runs below the folder ``runs``, or below the folder that is given in place of a wildcard."""
    from fnmatch import fnmatchcase
    from pathlib import Path

    from nas.cli.tables import table_lines
    from nas.report.run_list import list_runs

    given, default = Path(pattern), Path("runs")
    if given.is_dir():
        found = list_runs(given)
    else:
        found = list_runs(default) if default.is_dir() else []
        found = [run for run in found if fnmatchcase(run.folder.name, pattern)]
    if not found:
        where = f"in {pattern!r}" if given.is_dir() else f"called {pattern!r} in the folder {str(default)!r}"
        typer.echo(f"there are no runs {where}; name the folder of your runs: nas list runs FOLDER", err=True)
        return []
    header = ("run", "kind", "of", "task", "seed", "state", "steps", "PSNR dB", "last change")
    lines = [
        (
            *(run.folder, run.kind, run.of, run.task, "" if run.seed is None else run.seed, run.state, run.progress),
            "" if run.psnr is None else f"{run.psnr:.3f}",
            run.date,
        )
        for run in found
    ]
    return [*table_lines(header, lines), *(f"damaged {run.folder}: {run.problem}" for run in found if run.problem)]


def _blocks(pattern: str) -> list[str]:
    from nas.space import BLOCKS

    found = [(role, name, registry) for role, registry in BLOCKS.items() for name in registry.names(pattern)]
    return [f"{role:10} {_line(name, _summary(registry.get(name).factory))}".rstrip() for role, name, registry in found]


def _skeletons(pattern: str) -> list[str]:
    from nas.space import SKELETONS

    found = {name: SKELETONS.settings(name) for name in SKELETONS.names(pattern)}
    return [f"{name}: {', '.join(model.model_fields) if model else 'no settings'}" for name, model in found.items()]


def _genotypes(pattern: str) -> list[str]:
    from nas.space import GENOTYPES, load_genotype

    found = {name: load_genotype(name) for name in GENOTYPES.names(pattern)}
    return [_line(name, f"space {genotype.space_name}, {genotype.hash}") for name, genotype in found.items()]


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
    return _line(name, _summary(thing))


def _summary(thing: object) -> str:
    """The first line of what a class or function says of itself."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


def _line(name: str, description: str) -> str:
    """A name and its description in one line."""
    return f"{name:24} {description}".rstrip()


def _described(registry: Registry[Any], name: str) -> str:
    """A component with the first line of its documentation, or why it cannot be had here."""
    from importlib import import_module

    from nas.errors import NasError

    try:
        return _line(name, _summary(import_module(registry.get(name).__module__)))
    except (ImportError, NasError) as error:
        return _line(name, f"not to be had here: {error}")


#: word after ``nas list`` -> lines for the names that match a wildcard
LISTS: dict[str, Callable[[str], list[str]]] = {
    "spaces": _spaces,
    "tasks": _tasks,
    "protocols": _protocols,
    "models": _models,
    "strategies": _strategies,
    "estimators": _estimators,
    "sets": _sets,
    "recipes": _recipes,
    "runs": _runs,
    "blocks": _blocks,
    "skeletons": _skeletons,
    "genotypes": _genotypes,
    "losses": _losses,
    "metrics": _metrics,
}
