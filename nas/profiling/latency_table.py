"""Latency of any genotype of a space from a few measurements: single blocks in a table, and an additive model.

The latency of a genotype is a base plus the time of the chosen block of every edge of every cell. Such a lookup table
is used by ProxylessNAS (Cai et al., ICLR 2019, section 3.3) and FBNet (Wu et al., CVPR 2019, section 3.2). Whatever
joins the blocks (head, fusion, upsampling, sums) is in the base: what whole networks, which are measured too, take
beyond their blocks. The table is kept as JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from nas.documents import read_text
from nas.errors import UsageError
from nas.files import write_json
from nas.models.calling import allowed_size, descriptor_of
from nas.models.descriptor import ModelDescriptor
from nas.profiling.latency import Latency, LatencyOptions, measure_latency
from nas.space import Space
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.sites import Site
from nas.tasks import Task

#: what to do about nearly everything that can be wrong with a table
_REMEDY = "measure one with 'nas profile --latency-table FILE --space SPACE --task TASK'"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlockLatency(_Strict):
    """The time of one block on an input (1, channels, height, width).

    Attributes:
        role: Role of the edges that the block may be on, e.g. "normal".
        block: Its registered name.
        channels: Of the input.
        height: Of the input.
        width: Of the input.
        median_ms: In milliseconds.
        spread_ms: Interquartile range in milliseconds.
    """

    role: str
    block: str
    channels: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    median_ms: float = Field(ge=0, allow_inf_nan=False)
    spread_ms: float = Field(ge=0, allow_inf_nan=False)


class NetworkLatency(_Strict):
    """One whole network that was measured for the base.

    Attributes:
        genotype: Hash of its genotype.
        median_ms: What the network takes, in milliseconds.
        blocks_ms: What its blocks take by the table, in milliseconds.
    """

    genotype: str
    median_ms: float = Field(ge=0, allow_inf_nan=False)
    blocks_ms: float = Field(ge=0, allow_inf_nan=False)


class LatencyTable(_Strict):
    """Measured blocks of one space at one width and depth, for one task and *input* size, on one device.

    Attributes:
        format: Name and version of the file format.
        space: Name of the space.
        skeleton: Name of the skeleton that stacks its cells.
        network: Settings of the network: width, depth and what else the skeleton declares.
        wiring: Cell name -> edges as (source node, target node).
        task: Name of the task.
        size: Width x height of the input in pixels, e.g. "640x360".
        device: "cpu" or the name of the GPU.
        dtype: Number type, a name of ``nas.profiling.forward.DTYPES``.
        threads: Of torch on the CPU; None on CUDA.
        torch: Version of torch.
        base_ms: What a network takes besides its blocks, in milliseconds.
        blocks: The measured blocks.
        networks: The measured networks from which the base comes.
    """

    format: Literal["nas.latency/1"] = "nas.latency/1"
    space: str
    skeleton: str
    network: dict[str, Any]
    wiring: dict[str, list[tuple[int, int]]]
    task: str
    size: str = Field(pattern=r"^[1-9][0-9]*x[1-9][0-9]*$")
    device: str
    dtype: str
    threads: int | None
    torch: str
    base_ms: float = Field(ge=0, allow_inf_nan=False)
    blocks: list[BlockLatency]
    networks: list[NetworkLatency]

    @classmethod
    def load(cls, path: str | Path) -> LatencyTable:
        """Read a table.

        Args:
            path: A file that ``save`` wrote.

        Returns:
            The table.

        Raises:
            UsageError: The file is not there or holds something else.
        """
        try:
            text = read_text(path)
        except UsageError as error:
            raise UsageError(f"cannot read latency table: {error}; {_REMEDY}") from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(p) for p in fault["loc"]) or "the file"
            raise UsageError(f"{str(path)!r} is no latency table: {where}: {fault['msg'].lower()}; {_REMEDY}") from None

    def save(self, path: str | Path) -> Path:
        """Write as JSON, atomically."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        return write_json(file, self.model_dump(mode="json"))

    def check(self, space: Space, task: Task) -> None:
        """Raise UsageError unless the table was measured for the networks of ``space`` for ``task``."""
        mine = {
            "task": (self.task, task.name),
            "network skeleton": (self.skeleton, space.skeleton),
            "network settings": (self.network, space.network_settings.model_dump(exclude_none=True)),
            "wiring": (self.wiring, _wiring(space)),
        }
        for what, (measured, wanted) in mine.items():
            if measured != wanted:
                raise UsageError(
                    f"the latency table was measured for {what} {_plain(measured)}, this search has {_plain(wanted)}; "
                    + _REMEDY
                )
        self.per_choice(space)

    def per_choice(self, space: Space) -> dict[str, list[dict[str, float]]]:
        """What each choice takes.

        Args:
            space: The space that the table was measured for.

        Returns:
            Cell name -> for each edge, selectable block -> milliseconds in all repetitions of the cell together.

        Raises:
            UsageError: A block is not in the table.
        """
        known = {(b.role, b.block, b.channels): b.median_ms for b in self.blocks}
        width, height = (int(n) for n in self.size.split("x"))
        shares: dict[str, list[dict[str, float]]] = {name: [] for name in space.cells}
        for decision, role, site in sites(space, height, width):
            row = {}
            for name in decision.choices:
                if (role, name, site.channels) not in known:
                    raise UsageError(
                        f"the latency table has no {role} block {name!r} at {site.channels} channels; {_REMEDY}"
                    )
                row[name] = known[role, name, site.channels] * site.repeats
            shares[decision.cell].append(row)
        return shares


def sites(space: Space, height: int, width: int) -> Iterator[tuple[Any, str, Site]]:
    """Where the blocks of a space are in its networks.

    Args:
        space: A space whose skeleton has a method ``sites``.
        height: Of the input of the network in pixels.
        width: Likewise.

    Yields:
        For every edge its decision, its role, and its site (channels, height, width, repetitions).

    Raises:
        UsageError: The skeleton does not state the sites.
    """
    skeleton = SKELETONS.get(space.skeleton)
    if not hasattr(skeleton, "sites"):
        raise UsageError(
            f"skeleton {space.skeleton!r} does not say where its blocks sit, so they cannot be timed; "
            "give it a method sites(space, height, width)"
        )
    found: dict[str, tuple[Site, ...]] = skeleton.sites(space, height, width)
    flat = [site for name in space.cells for site in found[name]]
    for decision, site in zip(space.block_decisions, flat, strict=True):
        yield decision, decision.role, site


#: how a module is timed for a table: (module, height, width of its input) -> latency
_Timer = Callable[[nn.Module, int, int], Latency]


def measure_latency_table(
    space: Space,
    task: Task,
    height: int,
    width: int,
    options: LatencyOptions | None = None,
    *,
    networks: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    note: Callable[[str], None] = lambda line: None,
) -> LatencyTable:
    """Time every block of a space at the sizes it has in the networks, and some whole networks.

    Args:
        space: A space whose skeleton has a method ``sites``.
        task: What the networks are for.
        height: Of the input of the networks in pixels; rounded up to a size they take.
        width: Likewise.
        options: How each block and network is timed; None takes the defaults.
        networks: How many random genotypes are measured; the base is the median of what they take besides their blocks.
        clock: Returns seconds; used on the CPU only.
        note: Called with one line for each measurement.

    Returns:
        The table; measuring it uses up no random numbers.

    Raises:
        UsageError: The skeleton does not state its sites, or the options make no sense.
    """
    options = options or LatencyOptions()
    with torch.random.fork_rng(devices=[]):
        rule = descriptor_of(space.network(space.sample(0), task))
    height, width = (allowed_size(s, rule.size_multiple, rule.min_size) for s in (height, width))

    def timed(module: nn.Module, h: int, w: int) -> Latency:
        return measure_latency(module, h, w, options, clock=clock)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blocks, last = _measure_blocks(space, height, width, timed, note)
        table = LatencyTable(
            space=space.name,
            skeleton=space.skeleton,
            network=space.network_settings.model_dump(exclude_none=True),
            wiring=_wiring(space),
            task=task.name,
            size=f"{width}x{height}",
            device=last.device,
            dtype=options.dtype,
            threads=last.threads,
            torch=str(torch.__version__),
            base_ms=0.0,
            blocks=blocks,
            networks=[],
        )
        whole = _measure_networks(space, task, table, (height, width), networks, timed, note)
    base = statistics.median(n.median_ms - n.blocks_ms for n in whole) if whole else 0.0
    return table.model_copy(update={"networks": whole, "base_ms": max(base, 0.0)})


def _measure_blocks(
    space: Space, height: int, width: int, timed: _Timer, note: Callable[[str], None]
) -> tuple[list[BlockLatency], Latency]:
    """Every (role, block, size) once, and the last measurement, which names the device."""
    wanted = dict.fromkeys(
        (role, name, site.channels, site.height, site.width)
        for decision, role, site in sites(space, height, width)
        for name in decision.choices
    )
    blocks = []
    for role, name, channels, h, w in wanted:
        module = BLOCKS[role].get(name).build(channels)
        module.descriptor = ModelDescriptor(name=name, channels=channels, value_range=1.0)
        found = timed(module, h, w)
        where = {"role": role, "block": name, "channels": channels, "height": h, "width": w}
        blocks.append(BlockLatency(**where, median_ms=found.median_ms, spread_ms=found.spread_ms))
        note(f"{role} {name}, {channels} channels at {w}x{h}: {found.median_ms:.3f} ms")
    return blocks, found


def _measure_networks(
    space: Space,
    task: Task,
    table: LatencyTable,
    size: tuple[int, int],
    number: int,
    timed: _Timer,
    note: Callable[[str], None],
) -> list[NetworkLatency]:
    """Random genotypes as whole networks, beside what their blocks take by the table."""
    shares = table.per_choice(space)
    whole = []
    for seed in range(number):
        genotype = space.sample(seed)
        found = timed(space.network(genotype, task), *size)
        own = sum(
            row[choice.block]
            for cell, choices in genotype.cells.items()
            for row, choice in zip(shares[cell], choices, strict=True)
        )
        whole.append(NetworkLatency(genotype=genotype.hash, median_ms=found.median_ms, blocks_ms=own))
        note(f"network {genotype.hash}: {found.median_ms:.2f} ms, its blocks {own:.2f} ms")
    return whole


def _wiring(space: Space) -> dict[str, list[tuple[int, int]]]:
    return {name: [(e.source, e.target) for e in cell.edges] for name, cell in space.cells.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
