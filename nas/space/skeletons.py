"""How a third party's skeleton is written: one registered class with typed settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nas.errors import UsageError
from nas.registry import TASKS
from nas.space.blocks import SKELETONS
from nas.space.genotype import Choice, Genotype
from nas.space.skeleton_settings import SkeletonSettings

if TYPE_CHECKING:
    from nas.space.space import Space

K = TypeVar("K", bound="type[Skeleton]")
#: name of a cell in the document -> the blocks on its edges
Cells = Mapping[str, tuple[Choice, ...]]


class Skeleton:
    """Builds the networks of spaces that name it. A subclass is registered by ``skeleton`` and defines ``build``.

    It may also define ``supernet(space, task, **options)`` for strategies with gradients, and ``sites`` (see
    ``nas.space.sites``) for costs without building whole networks.

    Attributes:
        Settings: What a document may say under ``network``.
        sliceable: Whether smaller networks may be parts of larger ones in a supernet (``nas.models.sharing``).
    """

    Settings: ClassVar[type[SkeletonSettings]]
    sliceable: ClassVar[bool] = True

    def build(self, settings: Any, cells: Sequence[Cells], task: Any) -> Any:
        """A new network, freshly initialised.

        Args:
            settings: An instance of ``Settings``, every open one decided.
            cells: For each position that decides for itself, the blocks by the name of the cell; of a space without
                cells it is one empty mapping.
            task: What the network is for; it has ``scale`` and ``channels``.

        Returns:
            An ``nn.Module`` with a ``descriptor`` (``nas.models.descriptor.ModelDescriptor``).
        """
        raise NotImplementedError

    def network(self, space: Space, genotype: Genotype, task: Any) -> Any:
        """The derived network of a genotype, called by ``Space.network``.

        Raises:
            UsageError: The document of the space is of a format in which nothing but blocks is open.
        """
        task = TASKS.get(task) if isinstance(task, str) else task
        if not isinstance(space.network_settings, self.Settings):
            raise UsageError(f"skeleton {space.skeleton!r} needs a space document of format nas.space/2")
        made = self.build(space.network_settings, cells_of(space, genotype), task)
        made.descriptor = replace(made.descriptor, name=space.name)
        return made


def cells_of(space: Space, genotype: Genotype) -> list[Cells]:
    """The blocks of a genotype by position, then by the name of the cell in the document.

    Args:
        space: Settled: with the settings of the genotype.
        genotype: A point of it.
    """
    return [
        {kind: genotype.cells[space.cell_name(kind, i)] for kind in cells} for i, cells in enumerate(space.positions())
    ]


def skeleton(name: str) -> Callable[[K], K]:
    """A decorator that registers a subclass of ``Skeleton``.

    Args:
        name: What documents call it.

    Raises:
        UsageError: Another skeleton has the name.
    """

    def register(kind: K) -> K:
        SKELETONS.add(name, kind())
        return kind

    return register
