"""The supernet that a space needs in which not blocks alone are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.supernet.elastic.paths import PathSupernet
from nas.supernet.elastic.relaxed import RelaxedSupernet
from nas.supernet.supernet import Supernet

if TYPE_CHECKING:
    from nas.space.open_space import OpenSpace


def make_supernet(space: OpenSpace, task: Any, *, paths: bool, **options: Any) -> Supernet:
    """Called by ``Space.supernet``.

    Args:
        space: In which anything may be open.
        task: What its networks are for, or its name.
        paths: Whether it runs a path at a time, so that all decisions are shared and none is relaxed.
        options: Of the skeleton's supernet.

    Raises:
        UsageError: Something cannot be shared or relaxed; the message names it.
    """
    return PathSupernet(space, task) if paths else RelaxedSupernet(space, task, options)
