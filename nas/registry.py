"""From names to what they stand for: blocks, skeletons, spaces, tasks, strategies, baselines, losses, metrics.

A registry is filled in two ways. A decorator (or ``add``) registers an object that is already imported; an entry
point of the registry's group names a module that is imported the first time one of its names is wanted. So a third
party extends the platform from its own distribution, and listing what exists costs no import of torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from nas.errors import UsageError, did_you_mean
from nas.files import resolved

T = TypeVar("T")
F = TypeVar("F")


class Registry(Generic[T]):
    """An ordered map from the name a user types to the object it stands for.

    Attributes:
        kind: The word for such an object in messages ("task", "operation block").
    """

    def __init__(self, kind: str, group: str | None = None, attribute: str | None = None) -> None:
        """Make an empty registry; entry points are looked up when a name is first wanted.

        Args:
            kind: The word for its objects in messages.
            group: Group of the entry points whose values, modules, fill it; None for none.
            attribute: Of such a module the object itself, registered under the name of the entry point and imported
                when asked for. None: the module's function ``provide()`` is called once and registers what it likes.
        """
        self.kind = kind
        self._group = group
        self._attribute = attribute
        self._things: dict[str, T] = {}
        self._lazy: dict[str, Callable[[], T]] = {}
        self._order: dict[str, None] = {}  # names as first registered: loading one must not move it
        self._searched = False

    def add(self, name: str, thing: T) -> T:
        """Register an object.

        Args:
            name: What users type.
            thing: What it stands for; registering the same object again does nothing.

        Returns:
            ``thing``.

        Raises:
            UsageError: Another object has that name.
        """
        if name in self._things and self._things[name] is not thing:
            raise UsageError(f"{self.kind} {name!r} is registered twice; rename one of the two")
        self._lazy.pop(name, None)
        self._things[name] = thing
        self._order.setdefault(name)
        return thing

    def add_lazy(self, name: str, load: Callable[[], T]) -> None:
        """Register a name whose object ``load`` makes (usually: imports) when it is first asked for.

        A name that is registered already keeps its object.
        """
        if name not in self._things:
            self._lazy.setdefault(name, load)
            self._order.setdefault(name)

    def remove(self, name: str) -> None:
        """Forget a name; afterwards it may be registered anew (a notebook that redefines its block, a test)."""
        for names in (self._things, self._lazy, self._order):
            names.pop(name, None)

    def names(self, pattern: str = "*") -> list[str]:
        """All names that match a shell wildcard, in the order of registration."""
        self._search()
        return [n for n in self._order if fnmatchcase(n, pattern)]

    def get(self, name: str) -> T:
        """What ``name`` stands for.

        Raises:
            UsageError: The name is unknown; the message offers the nearest one.
        """
        if name not in self._things:
            self._search()
        if name in self._lazy:
            load = self._lazy[name]
            thing = load()  # importing a module may register the very name
            if name not in self._things:
                self.add(name, thing)
        if name not in self._things:
            raise UsageError(f"unknown {self.kind} {name!r}; {did_you_mean(name, self.names())}")
        return self._things[name]

    def __contains__(self, name: str) -> bool:
        self._search()
        return name in self._things or name in self._lazy

    def _search(self) -> None:
        if self._searched or self._group is None:
            return
        self._searched = True
        for point in entry_points(group=self._group):
            if self._attribute is not None:
                self.add_lazy(point.name, _attribute_loader(point.value, self._attribute))
            else:
                importlib.import_module(point.value).provide()


def _attribute_loader(module: str, attribute: str) -> Callable[[], Any]:
    def load() -> Any:
        return getattr(importlib.import_module(module), attribute)

    return load


def load_plugins(names: Iterable[str | Path] | None) -> None:
    """Import a user's own modules, in order; None is none of them.

    Args:
        names: As ``load_plugin`` takes them.

    Raises:
        UsageError: One of them is absent or fails to import.
    """
    for name in names or ():
        load_plugin(name)


def load_plugin(path: str | Path) -> None:
    """Import a user's own Python code so that its decorators register (``--plugin my_blocks.py``).

    The code is trusted: it is the user's. A file that was loaded before is not run again.

    Args:
        path: A ``.py`` file, or the name of an importable module.

    Raises:
        UsageError: There is no such file or module, or importing it fails.
    """
    text = str(path)
    if not text.endswith(".py"):
        if not all(part.isidentifier() for part in text.split(".")):
            raise UsageError(f"plugin {text!r} is neither a .py file nor the name of a module; give one of them")
        try:
            importlib.import_module(text)
        except ModuleNotFoundError as error:
            raise UsageError(f"plugin {text!r} is neither a .py file nor an importable module ({error})") from error
        return
    file = Path(text)
    if not file.is_file():
        raise UsageError(f"plugin file {text!r} does not exist; give the path of a Python file")
    name = f"nas_plugin_{file.stem}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(resolved(file)):
        return
    spec = importlib.util.spec_from_file_location(name, resolved(file))
    assert spec is not None and spec.loader is not None  # a .py path always has a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UsageError(f"plugin {text!r} failed to import: {type(error).__name__}: {error}") from error


#: name of a task -> ``nas.tasks.Task``
TASKS: Registry[Any] = Registry("task", group="nas.tasks")
#: name of a baseline -> ``nas.models.baseline.Baseline``
BASELINES: Registry[Any] = Registry("model", group="nas.baselines", attribute="BASELINE")
#: name of a strategy -> a subclass of DifferentiableStrategy or DiscreteStrategy, see ``nas.strategies.base``
STRATEGIES: Registry[Any] = Registry("strategy", group="nas.strategies", attribute="STRATEGY")
#: name -> estimator class
ESTIMATORS: Registry[Any] = Registry("estimator", group="nas.estimators", attribute="ESTIMATOR")
#: name -> ``nas.train.losses.Loss``; built-in ones are there once ``nas.train.losses`` is imported
LOSSES: Registry[Any] = Registry("loss", group="nas.losses")
#: name -> ``nas.evaluation.further_metrics.Metric``; built-in ones are there once that module is imported
METRICS: Registry[Any] = Registry("metric", group="nas.metrics")
