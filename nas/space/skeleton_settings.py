"""What a skeleton can be told: a typed model of settings, read from a document with errors that name path and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nas.errors import UsageError
from nas.space.document import Document, Location, dotted
from nas.space.schema import schema_error

S = TypeVar("S", bound="SkeletonSettings")


class SkeletonSettings(BaseModel):
    """Base of the settings of a skeleton: plain data of declared types, never changed, unknown keys refused.

    A subclass gives every field a type and a description, and overrides ``problems`` where fields must fit together.
    The rest is for skeletons with blocks, and for settings that make others irrelevant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def positions(self) -> Mapping[str, int]:
        """How many cells decide for themselves, by what a space may share: all, stage or cell.

        A number must not fall where an ordered setting grows. What is absent cannot be asked for.
        """
        return {"all": 1}

    def channels(self, role: str) -> int | None:
        """How many channels a block of a role is given; None where that is not said."""
        return None

    def canonical(self: S) -> S:
        """The settings that stand for all which give the same network: what has no effect has its default."""
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What types alone cannot see.

        Yields:
            Where it stands among the settings, and one sentence: what is wrong and how to mend it.
        """
        yield from ()

    def check(self) -> None:
        """Raise a UsageError for the first of the ``problems``; it names its place."""
        for location, problem in self.problems():
            raise UsageError(f"{dotted(location)}: {problem}")


def read_settings(model: type[S], document: Document, at: Location) -> S:
    """The settings that stand in a document.

    Args:
        model: Their model.
        document: The document.
        at: Where in it they stand.

    Returns:
        The settings, complete and without problems.

    Raises:
        DocumentError: The first fault, with its path, its line and the nearest valid name.
    """
    found: object = document.data
    for part in at:
        found = found[part]  # type: ignore[index]  # the caller knows that it is there
    try:
        settings = model.model_validate(found)
    except ValidationError as error:
        raise schema_error(document, error, model, at) from None
    for location, problem in settings.problems():
        raise document.error(at + location, problem)
    return settings
