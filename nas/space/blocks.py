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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, TypeVar

from nas.errors import NasError, UsageError, did_you_mean
from nas.keywords import check_keywords
from nas.registry import Registry
from nas.space.variants import base_name, split_variant

GROUP = "nas.search_spaces"

F = TypeVar("F", bound=Callable[..., Any])


#: ``follow``: a slot puts its norm before the block and its skip round it; ``own``: the block brings its own, or none
Wrapper = Literal["follow", "own"]


@dataclass(frozen=True)
class BlockParameter:
    """A keyword of a block's factory, such as the size of its kernel.

    Attributes:
        default: Its value where nothing is said.
        choices: What it may be, in order, so that a search can move it by a step; empty: anything.
        description: What it is, for help and messages.
    """

    default: Any
    choices: tuple[Any, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class BlockTraits:
    """What can be known of a block without importing it.

    Attributes:
        zero: It returns 0 * x, so it may take part in a supernet but can never be selected.
        identity: It returns x.
        channel_multiple: The number of channels it is built with must be a multiple of this.
        min_size: Smallest side of an input, in pixels.
        wrapper: How a slot wraps it, see ``Wrapper``.
        parameters: Keywords of its factory that a space document may set.
    """

    zero: bool = False
    identity: bool = False
    channel_multiple: int = 1
    min_size: int = 1
    wrapper: Wrapper = "follow"
    parameters: Mapping[str, BlockParameter] = field(default_factory=dict, hash=False)

    def options(self, block: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of the block, those that are not given at their defaults.

        Args:
            block: Its name, for messages.
            given: Values by name.

        Raises:
            UsageError: A name is unknown, or a value is none of the choices.
        """
        found = {name: parameter.default for name, parameter in self.parameters.items()}
        for name, value in given.items():
            if name not in self.parameters:
                known = did_you_mean(name, self.parameters) if self.parameters else "it takes none"
                raise UsageError(f"block {block!r} has no parameter {name!r}; {known}")
            found[name] = _choice(self.parameters[name], value, f"{name} of block {block!r}")
        return found


def _choice(parameter: BlockParameter, value: Any, what: str) -> Any:
    """The choice that equals a value (2 for 2.0, but not 1 for True); the value itself where all are allowed."""
    if not parameter.choices:
        return value
    for choice in parameter.choices:
        if value == choice and isinstance(value, bool) == isinstance(choice, bool):
            return choice
    raise UsageError(f"{what} cannot be {value!r}; use one of {', '.join(map(repr, parameter.choices))}")


@dataclass(frozen=True)
class BlockInfo:
    """A registered block.

    Attributes:
        name: What a space document calls it.
        role: "operation", "attention" or "modulation".
        factory: ``factory(channels, **options) -> nn.Module``; the same channels and size in and out.
        zero: It returns 0 * x and can never be selected.
        identity: It returns x.
        min_size: Smallest side of an input, in pixels.
        cost: ``cost(channels, height, width) -> multiply-adds``, for a block that the generic counter cannot see.
        channel_multiple: The number of channels it is built with must be a multiple of this.
        wrapper: How a slot wraps it, see ``Wrapper``.
        parameters: Keywords of the factory that a space document may set.
    """

    name: str
    role: str
    factory: Callable[..., Any]
    zero: bool = False
    identity: bool = False
    min_size: int = 1
    cost: Callable[[int, int, int], int] | None = None
    channel_multiple: int = 1
    wrapper: Wrapper = "follow"
    parameters: Mapping[str, BlockParameter] = field(default_factory=dict, hash=False)

    @property
    def traits(self) -> BlockTraits:
        """What a space document is checked against."""
        return BlockTraits(
            self.zero, self.identity, self.channel_multiple, self.min_size, self.wrapper, self.parameters
        )

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
        self,
        name: str,
        module: str,
        *,
        zero: bool = False,
        identity: bool = False,
        channel_multiple: int = 1,
        min_size: int = 1,
        wrapper: Wrapper = "follow",
        parameters: Mapping[str, BlockParameter] | None = None,
    ) -> None:
        """Announce that importing ``module`` registers the block ``name``; its traits are those of BlockTraits."""

        def load() -> BlockInfo:
            importlib.import_module(module)
            if name not in self._things:
                raise NasError(f"module {module!r} registers no {self.kind} {name!r}, though it is declared to")
            return self._things[name]

        traits = BlockTraits(zero, identity, channel_multiple, min_size, wrapper, parameters or {})
        self._traits.setdefault(name, traits)
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

    def get(self, name: str) -> BlockInfo:
        """A block by its name, with or without parameters (``nas.space.variants``).

        Raises:
            UsageError: The name is unknown, or the parameters are not those of the block.
        """
        if base_name(name) == name:
            return super().get(name)
        info = super().get(base_name(name))
        _, given = split_variant(name, info.traits)
        return replace(info, name=name, factory=partial(info.factory, **given), parameters={})

    def __contains__(self, name: str) -> bool:
        base = base_name(name)
        if not super().__contains__(base) or base == name:
            return super().__contains__(name)
        try:
            split_variant(name, self.traits(base))
        except UsageError:
            return False
        return True

    def traits(self, name: str) -> BlockTraits:
        """The traits of a block; its module is imported only where it was announced without any."""
        base = base_name(name)
        if base in self and base in self._traits:
            return self._traits[base]
        return super().get(base).traits


@dataclass(frozen=True)
class SkeletonTraits:
    """What can be known of a skeleton without importing it.

    Attributes:
        min_features: The smallest cell width W it takes.
        settings: Where its model of settings stands, as "module:attribute"; "": it is the skeleton's ``Settings``.
    """

    min_features: int = 1
    settings: str = ""


class SkeletonRegistry(Registry[Any]):
    """Network skeletons: how the cells of a space become a network.

    A skeleton has the methods ``supernet(space, task, **options)`` and ``network(space, genotype, task, **options)``,
    both of which return an ``nn.Module``, and may have ``sites``, see ``nas.space.sites``.
    """

    def __init__(self) -> None:
        super().__init__("network skeleton", group=GROUP)
        self._traits: dict[str, SkeletonTraits] = {}

    def declare(self, name: str, target: str, *, min_features: int = 1, settings: str = "") -> None:
        """Announce the skeleton ``name`` as ``"module:attribute"``, imported when first wanted."""
        module, _, attribute = target.partition(":")
        self._traits.setdefault(name, SkeletonTraits(min_features, settings))
        self.add_lazy(name, lambda: getattr(importlib.import_module(module), attribute))

    def traits(self, name: str) -> SkeletonTraits:
        """The traits of a skeleton; one that declares none has no restrictions. UsageError for an unknown name."""
        if name not in self:
            raise UsageError(f"unknown {self.kind} {name!r}; {did_you_mean(name, self.names())}")
        return self._traits.get(name, SkeletonTraits())

    def settings(self, name: str) -> type[Any] | None:
        """The model of a skeleton's settings; None for a skeleton that declares none."""
        module, _, attribute = self.traits(name).settings.partition(":")
        owner: Any = importlib.import_module(module) if module else self.get(name)
        found: type[Any] | None = getattr(owner, attribute or "Settings", None)
        return found

    def check_options(self, name: str, options: Mapping[str, Any]) -> None:
        """Refuse keywords that ``network`` of a skeleton does not take; those of a weights file are not to be trusted.

        Args:
            name: Of the skeleton.
            options: The keywords.

        Raises:
            UsageError: The skeleton has no such option, or its value is of another kind.
        """
        check_keywords(f"skeleton {name!r}", self.get(name).network, options, without=("space", "genotype", "task"))

    def network(self, space: Any, genotype: Any, task: Any, options: Mapping[str, Any]) -> Any:
        """The derived network that a skeleton builds of a genotype.

        Args:
            space: With the network settings of the genotype.
            genotype: A point of it.
            task: A task or its name.
            options: Keywords of the skeleton.

        Raises:
            UsageError: As ``check_options``.
        """
        self.check_options(space.skeleton, options)
        return self.get(space.skeleton).network(space, genotype, task, **options)


class SlotRegistry:
    """Operations and modulations together: what may stand in the slots of a chain.

    A name that several of them have stands for the same block.
    """

    kind = "block"

    def __init__(self, *registries: BlockRegistry) -> None:
        self._registries = registries

    def _of(self, name: str) -> BlockRegistry:
        return next((r for r in self._registries if name in r), self._registries[0])

    def get(self, name: str) -> BlockInfo:
        """A block by its name; UsageError where there is none."""
        return self._of(name).get(name)

    def traits(self, name: str) -> BlockTraits:
        """The traits of a block."""
        return self._of(name).traits(name)


OPERATIONS = BlockRegistry("operation block")
ATTENTIONS = BlockRegistry("attention block")
MODULATIONS = BlockRegistry("modulation block")
SKELETONS = SkeletonRegistry()
#: role of a cell -> the registry its candidates come from
BLOCKS: dict[str, BlockRegistry] = {"operation": OPERATIONS, "attention": ATTENTIONS, "modulation": MODULATIONS}
#: role of a cell whose slots have roles of their own
CHAIN = "chain"
_SLOTS = SlotRegistry(OPERATIONS, MODULATIONS, ATTENTIONS)


def registry_of(role: str) -> BlockRegistry | SlotRegistry:
    """The registry of the blocks of a cell: of one role, or of a chain of slots."""
    return _SLOTS if role == CHAIN else BLOCKS[role]


def block(
    role: str,
    name: str | None = None,
    *,
    zero: bool = False,
    identity: bool = False,
    min_size: int = 1,
    channel_multiple: int = 1,
    cost: Callable[[int, int, int], int] | None = None,
    wrapper: Wrapper = "follow",
    parameters: Mapping[str, BlockParameter] | None = None,
) -> Callable[[F], F]:
    """Register a class or function as a candidate block.

    Args:
        role: "operation", "attention" or "modulation".
        name: What a space document calls it; by default its own name.
        zero: See BlockInfo, as for the rest.
        identity: It returns its input.
        min_size: Smallest side of an input, in pixels.
        channel_multiple: The number of channels must be a multiple of this.
        cost: Multiply-adds of a block that the generic counter cannot see.
        wrapper: How a slot wraps it, see ``Wrapper``.
        parameters: Keywords of the factory that a space document may set.

    Returns:
        A decorator that returns the class or function unchanged.

    Raises:
        UsageError: The role is unknown, or another block has the name.
    """
    if role not in BLOCKS:
        raise UsageError(f"unknown block role {role!r}; {did_you_mean(role, BLOCKS)}")

    def register(factory: F) -> F:
        known_as = name if name is not None else factory.__name__
        info = BlockInfo(
            known_as, role, factory, zero, identity, min_size, cost, channel_multiple, wrapper, parameters or {}
        )
        BLOCKS[role].add(known_as, info)
        return factory

    return register
