"""One training by several processes (``torchrun``), each with the whole network and a slice of every batch.

* Weights, architecture variables, optimisers and random generators are the same on all ranks; ``identical``
  compares them whenever a state is saved. One random stream for all: Gumbel samples and sampled paths agree.
* ``data.batch`` is per rank. The global batch is drawn as one process would draw it (a pure function of seed and
  step), each rank takes its slice, gradients are averaged: n ranks at batch b follow one process at batch n b, up
  to rounding, for any loss that is a mean over the batch.
* Gradients are averaged by one flat all-reduce, not by DistributedDataParallel: its hooks fire in ``backward`` of
  the wrapped module, but architecture gradients come from ``torch.autograd.grad``, through functional calls and,
  in the second order, twice over, where no hook fires. Explicit averaging stands where the gradient is made.
* Batch normalisation sees the rank's own slice on a CPU (there the equality above does not hold for it); on CUDA
  it becomes SyncBatchNorm, which sees all. Its running statistics are averaged after every step.
* Rank 0 alone writes and validates.

Nothing is kept here: the process group of torch.distributed is the only state, and without one every function does
what a single process would.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.modules.batchnorm import _BatchNorm

from nas.errors import NasError, UsageError

#: How long a rank waits for the others. One that dies is noticed at once, by its closed connection; this bounds the
#: wait for a machine that fell silent, and must outlast a validation on rank 0.
PATIENCE = timedelta(minutes=30)


def launched() -> bool:
    """Whether a launcher such as torchrun started this process as a rank."""
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))


def active() -> bool:
    """Whether there is a process group."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """This process among ``ranks()``; 0 outside a group."""
    return dist.get_rank() if active() else 0


def ranks() -> int:
    """Number of processes that train together; 1 outside a group."""
    return dist.get_world_size() if active() else 1


def leads() -> bool:
    """Whether this process is the one that writes."""
    return rank() == 0


def launch() -> str:
    """What tells this launch from others and stays the same when torchrun restarts its ranks.

    Returns:
        The rendezvous id if torchrun was given one, else host and number of its process (the parent of every rank);
        "" outside torchrun.
    """
    name = os.environ.get("TORCHELASTIC_RUN_ID", "")
    return f"{socket.gethostname()}:{os.getppid()}" if name == "none" else name


@contextmanager
def process_group() -> Iterator[None]:
    """The process group of this launch for the time of the block; nothing outside a launch or inside a group.

    Tensors on CUDA devices travel by nccl, all others by gloo.

    Raises:
        NasError: The ranks did not find one another, or lost contact.
    """
    if active() or not launched():
        yield
        return
    # its functions have the group that stands at the time of import as a default argument: imported later, by torch's
    # own compiler, they would keep the group and its threads alive to the exit, which one of them may then abort
    importlib.import_module("torch.distributed.nn")
    both = torch.cuda.is_available() and dist.is_nccl_available()
    try:
        store, own, count = next(rendezvous("env://", timeout=PATIENCE))
        store = PrefixStore(_life(), store)
        # ... and of the several groups that a program may have one after another
        store = PrefixStore(str(store.add(f"groups of {own}", 1)), store)
        backend = "cpu:gloo,cuda:nccl" if both else "gloo"
        dist.init_process_group(backend, store=store, rank=own, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise NasError(
            f"the ranks did not find one another: {_words(error)}; start all of them with torchrun"
        ) from error
    try:
        yield
        with _contact():  # no rank leaves while another may still need it
            dist.all_reduce(torch.zeros(1))
    finally:
        dist.destroy_process_group()


def _life() -> str:
    """Sets this start of the ranks apart from earlier ones of the same agent, whose addresses its store still holds."""
    return f"{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')} of {os.environ['WORLD_SIZE']}"


def refuse(what: str, mend: str) -> None:
    """Refuse to be one of several ranks; for what one process must do alone.

    Args:
        what: What cannot be split.
        mend: What to do instead.

    Raises:
        UsageError: Several ranks were launched.
    """
    if launched() and int(os.environ["WORLD_SIZE"]) > 1:
        raise UsageError(f"{what} cannot be split by torchrun; {mend}")


def claim_device(device: str) -> None:
    """Let every rank take a device of its own: ``cuda`` is the device of the local rank.

    Raises:
        UsageError: Several ranks would share a numbered device, or there are fewer devices than ranks here.
    """
    if not launched() or not device.startswith("cuda"):
        return
    local, found = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if device != "cuda" and int(os.environ["WORLD_SIZE"]) > 1:
        raise UsageError(f"device {device!r} would be shared by all ranks; give --device cuda, and each takes its own")
    if local >= found:
        raise UsageError(f"local rank {local} finds {found} CUDA device(s); start at most {found} processes a machine")
    if device == "cuda":
        torch.cuda.set_device(local)


def mine(batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """This rank's slice of every global batch (degraded, target)."""
    for pair in batches:
        share = pair[0].shape[0] // ranks()
        here = slice(rank() * share, (rank() + 1) * share)
        yield pair[0][here], pair[1][here]


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its mean over the ranks, in place.

    Args:
        tensors: The same ones in the same order on every rank.

    Raises:
        NasError: Another rank was lost.
    """
    if ranks() == 1:
        return
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for group in groups.values():
        flat = torch.cat([t.detach().reshape(-1) for t in group])
        with _contact():
            dist.all_reduce(flat)
        flat /= ranks()
        for tensor, piece in zip(group, torch.split(flat, [t.numel() for t in group]), strict=True):
            tensor.detach().copy_(piece.view(tensor.shape))


def mean(values: dict[str, float]) -> dict[str, float]:
    """Means over the ranks of values that have the same names on each."""
    if ranks() == 1:
        return values
    numbers = torch.tensor([float(values[name]) for name in sorted(values)], dtype=torch.float64)
    with _contact():
        dist.all_reduce(numbers)
    return dict(zip(sorted(values), (numbers / ranks()).tolist(), strict=True)) if values else values


def running_statistics(model: nn.Module) -> list[Tensor]:
    """Running means and variances of batch normalisation: what a forward pass changes besides gradients."""
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    return [t for m in layers for t in (m.running_mean, m.running_var) if t is not None]


def synchronised(model: nn.Module, device: str) -> nn.Module:
    """The model with batch normalisation over all ranks where torch has it (on CUDA)."""
    if ranks() == 1 or not device.startswith("cuda"):
        return model
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return converted


def share(value: Any) -> Any:
    """Rank 0's value on every rank: anything that JSON can hold, and paths (as text)."""
    if ranks() == 1:
        return value
    return json.loads(_share_bytes(json.dumps(value, default=os.fspath).encode() if leads() else b""))


def share_state(state: Any) -> Any:
    """Rank 0's tensors and plain values on every rank, on the CPU; loaded without unpickling code."""
    if ranks() == 1:
        return state
    content = io.BytesIO()
    if leads():
        torch.save(state, content)
    return torch.load(io.BytesIO(_share_bytes(content.getvalue())), map_location="cpu", weights_only=True)


def lead(action: Callable[[], Any], send: Callable[[Any], Any] = share) -> Any:
    """Let rank 0 do something for all.

    Args:
        action: What it does.
        send: Gives its result to every rank.

    Returns:
        The result of rank 0.

    Raises:
        NasError: The one that rank 0 raised, on every rank.
    """
    if ranks() == 1:
        return action()
    result: Any = None
    failure: NasError | None = None
    if leads():
        try:
            result = action()
        except NasError as error:
            failure = error
    told = share([str(failure), isinstance(failure, UsageError)] if failure is not None else None)
    if told is not None:
        raise failure or (UsageError if told[1] else NasError)(told[0])
    return send(result)


def identical(state: Any, where: str) -> None:
    """Check that every rank holds the same state.

    Args:
        state: Tensors and plain values, nested in any way.
        where: Begins the message.

    Raises:
        NasError: Some ranks hold another one than rank 0; the message names them.
    """
    if ranks() == 1:
        return
    own = torch.frombuffer(bytearray(fingerprint(state)), dtype=torch.uint8)
    all_of_them = [torch.empty_like(own) for _ in range(ranks())]
    with _contact():
        dist.all_gather(all_of_them, own)
    others = [str(r) for r, other in enumerate(all_of_them) if not torch.equal(other, all_of_them[0])]
    if others:
        raise NasError(
            f"{where}, rank {', '.join(others)} has other weights or random numbers than "
            "rank 0: something drew or "
            "computed differently there; use the same versions and kind of device on every rank, and continue from "
            "the last state with --resume"
        )


def fingerprint(state: Any) -> bytes:
    """32 bytes (SHA-256) that are equal for states that agree to the last bit of every tensor."""
    digest = hashlib.sha256()
    _absorb(state, digest)
    return digest.digest()


def _absorb(value: Any, digest: Any) -> None:
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, dict):
        for key, inner in value.items():
            digest.update(f"{key!r}:".encode())
            _absorb(inner, digest)
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}]".encode())
        for inner in value:
            _absorb(inner, digest)
    else:
        digest.update(repr(value).encode())


def _share_bytes(content: bytes) -> bytes:
    length = torch.tensor([len(content)])
    with _contact():
        dist.broadcast(length, 0)
        buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8) if leads() else torch.empty(0)
        if not leads():
            buffer = torch.empty(int(length), dtype=torch.uint8)
        dist.broadcast(buffer, 0)
    return buffer.numpy().tobytes()


@contextmanager
def _contact() -> Iterator[None]:
    """Say in plain words what a failed collective means."""
    try:
        yield
    except RuntimeError as error:
        raise NasError(
            f"rank {rank()} lost contact with another rank ({_words(error)[:120]}); torchrun --max-restarts continues "
            "from the last state by itself, otherwise use --resume"
        ) from error


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())
