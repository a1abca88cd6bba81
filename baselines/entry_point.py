"""What the ``BASELINE`` of every baseline is made of: functions that import nothing heavy before they are called."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING, Any

from baselines.conversion import strip_prefix
from nas.errors import NasError, UsageError
from nas.registry import TASKS

if TYPE_CHECKING:
    import torch

    from nas.tasks import Task

    State = dict[str, torch.Tensor]


def lazy(target: str) -> Callable[..., Any]:
    """The function ``module:name``, imported when it is first called (a list of models needs no torch)."""
    module, _, name = target.partition(":")

    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(module), name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"See ``{module}.{name}``."
    return call


def served(model: str, patterns: tuple[str, ...], task: str) -> Task:
    """The task ``task``; UsageError that names the tasks of ``model`` when it is none of them."""
    wanted: Task = TASKS.get(task)
    if not any(fnmatchcase(wanted.name, pattern) for pattern in patterns):
        raise UsageError(f"{model} does not serve task {task!r}; choose one of {', '.join(patterns)}")
    return wanted


def without_prefixes(*prefixes: str) -> Callable[[State], State]:
    """A conversion that only removes each of the prefixes, in order, where all names carry it."""

    def convert(state: State) -> State:
        for prefix in prefixes:
            state = strip_prefix(state, prefix)
        return dict(state)

    return convert


def sizes_from(target: str, convert: Callable[[State], State], model: str) -> Callable[[State], dict[str, Any]]:
    """``config_from_state`` by the function ``target`` of converted names; NasError if they are of another model."""
    infer = lazy(target)

    def config_from_state(state: State) -> dict[str, Any]:
        try:
            found: dict[str, Any] = infer(convert(state))
        except (KeyError, ValueError, IndexError) as error:
            raise NasError(f"these weights are not a {model} (no usable tensor {error}); check the file") from None
        return found

    return config_from_state
