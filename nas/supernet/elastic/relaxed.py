"""A supernet of the largest sizes in which sizes are mixtures, beside the blocks that the skeleton's supernet mixes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.errors import NasError, UsageError
from nas.models.sharing import layouts, part_of, places
from nas.registry import TASKS
from nas.space.blocks import SKELETONS
from nas.space.space import mixing
from nas.supernet.elastic.masks import Masks
from nas.supernet.elastic.paths import Kept
from nas.supernet.elastic.survey import refuse_unsliceable, unseeded
from nas.supernet.relaxations import Choices, Relax, softmax
from nas.supernet.supernet import Supernet

if TYPE_CHECKING:
    from nas.space import Genotype
    from nas.space.open_space import OpenSpace

#: the table of the settings among those of the cells
SETTINGS = "network"
#: modules of other sizes that are kept for another pass
KEPT = 2


class RelaxedSupernet(Supernet):
    """Numbers of the network (widths, depths, kernels) as mixtures over the parts of the largest weights.

    Inside is the skeleton's supernet of the largest sizes, or where a space has no blocks its largest network.
    ``only`` computes the sizes of the genotype themselves, with parts of the weights.

    Args:
        space: In which numbers and blocks are open.
        task: What its networks are for, or its name.
        options: Of the skeleton's supernet.

    Raises:
        UsageError: A decision cannot be relaxed; the message names it and says how to fix it.
    """

    def __init__(self, space: OpenSpace, task: Any, options: Mapping[str, Any]) -> None:
        nn.Module.__init__(self)
        self.begin_as(space)
        _refuse(space)
        self._open, self.task = space, TASKS.get(task) if isinstance(task, str) else task
        self._options = dict(options)
        self._head: tuple[int, ...] | None = None
        self._kept = Kept()
        last = tuple(len(d.choices) - 1 for d in space.open_settings)
        self.inner = self._sized(last)
        smaller = lambda i, k: unseeded(lambda: self._sized((*last[:i], k, *last[i + 1 :])))  # noqa: E731
        self.masks = Masks(space, self.inner, smaller) if last else None
        if last:
            widest = max(len(d.choices) for d in space.open_settings)
            self.alphas_network = nn.Parameter(torch.zeros(len(last), widest))
            mask = torch.tensor([[k < len(d.choices) for k in range(widest)] for d in space.open_settings])
            self.register_buffer("_mask_network", mask, persistent=False)
        self.descriptor = replace(cast(Any, self.inner).descriptor)
        self.reset_architecture()

    def _sized(self, head: Sequence[int]) -> nn.Module:
        """The skeleton's supernet, or the network, of the sizes at these choices."""
        space, skeleton = self._open, SKELETONS.get(self._open.skeleton)
        sized = space.with_network(space.settings_at(head).model_dump(exclude_none=True, mode="json"))
        if not space.cells:
            return cast(nn.Module, space.network(sized.decode([0] * len(sized.decisions)), self.task))
        further = getattr(skeleton, "relaxed_options", {}) if head else {}
        options = {**self._options, **further}
        return cast(nn.Module, mixing(skeleton, space, options)(sized, self.task, **options))

    # -- what strategies set ------------------------------------------------------------------------------------

    @property
    def relax(self) -> Relax:
        """From alphas to weights, for sizes and blocks alike."""
        return self._relax

    @relax.setter
    def relax(self, relax: Relax) -> None:
        self._relax = relax
        if isinstance(self.__dict__.get("_modules", {}).get("inner"), Supernet):
            cast(Supernet, self.inner).relax = relax

    @property
    def fused(self) -> bool:
        """Whether the mixed edges inside are computed in their fused form."""
        return self._fused

    @fused.setter
    def fused(self, fused: bool) -> None:
        self._fused = fused
        if isinstance(self.__dict__.get("_modules", {}).get("inner"), Supernet):
            cast(Supernet, self.inner).fused = fused

    @property
    def native(self) -> bool:
        """Whether their fused form has compiled gates."""
        return self._native

    @native.setter
    def native(self, native: bool) -> None:
        self._native = native
        if isinstance(self.__dict__.get("_modules", {}).get("inner"), Supernet):
            cast(Supernet, self.inner).native = native

    # -- architecture variables ---------------------------------------------------------------------------------

    @property
    def _blocks(self) -> Supernet | None:
        return self.inner if isinstance(self.inner, Supernet) else None

    @property
    def groups(self) -> list[str]:
        """Those of the cells, and that of the settings."""
        cells = [] if self._blocks is None else self._blocks.groups
        return [*cells, *([SETTINGS] if self.masks is not None else [])]

    def options(self, name: str) -> list[tuple[Any, ...]]:
        """The candidates of each edge, or the choices of each setting."""
        if name == SETTINGS:
            return [d.choices for d in self.space.open_settings]
        return super().options(name)

    def arch_parameter_names(self) -> list[str]:
        """Those of the blocks, then that of the settings."""
        blocks = [] if self._blocks is None else self._blocks.arch_parameter_names()
        return [*(f"inner.{name}" for name in blocks), *(["alphas_network"] if self.masks is not None else [])]

    def raw_alphas(self, name: str) -> Tensor:
        """The variable of a cell or of the settings itself."""
        if name == SETTINGS:
            return self.alphas_network
        assert self._blocks is not None
        return self._blocks.raw_alphas(name)

    def alphas(self, name: str) -> Tensor:
        """The same, -inf where there is no such candidate or choice."""
        if name == SETTINGS:
            return self.alphas_network.masked_fill(~self.get_buffer("_mask_network"), float("-inf"))
        assert self._blocks is not None
        return self._blocks.alphas(name)

    def beta_probabilities(self) -> dict[str, Tensor]:
        """Edge weights of the cells that have them."""
        return {} if self._blocks is None else self._blocks.beta_probabilities()

    def size_shares(self) -> list[Tensor]:
        """For each setting the probabilities of its choices (K,), with gradient."""
        table = softmax(self.alphas(SETTINGS)) if self.masks is not None else ()
        return [row[: len(d.choices)] for row, d in zip(table, self.space.open_settings, strict=True)]

    def genotype(self) -> Genotype:
        """The most probable choice of every decision."""
        head = [int(row.argmax()) for row in self.size_shares()]
        return self.space.decode([*head, *self._tail()])

    def _tail(self) -> Sequence[int]:
        blocks = self._blocks
        return [] if blocks is None else blocks.space.encode(blocks.genotype())

    def settle(self, genotype: Genotype) -> None:
        """Set the architecture variables so that ``genotype()`` is a given one."""
        vector = self.space.encode(genotype)
        sizes = len(self.space.open_settings)
        if self._blocks is not None:
            self._blocks.settle(self._blocks.space.decode(vector[sizes:]))
        if sizes:
            chosen = torch.tensor(vector[:sizes], device=self.alphas_network.device)
            with torch.no_grad():
                self.alphas_network.copy_(nn.functional.one_hot(chosen, self.alphas_network.shape[1]))

    # -- passes -------------------------------------------------------------------------------------------------

    def forward(self, image: Tensor) -> Tensor:
        """Sizes and blocks mixed; inside ``only`` those of the genotype."""
        if self._head is not None:
            return self._at_sizes(image, self._head)
        if self.masks is None:
            return cast(Tensor, self.inner(image))
        relaxed = self.relax(SETTINGS, self.alphas(SETTINGS))
        table = relaxed.weights if isinstance(relaxed, Choices) else relaxed
        shares = [row[: len(d.choices)] for row, d in zip(table, self.space.open_settings, strict=True)]
        weights = self.masks.masked(self._inner_weights(), shares)
        with gated(self.inner, self.masks.gates(shares)):
            return cast(Tensor, functional_call(self.inner, weights, (image,)))

    def _inner_weights(self) -> dict[str, Tensor]:
        return dict(self.inner.named_parameters())

    @contextmanager
    def only(self, genotype: Genotype) -> Iterator[None]:
        """For the time of the block, every decision is the genotype's, computed at its own sizes.

        Raises:
            UsageError: The genotype is of another space.
        """
        vector = self.space.encode(genotype)
        sizes = len(self.space.open_settings)
        before, self._head = self._head, tuple(vector[:sizes])
        module = self._module_at(self._head)
        try:
            with ExitStack() as stack:
                if isinstance(module, Supernet):
                    inside = module.space.decode(vector[sizes : sizes + len(module.space.decisions)])
                    stack.enter_context(module.only(inside))
                yield
        finally:
            self._head = before

    def _module_at(self, head: tuple[int, ...]) -> nn.Module:
        if not head or all(i == len(d.choices) - 1 for i, d in zip(head, self.space.open_settings, strict=True)):
            return self.inner
        key = str(head)
        if key not in self._kept:
            with torch.random.fork_rng(devices=[]), torch.inference_mode(False):  # it may be trained later
                self._kept.add(key, self._sized(head), KEPT)
        return cast(nn.Module, self._kept[key])

    def _at_sizes(self, image: Tensor, head: tuple[int, ...]) -> Tensor:
        module = self._module_at(head)
        if module is self.inner:
            return cast(Tensor, module(image))
        module.to(image.device).train(self.training)
        own, whole = self._inner_weights(), {key: (n, layout) for n, (key, layout) in layouts(self.inner).items()}
        weights = {}
        for name, (key, layout) in layouts(module).items():
            found, larger = whole[key]
            place = places(layout, larger)
            assert place is not None  # the masks were made of it
            weights[name] = part_of(own[found], place)
        return cast(Tensor, functional_call(module, weights, (image,)))


@contextmanager
def gated(module: nn.Module, gates: Mapping[str, Tensor]) -> Iterator[None]:
    """For the time of the block, some modules inside another one compute x + gate * (module(x) - x).

    Raises:
        NasError: Such a module changes the shape, or was not called.
    """
    left = set(gates)

    def hook(name: str, gate: Tensor) -> Callable[[nn.Module, tuple[Any, ...], Any], Tensor]:
        def passed(_: nn.Module, given: tuple[Any, ...], output: Any) -> Tensor:
            left.discard(name)
            if not given or not isinstance(output, Tensor) or output.shape != given[0].shape:
                raise NasError(f"the module {name!r} is open, but does not keep the shape of its input; fix the depth")
            return cast(Tensor, given[0] + gate.to(output.dtype) * (output - given[0]))

        return passed

    with ExitStack() as stack:
        for name, gate in gates.items():
            handle = module.get_submodule(name).register_forward_hook(hook(name, gate))
            stack.callback(handle.remove)
        yield
    if left:
        raise NasError(f"the module {min(left)!r} is open, but is not called by itself, so that no gate can pass it by")


def _refuse(space: OpenSpace) -> None:
    """Raise a UsageError for what cannot be relaxed."""
    refuse_unsliceable(space)
    word = next((d for d in space.decisions if d.kind in ("option", "flag")), None)
    if word is not None:
        raise UsageError(
            f"a supernet relaxes numbers and blocks, and {word.name} of space {space.name!r} is open "
            f"({', '.join(map(str, word.choices))}); {space.mend(word)}, or use a strategy that trains a path at a "
            "time (--strategy single_path) or proposes whole genotypes"
        )
    skeleton = SKELETONS.get(space.skeleton)
    if space.cells and not hasattr(skeleton, "supernet"):
        raise UsageError(
            f"the skeleton {space.skeleton!r} of space {space.name!r} has no supernet that mixes blocks; use a "
            "strategy that trains a path at a time (--strategy single_path) or proposes whole genotypes (--strategy "
            "evolution)"
        )
