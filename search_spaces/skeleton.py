"""The network skeleton ``jsnet``: what a space of operation and attention cells becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from nas.registry import TASKS
from nas.space.sites import Site

if TYPE_CHECKING:
    from nas.space import Genotype, Space
    from search_spaces.ends import NetworkLayout
    from search_spaces.search import JSNetSupernet

PAPER = "Shen et al., Joint Operation and Attention Block Search for Lightweight Image Restoration, PR 132, 2022"

#: role of a cell -> suffix of its architecture variables, as in the release
LABELS = {"operation": "normal", "attention": "attention"}


class JSNetSkeleton:
    """Builds supernets and derived networks. A task is a name, or anything with name, scale and channels."""

    name = "jsnet"
    #: of supernets in which the number of cells is open: what a derived network does with any number of them
    relaxed_options: ClassVar[dict[str, Any]] = {"derived_fusion": True}

    def supernet(
        self,
        space: Space,
        task: Any,
        *,
        partial_channels: int | None = None,
        edge_weights: bool | None = None,
        derived_fusion: bool = False,
        image_residual: bool | None = None,
        train_mean_shift: bool = False,
    ) -> JSNetSupernet:
        """The supernet of a space; for every option None means: as the space document says.

        Args:
            space: Its cells are of different roles.
            task: What it is for.
            partial_channels: k of the operation edges; 1: off.
            edge_weights: Betas on the operation edges. Attention edges have none unless the document says so; False
                removes all.
            derived_fusion: See ``JSNetSupernet``.
            image_residual: Add the input image to the output.
            train_mean_shift: See ``NetworkLayout``.

        Raises:
            UsageError: The space cannot be built in this skeleton.
        """
        from search_spaces.search import JSNetSupernet

        roles = _roles(space)
        task = _task(task)
        layout = _layout(space, task, image_residual, train_mean_shift)
        for cell in space.cells.values():
            if cell.role == "attention" and cell.relaxation.partial_channels != 1:
                raise UsageError(
                    f"cell {cell.name!r} of space {space.name!r}: attention edges work at full width; "
                    "set relaxation.partial_channels to 1"
                )
        taken = 1
        if "operation" in roles:
            stated = roles["operation"].relaxation.partial_channels
            taken = stated if partial_channels is None else partial_channels
        weighted = {cell.name: cell.relaxation.edge_weights for cell in space.cells.values()}
        if edge_weights is not None:
            for cell in space.cells.values():
                weighted[cell.name] = edge_weights and (cell.role == "operation" or weighted[cell.name])
        return JSNetSupernet(
            space,
            layout,
            _descriptor(space, task, layout, {}),
            labels=_labels(space),
            edge_weights=weighted,
            partial_channels=taken,
            derived_fusion=derived_fusion,
        )

    def network(
        self,
        space: Space,
        genotype: Genotype,
        task: Any,
        *,
        image_residual: bool | None = None,
        train_mean_shift: bool = False,
    ) -> nn.Module:
        """The derived network of a genotype, freshly initialised.

        Args:
            space: The space, with the genotype's network settings.
            genotype: A point of it.
            task: What the network is for.
            image_residual: Add the input image to the output; None: as the space document says.
            train_mean_shift: See ``NetworkLayout``.

        Raises:
            UsageError: The genotype is not of this space.
        """
        from search_spaces.cells import Wiring
        from search_spaces.network import CellBlocks, JSNet

        _roles(space)
        space.validate(genotype)
        task = _task(task)
        layout = _layout(space, task, image_residual, train_mean_shift)
        found: dict[str, list[CellBlocks]] = {}
        for i, cells in enumerate(space.positions()):
            for kind, cell in cells.items():
                choices = genotype.cells[space.cell_name(kind, i)]
                edges = tuple((c.source, c.target) for c in choices)
                wiring = Wiring(*_renumbered(cell.nodes, edges), cell.merge)
                blocks = CellBlocks.of(cell.role, wiring, [c.block for c in choices], edges)
                found.setdefault(cell.role, []).append(blocks)
        parts = {role: made if len(made) > 1 else made[0] for role, made in found.items()}
        options = {"image_residual": layout.image_residual, "train_mean_shift": train_mean_shift}
        descriptor = _descriptor(space, task, layout, options)
        return JSNet(layout, parts.get("operation"), parts.get("attention"), descriptor)

    def sites(self, space: Space, height: int, width: int) -> dict[str, tuple[Site, ...]]:
        """What the block on each edge is given for an input image of height x width: every cell keeps its size."""
        settings = space.network_settings
        channels = {"operation": settings.width, "attention": space.features}
        return {
            name: (Site(channels[cell.role], height, width, settings.cells // len(space.positions())),)
            * len(cell.edges)
            for name, cell in space.cells.items()
        }


def _roles(space: Space) -> dict[str, Any]:
    roles: dict[str, Any] = {}
    for cell in space.positions()[0].values():
        if cell.role not in LABELS:
            raise UsageError(
                f"cell {cell.name!r} of space {space.name!r} is no graph; the skeleton jsnet takes cells with nodes"
            )
        if cell.role in roles:
            raise UsageError(
                f"space {space.name!r} has two {cell.role} cells; the skeleton jsnet takes at most one of each role"
            )
        roles[cell.role] = cell
    return roles


def _labels(space: Space) -> dict[str, str]:
    """Name of a cell -> suffix of its variables; where each cell decides for itself, with its number."""
    several = space.share != "all"
    return {
        space.cell_name(kind, i): LABELS[cell.role] + (f"_{i + 1}" if several else "")
        for i, cells in enumerate(space.positions())
        for kind, cell in cells.items()
    }


def _renumbered(nodes: int, edges: tuple[tuple[int, int], ...]) -> tuple[int, tuple[tuple[int, int], ...]]:
    """A graph without the nodes that no edge enters, which nothing reads either."""
    entered = {target for _, target in edges}
    if len(entered) == nodes:
        return nodes, edges
    number = {0: 0} | {node: i for i, node in enumerate(sorted(entered), start=1)}
    return len(entered), tuple((number[s], number[t]) for s, t in edges)


def _task(task: Any) -> Any:
    return TASKS.get(task) if isinstance(task, str) else task


def _layout(space: Space, task: Any, image_residual: bool | None, train_mean_shift: bool) -> NetworkLayout:
    from search_spaces.ends import NetworkLayout

    settings = space.network_settings
    if image_residual is None:
        image_residual = settings.image_residual
    return NetworkLayout(
        width=settings.width,
        features=space.features,
        cells=settings.cells,
        scale=task.scale,
        channels=task.channels,
        image_residual=image_residual,
        train_mean_shift=train_mean_shift,
    )


def _descriptor(space: Space, task: Any, layout: NetworkLayout, config: dict[str, Any]) -> ModelDescriptor:
    return ModelDescriptor(
        name=space.name,
        scale=layout.scale,
        channels=layout.channels,
        value_range=255.0,
        tasks=(task.name,),
        paper=PAPER,
        licence="MIT",
        config=config,
    )


JSNET = JSNetSkeleton()
