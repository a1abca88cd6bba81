"""What an edge can hold: the registries of candidate blocks and of network skeletons.

A block is one class or function with a decorator::

    @block("operation")
    class my_block(nn.Module):
        def __init__(self, channels: int) -> None: ...

Its factory is called as ``factory(channels, **options)`` and returns a module that keeps channels and size. Blocks in
a module that imports torch are *declared* by the ``provide()`` of their package: the name, and the few facts that a
space document is checked against, are known at once; the module is imported when the block is first built.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from nas.errors import NasError, UsageError, did_you_mean
from nas.registry import Registry

GROUP = "nas.search_spaces"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class BlockTraits:
    """What can be known of a block without importing it.

    Attributes:
        zero: It returns 0 * x, so it may take part in a supernet but can never be selected.
        identity: It returns x.
        channel_multiple: The number of channels it is built with must be a multiple of this.
    """

    zero: bool = False
    identity: bool = False
    channel_multiple: int = 1


@dataclass(frozen=True)
class BlockInfo:
    """A registered block.

    Attributes:
        name: What a space document calls it.
        role: "operation" or "attention".
        factory: ``factory(channels, **options) -> nn.Module``; the same channels and size in and out.
        zero: It returns 0 * x and can never be selected.
        identity: It returns x.
        min_size: Smallest side of an input, in pixels.
        cost: ``cost(channels, height, width) -> multiply-adds``, for a block that the generic counter cannot see.
        channel_multiple: The number of channels it is built with must be a multiple of this.
    """

    name: str
    role: str
    factory: Callable[..., Any]
    zero: bool = False
    identity: bool = False
    min_size: int = 1
    cost: Callable[[int, int, int], int] | None = None
    channel_multiple: int = 1

    def build(self, channels: int, **options: Any) -> Any:
        """A new module of this block for ``channels`` channels."""
        return self.factory(channels, **options)


class BlockRegistry(Registry[BlockInfo]):
    """The blocks of one role; knows the traits of declared blocks before their module is imported."""

    def __init__(self, kind: str) -> None:
        """Make an empty registry; ``kind`` is the word for its blocks in messages."""
        super().__init__(kind, group=GROUP)
        self._traits: dict[str, BlockTraits] = {}

    def declare(
        self, name: str, module: str, *, zero: bool = False, identity: bool = False, channel_multiple: int = 1
    ) -> None:
        """Announce that importing ``module`` registers the block ``name``; its traits are those of BlockTraits."""

        def load() -> BlockInfo:
            importlib.import_module(module)
            if name not in self._things:
                raise NasError(f"module {module!r} registers no {self.kind} {name!r}, though it is declared to")
            return self._things[name]

        self._traits.setdefault(name, BlockTraits(zero, identity, channel_multiple))
        self.add_lazy(name, load)

    def add(self, name: str, thing: BlockInfo) -> BlockInfo:
        """Register a block.

        Raises:
            UsageError: Another block has that name.
            NasError: It contradicts its declaration; its module is at fault.
        """
        declared = self._traits.get(name)
        if declared is not None and (declared.zero, declared.identity) != (thing.zero, thing.identity):
            raise NasError(f"{self.kind} {name!r} is declared with other zero/identity flags than it registers")
        return super().add(name, thing)

    def traits(self, name: str) -> BlockTraits:
        """The traits of a block; its module is imported only where it was announced without any."""
        if name in self and name in self._traits:
            return self._traits[name]
        info = self.get(name)
        return BlockTraits(info.zero, info.identity, info.channel_multiple)


@dataclass(frozen=True)
class SkeletonTraits:
    """What can be known of a skeleton without importing it.

    Attributes:
        min_features: The smallest cell width W it takes.
    """

    min_features: int = 1


class SkeletonRegistry(Registry[Any]):
    """Network skeletons: how the cells of a space become a network.

    A skeleton has the methods ``supernet(space, task, **options)`` and ``network(space, genotype, task, **options)``,
    both of which return an ``nn.Module``, and may have ``sites``, see ``nas.space.sites``.
    """

    def __init__(self) -> None:
        super().__init__("network skeleton", group=GROUP)
        self._traits: dict[str, SkeletonTraits] = {}

    def declare(self, name: str, target: str, *, min_features: int = 1) -> None:
        """Announce the skeleton ``name`` as ``"module:attribute"``, imported when first wanted."""
        module, _, attribute = target.partition(":")
        self._traits.setdefault(name, SkeletonTraits(min_features))
        self.add_lazy(name, lambda: getattr(importlib.import_module(module), attribute))

    def traits(self, name: str) -> SkeletonTraits:
        """The traits of a skeleton; one that declares none has no restrictions. UsageError for an unknown name."""
        if name not in self:
            raise UsageError(f"unknown {self.kind} {name!r}; {did_you_mean(name, self.names())}")
        return self._traits.get(name, SkeletonTraits())


OPERATIONS = BlockRegistry("operation block")
ATTENTIONS = BlockRegistry("attention block")
SKELETONS = SkeletonRegistry()
#: role of a cell -> the registry its candidates come from
BLOCKS: dict[str, BlockRegistry] = {"operation": OPERATIONS, "attention": ATTENTIONS}


def block(
    role: str,
    name: str | None = None,
    *,
    zero: bool = False,
    identity: bool = False,
    min_size: int = 1,
    channel_multiple: int = 1,
    cost: Callable[[int, int, int], int] | None = None,
) -> Callable[[F], F]:
    """Register a class or function as a candidate block.

    Args:
        role: "operation" or "attention".
        name: What a space document calls it; by default its own name.
        zero: See BlockInfo, as for the rest.
        identity: It returns its input.
        min_size: Smallest side of an input, in pixels.
        channel_multiple: The number of channels must be a multiple of this.
        cost: Multiply-adds of a block that the generic counter cannot see.

    Returns:
        A decorator that returns the class or function unchanged.

    Raises:
        UsageError: The role is unknown, or another block has the name.
    """
    if role not in BLOCKS:
        raise UsageError(f"unknown block role {role!r}; {did_you_mean(role, BLOCKS)}")

    def register(factory: F) -> F:
        known_as = name if name is not None else factory.__name__
        info = BlockInfo(known_as, role, factory, zero, identity, min_size, cost, channel_multiple)
        BLOCKS[role].add(known_as, info)
        return factory

    return register
