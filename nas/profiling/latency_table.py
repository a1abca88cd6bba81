"""Latency of any genotype of a space from a few measurements: a table of single blocks and an additive model.

latency = base + sum over all edges of all cells of the block's own time. The table is a lookup table in the sense
of ProxylessNAS (Cai et al., ICLR 2019, section 3.3) and FBNet (Wu et al., CVPR 2019, section 3.2), kept as JSON.
What joins the blocks (head, fusion, upsampling, sums) is in the base, which is what measured whole networks take
beyond their blocks.
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

from nas.errors import UsageError
from nas.files import write_json
from nas.models.calling import allowed_size, descriptor_of
from nas.models.descriptor import ModelDescriptor
from nas.profiling.latency import measure
from nas.space import Space
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.sites import Site
from nas.tasks import Task

#: how to mend nearly everything that is wrong with a table
AGAIN = "measure one with 'nas profile --latency-table FILE --space SPACE --task TASK'"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlockLatency(_Strict):
    """One block on an input (1, channels, height, width): median and interquartile range in milliseconds."""

    role: str
    block: str
    channels: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    median_ms: float = Field(ge=0, allow_inf_nan=False)
    spread_ms: float = Field(ge=0, allow_inf_nan=False)


class NetworkLatency(_Strict):
    """One whole network that was measured for the base: what it took, and what its blocks alone took."""

    genotype: str
    median_ms: float = Field(ge=0, allow_inf_nan=False)
    blocks_ms: float = Field(ge=0, allow_inf_nan=False)


class LatencyTable(_Strict):
    """Measured blocks of one space at one width and depth, for one task and *input* size, on one device.

    base_ms: what a network takes besides its blocks; networks: the measurements it comes from;
    size: "640x360", width x height of the input; threads: of torch on the CPU.
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
        """Read a table; a file that is absent or no table is a UsageError."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not text"
            raise UsageError(f"cannot read latency table {str(path)!r} ({reason}); {AGAIN}") from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(p) for p in fault["loc"]) or "the file"
            raise UsageError(f"{str(path)!r} is no latency table: {where}: {fault['msg'].lower()}; {AGAIN}") from None

    def save(self, path: str | Path) -> Path:
        """Write as JSON, atomically."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        return write_json(file, self.model_dump(mode="json"))

    def check(self, space: Space, task: Task) -> None:
        """Raise a UsageError unless the table tells of the networks of ``space`` for ``task``."""
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
                    + AGAIN
                )
        self.per_choice(space)

    def per_choice(self, space: Space) -> dict[str, list[dict[str, float]]]:
        """Cell name -> for each edge, selectable block -> milliseconds in all cells together."""
        known = {(b.role, b.block, b.channels): b.median_ms for b in self.blocks}
        width, height = (int(n) for n in self.size.split("x"))
        shares: dict[str, list[dict[str, float]]] = {name: [] for name in space.cells}
        for decision, role, site in sites(space, height, width):
            row = {}
            for name in decision.choices:
                if (role, name, site.channels) not in known:
                    raise UsageError(
                        f"the latency table has no {role} block {name!r} at {site.channels} channels; {AGAIN}"
                    )
                row[name] = known[role, name, site.channels] * site.repeats
            shares[decision.cell].append(row)
        return shares


def sites(space: Space, height: int, width: int) -> Iterator[tuple[Any, str, Site]]:
    """(decision, role, site) of every edge, for an input of height x width pixels."""
    skeleton = SKELETONS.get(space.skeleton)
    if not hasattr(skeleton, "sites"):
        raise UsageError(
            f"skeleton {space.skeleton!r} does not say where its blocks sit, so they cannot be timed; "
            "give it a method sites(space, height, width)"
        )
    found: dict[str, tuple[Site, ...]] = skeleton.sites(space, height, width)
    flat = [site for name in space.cells for site in found[name]]
    for decision, site in zip(space.decisions, flat, strict=True):
        yield decision, space.cells[decision.cell].role, site


def measure_table(
    space: Space,
    task: Task,
    height: int,
    width: int,
    *,
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    threads: int = 1,
    warmup: int = 3,
    repeats: int = 20,
    networks: int = 3,
    clock: Callable[[], float] = time.perf_counter,
    note: Callable[[str], None] = lambda line: None,
) -> LatencyTable:
    """Time every (role, block) of ``space`` at the sizes of an input of height x width, and some whole networks.

    networks: how many random genotypes the base is measured with (its median). ``note`` is told of each
    measurement. Sides that the networks cannot take are made larger, as inference does.
    Other arguments as in ``nas.profiling.latency.measure``.
    """
    timing: dict[str, Any] = {
        "device": device,
        "dtype": dtype,
        "threads": threads,
        "warmup": warmup,
        "repeats": repeats,
        "clock": clock,
    }
    with torch.random.fork_rng(devices=[]):
        rule = descriptor_of(space.network(space.sample(0), task))
    height, width = (allowed_size(s, rule.size_multiple, rule.min_size) for s in (height, width))
    wanted = {
        (role, name, site.channels, site.height, site.width): None
        for decision, role, site in sites(space, height, width)
        for name in decision.choices
    }
    blocks = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for role, name, channels, h, w in wanted:
            module = BLOCKS[role].get(name).build(channels)
            module.descriptor = ModelDescriptor(name=name, channels=channels, value_range=1.0)
            found = measure(module, h, w, **timing)
            where = {"role": role, "block": name, "channels": channels, "height": h, "width": w}
            blocks.append(BlockLatency(**where, median_ms=found.median_ms, spread_ms=found.spread_ms))
            note(f"{role} {name}, {channels} channels at {w}x{h}: {found.median_ms:.3f} ms")
        table = LatencyTable(
            space=space.name,
            skeleton=space.skeleton,
            network=space.network_settings.model_dump(exclude_none=True),
            wiring=_wiring(space),
            task=task.name,
            size=f"{width}x{height}",
            device=found.device,
            dtype=dtype,
            threads=found.threads,
            torch=str(torch.__version__),
            base_ms=0.0,
            blocks=blocks,
            networks=[],
        )
        shares = table.per_choice(space)
        whole = []
        for seed in range(networks):
            genotype = space.sample(seed)
            found = measure(space.network(genotype, task), height, width, **timing)
            own = sum(
                row[choice.block]
                for cell, choices in genotype.cells.items()
                for row, choice in zip(shares[cell], choices, strict=True)
            )
            whole.append(NetworkLatency(genotype=genotype.hash, median_ms=found.median_ms, blocks_ms=own))
            note(f"network {genotype.hash}: {found.median_ms:.2f} ms, its blocks {own:.2f} ms")
    base = statistics.median(n.median_ms - n.blocks_ms for n in whole) if whole else 0.0
    return table.model_copy(update={"networks": whole, "base_ms": max(base, 0.0)})


def _wiring(space: Space) -> dict[str, list[tuple[int, int]]]:
    return {name: [(e.source, e.target) for e in cell.edges] for name, cell in space.cells.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
