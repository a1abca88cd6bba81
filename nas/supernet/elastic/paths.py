"""A supernet that is one genotype's network at a time, on weights that all genotypes share.

The path of a genotype is its derived network itself, whose weights are parts of the shared ones: leading channels,
leading cells, middles of kernels (Cai et al., "Once-for-all", ICLR 2020). Thus nothing that can be decided is beyond
it, and what a path computes is what the derived network computes with a copy of those parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.func import functional_call

from nas.errors import NasError
from nas.models.sharing import Place, layouts, part_of, places
from nas.registry import TASKS
from nas.space import Genotype
from nas.supernet.elastic.survey import Survey
from nas.supernet.supernet import Supernet

if TYPE_CHECKING:
    from nas.space.open_space import OpenSpace

#: networks that are kept for another pass
KEPT = 4


@dataclass(frozen=True)
class Path:
    """The network of a genotype, and where its weights lie among the shared ones.

    Attributes:
        network: Whose own weights are not used.
        parts: Name of a weight in it -> name of the shared weight, and which entries of it.
    """

    network: nn.Module
    parts: dict[str, tuple[str, tuple[Place, ...]]]


class Kept(dict[str, Any]):
    """What can be made again at any time, and is not copied with its owner."""

    def __deepcopy__(self, memo: dict[int, object]) -> Kept:
        return Kept()

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()

    def add(self, key: str, thing: Any, most: int = KEPT) -> None:
        """Keep a thing, and forget the oldest one of more than ``most``."""
        while len(self) >= most:
            self.pop(next(iter(self)))
        self[key] = thing


class PathSupernet(Supernet):
    """One set of weights for all networks of a space, of which each forward pass uses those of one genotype.

    The architecture variables are not trained: ``settle`` writes the genotype that was chosen into them.

    Attributes:
        shared: The weights, by their name by places ("/" for ".").
    """

    def __init__(self, space: OpenSpace, task: Any) -> None:
        """Make the weights as the largest networks have them at their start.

        Args:
            space: Any space whose smaller networks are parts of larger ones.
            task: What its networks are for, or its name.

        Raises:
            UsageError: The smaller ones are no parts; the message names block or skeleton.
        """
        nn.Module.__init__(self)
        self.begin_as(space)
        self.task = TASKS.get(task) if isinstance(task, str) else task
        survey = Survey(space, self.task)
        self._whole = survey.whole
        self._kept = Kept()
        self._path: Path | None = None
        self.shared = nn.ParameterDict()
        for vector in dict.fromkeys(survey.donors.values()):
            network = space.network(space.decode(vector), self.task)
            weights = dict(network.named_parameters())
            for name, (key, _) in layouts(network).items():
                if survey.donors.get(key) == vector:
                    own = weights[name]
                    self.shared[_label(key)] = nn.Parameter(own.detach().clone(), requires_grad=own.requires_grad)
        widest = max(len(d.choices) for d in space.decisions)
        self.alphas_decisions = nn.Parameter(torch.zeros(len(space.decisions), widest))
        mask = torch.tensor([[k < len(d.choices) for k in range(widest)] for d in space.decisions])
        self.register_buffer("_mask_decisions", mask, persistent=False)
        self.descriptor = replace(network.descriptor, min_size=survey.min_size)
        self.reset_architecture()

    @property
    def groups(self) -> list[str]:
        """One table for all decisions."""
        return ["decisions"]

    def options(self, name: str) -> list[tuple[Any, ...]]:
        """The choices of each decision."""
        return [d.choices for d in self.space.decisions]

    def arch_parameter_names(self) -> list[str]:
        """The one variable, a row for each decision."""
        return ["alphas_decisions"]

    def raw_alphas(self, name: str) -> torch.Tensor:
        """(D, K)."""
        return self.alphas_decisions

    def alphas(self, name: str) -> torch.Tensor:
        """(D, K), -inf where a decision has fewer choices."""
        mask = self.get_buffer("_mask_decisions")
        return self.alphas_decisions.masked_fill(~mask, float("-inf"))

    def genotype(self) -> Genotype:
        """For each decision the choice of the largest variable."""
        return self.space.decode(self.alphas("decisions").argmax(dim=1).tolist())

    def settle(self, genotype: Genotype) -> None:
        """Set the variables so that ``genotype()`` is a given one."""
        vector = torch.tensor(self.space.encode(genotype), device=self.alphas_decisions.device)
        with torch.no_grad():
            self.alphas_decisions.copy_(nn.functional.one_hot(vector, self.alphas_decisions.shape[1]))

    @contextmanager
    def only(self, genotype: Genotype) -> Iterator[None]:
        """For the time of the block, it is the network of the genotype.

        Raises:
            UsageError: The genotype is of another space.
        """
        before, self._path = self._path, self._entered(genotype)
        try:
            yield
        finally:
            self._path = before

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The network of the genotype of ``only``, else of ``genotype()``."""
        path = self._path or self._entered(self.genotype())
        path.network.train(self.training)
        output: torch.Tensor = functional_call(path.network, self.weights_of(path), (image,))
        return output

    def weights_of(self, path: Path) -> dict[str, torch.Tensor]:
        """The weights of a path by their name in its network, with the gradient of the shared ones."""
        return {name: part_of(self.shared[_label(key)], found) for name, (key, found) in path.parts.items()}

    def path_of(self, genotype: Genotype) -> Path:
        """The path of a genotype of the space."""
        return self._entered(genotype)

    def _entered(self, genotype: Genotype) -> Path:
        genotype = self.space.decode(self.space.encode(genotype))
        if genotype.hash not in self._kept:
            # a path that a validation was the first to take is trained later
            with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
                network = self.space.network(genotype, self.task)
                parts = {name: (key, self._find(key, layout)) for name, (key, layout) in layouts(network).items()}
            self._kept.add(genotype.hash, Path(network, parts))
        path: Path = self._kept[genotype.hash]
        path.network.to(self.alphas_decisions.device)
        return path

    def _find(self, key: str, layout: Any) -> tuple[Place, ...]:
        found = places(layout, self._whole[key]) if key in self._whole else None
        if found is None:
            raise NasError(
                f"the weight {key!r} of a network of space {self.space.name!r} has no place among the shared ones; "
                "give its module another place (nas.models.sharing.at_place), or use a strategy that proposes whole "
                "genotypes"
            )
        return found


def _label(key: str) -> str:
    return key.replace(".", "/")


def network_weights(supernet: PathSupernet, genotype: Genotype) -> dict[str, torch.Tensor]:
    """A copy of the weights that the derived network of a genotype inherits, by its own names."""
    with torch.no_grad():
        return {name: part.clone() for name, part in supernet.weights_of(supernet.path_of(genotype)).items()}
