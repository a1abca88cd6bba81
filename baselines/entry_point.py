"""What the ``BASELINE`` of every baseline is made of: functions that import nothing heavy before they are called."""

from __future__ import annotations

import inspect
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


class lazy:  # noqa: N801  (stands for a function)
    """A function that is imported when it is first called, so that a list of models needs no torch.

    Args:
        target: ``"module:name"``.
    """

    def __init__(self, target: str) -> None:
        self._module, _, self.__name__ = target.partition(":")
        self.__qualname__ = self.__name__
        self.__doc__ = f"See ``{self._module}.{self.__name__}``."

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._function)

    @property
    def _function(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(self._module), self.__name__)
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)


def served(model: str, patterns: tuple[str, ...], task: str) -> Task:
    """A task, if it is one that a model serves.

    Args:
        model: Name of the model, for the message.
        patterns: Names of its tasks; shell wildcards are allowed.
        task: Name of the task.

    Raises:
        UsageError: The model does not serve it; the message says which tasks it does.
    """
    wanted: Task = TASKS.get(task)
    if not any(fnmatchcase(wanted.name, pattern) for pattern in patterns):
        raise UsageError(f"{model} does not serve task {task!r}; choose one of {', '.join(patterns)}")
    return wanted


def without_prefixes(*prefixes: str) -> Callable[[State], State]:
    """A conversion that only removes each of the prefixes, in that order, where all names carry it."""

    def convert(state: State) -> State:
        for prefix in prefixes:
            state = strip_prefix(state, prefix)
        return dict(state)

    return convert


def sizes_from(target: str, convert: Callable[[State], State], model: str) -> Callable[[State], dict[str, Any]]:
    """A ``config_from_state`` (see ``nas.models.baseline.Baseline``) that converts names before it infers sizes.

    Args:
        target: ``"module:name"`` of a function from converted tensors to keywords.
        convert: The conversion of names.
        model: What to call the model in messages.

    Returns:
        The function; it raises a NasError for the tensors of another model.
    """
    infer = lazy(target)

    def config_from_state(state: State) -> dict[str, Any]:
        try:
            found: dict[str, Any] = infer(convert(state))
        except (KeyError, ValueError, IndexError) as error:
            raise NasError(f"these weights are not a {model} (no usable tensor {error}); check the file") from None
        return found

    return config_from_state
