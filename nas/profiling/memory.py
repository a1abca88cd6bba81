"""How much memory a network needs for an image, how much is free, and the largest tile that fits.

The need is found without running the network: it is traced with fake tensors (shapes without values) and the bytes
that live at once are added up, so that attention over all pixels shows its growth with the square of the area. A
network that cannot be traced is run on a small image, and its need is scaled by the area.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nas.models.calling import allowed_size, descriptor_of, evaluating
from nas.profiling.tracing import copy_for_trace

#: sides of tiles in input pixels that are tried, largest first; the last is taken even where it does not fit
SIDES = (1024, 768, 512, 384, 256, 192, 128, 96, 64, 48, 32)
#: share of the free memory that a network may take: allocators round up, and convolutions need workspace
SHARE = 0.5
#: side in pixels of the image on which a network runs that cannot be traced
_SMALL = 64


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the storages that the operations of a network create, and keeps the most bytes that lived at once."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._count(tensor)
        return out

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(tensor if isinstance(tensor, Tensor) else storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


def peak_bytes(model: nn.Module, height: int, width: int) -> int:
    """Bytes of activations that live at once while a network restores an image.

    Args:
        model: A network with a descriptor.
        height: Of the *input* in pixels; rounded up to an allowed size.
        width: Likewise.

    Returns:
        Bytes, in the number type of the parameters; parameters and buffers themselves are not included.
    """
    d = descriptor_of(model)
    size = (allowed_size(height, d.size_multiple, d.min_size), allowed_size(width, d.size_multiple, d.min_size))
    own = copy_for_trace(model)
    try:
        return _traced(own, d.channels, size, fake=True)
    except Exception:  # anything may go wrong in a network that looks at values which are not there
        small = tuple(min(s, allowed_size(_SMALL, d.size_multiple, d.min_size)) for s in size)
        found = _traced(own, d.channels, (small[0], small[1]), fake=False)
        return round(found * size[0] * size[1] / (small[0] * small[1]))


def _traced(model: nn.Module, channels: int, size: tuple[int, int], fake: bool) -> int:
    like = next(model.parameters(), torch.empty(0))
    counter = _LiveBytes()
    with evaluating(model), torch.no_grad():
        if fake:
            with FakeTensorMode(allow_non_fake_inputs=True), counter:
                model(torch.empty(1, channels, *size, dtype=like.dtype, device=like.device))
        else:
            with counter:
                model(torch.full((1, channels, *size), 0.5, dtype=like.dtype, device=like.device))
    return counter.peak


def free_bytes(
    device: torch.device | str = "cpu",
    meminfo: Path = Path("/proc/meminfo"),
    cgroup: Path = Path("/sys/fs/cgroup"),
) -> int:
    """Memory that a process may still allocate.

    Args:
        device: On CUDA the memory of the device counts, else that of the machine, of its container, or of the limit of
            this process (``ulimit -v``), whichever is least.
        meminfo: Where Linux reports the memory of the machine.
        cgroup: Where Linux reports the limits of the container.

    Returns:
        Bytes; 2^62 where nothing is known.
    """
    chosen = torch.device(device)
    if chosen.type == "cuda":
        return int(torch.cuda.mem_get_info(chosen)[0])
    found = [n for n in (_available(meminfo), _container(cgroup), _address_space()) if n is not None]
    return min(found, default=2**62)


def _available(meminfo: Path) -> int | None:
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _address_space() -> int | None:
    """Bytes that the limit of this process leaves; None where there is no limit."""
    try:
        import resource  # absent on Windows

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return max(limit - pages * resource.getpagesize(), 0)
    except (ImportError, OSError, ValueError, IndexError):
        return None


#: (limit, used, key of the file cache in memory.stat) of control groups, version 2 and 1
_GROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)


def _container(cgroup: Path) -> int | None:
    """Bytes that the control group leaves, its file cache counted as free; None where there is no limit."""
    for limit, used, stat, key in _GROUPS:
        try:
            cached = dict(line.split() for line in (cgroup / stat).read_text().splitlines()).get(key, "0")
            left = int((cgroup / limit).read_text()) - int((cgroup / used).read_text()) + int(cached)
            return max(left, 0)
        except (OSError, ValueError):  # no such file, or the word "max"
            continue
    return None


def tile_that_fits(
    model: nn.Module,
    height: int,
    width: int,
    overlap: int,
    limit: int,
    need: Callable[[nn.Module, int, int], int] = peak_bytes,
) -> int | None:
    """The largest tile in which a network can restore an image with the memory that is free.

    Args:
        model: A network with a descriptor.
        height: Of the whole input in pixels.
        width: Likewise.
        overlap: Pixels of context on each side of a tile.
        limit: Free memory in bytes, of which the share ``SHARE`` may be used.
        need: (model, height, width) -> bytes.

    Returns:
        None where the whole image fits, else the largest of ``SIDES`` that does, or the smallest where none does.
    """
    budget = limit * SHARE
    if need(model, height, width) <= budget:
        return None
    sides = [s for s in SIDES if s < max(height, width)] or [SIDES[-1]]
    for side in sides:
        if need(model, min(side + 2 * overlap, height), min(side + 2 * overlap, width)) <= budget:
            return side
    return sides[-1]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or torch, on CPU or CUDA, says that memory is used up."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(w in text for w in words)
