"""The state of a run on disk: one object, written atomically, checked by a digest, two generations kept.

A process may die at any instant. A generation counts only when its digest file stands beside it and
agrees; the digest is written last, so half a state is never taken for a whole one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.errors import NasError
from nas.files import file_digest, remove_partial_files, replacing, write_text
from nas.models.tensor_files import read_torch_file
from nas.train import distributed
from nas.versions import package_version

KEPT = 2
#: of what a state holds; states that say none are of the first
FORMAT = "nas.state/1"


def save_state(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a state to the disk and drop all but the newest two generations.

    Also dropped are what a process left that died while writing, and generations beyond this step: a run that
    stands here has found them damaged.

    Args:
        folder: Where states are kept; made where it is missing.
        step: Number of the generation.
        state: Tensors and plain values.

    Returns:
        The file of the state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial_files(folder)
    path = folder / f"step-{step:09d}.pt"
    mark = path.with_suffix(".sha256")
    before = mark.read_text() if mark.is_file() and path.is_file() else ""
    with replacing(path) as partial:
        with partial.open("wb") as file:  # by its name, torch would write that name into the file
            torch.save({**state, "step": step, "format": FORMAT, "jsnas": package_version()}, file)
            file.flush()
            os.fsync(file.fileno())  # whole after a power cut too
        digest = file_digest(partial)
        if before:  # this generation is written anew: whichever of the two files is there, the mark is true of it
            write_text(mark, f"{before}\n{digest}")
    write_text(mark, digest)
    found = sorted(folder.glob("step-*.pt"))
    here = found.index(path) + 1
    for old in found[: max(here - KEPT, 0)] + found[here:]:
        old.with_suffix(".sha256").unlink(missing_ok=True)
        old.unlink()
    return path


def load_state(folder: Path, warn: Callable[[str], None] | None = None) -> dict[str, Any] | None:
    """The newest generation whose digest agrees.

    Args:
        folder: Where states are kept.
        warn: Is told of each damaged generation that is passed over.

    Returns:
        The state, on the CPU, or None when the run never got to its first one.

    Raises:
        NasError: There are generations, but none is whole.
    """
    found = sorted(folder.glob("step-*.pt"), reverse=True)
    for path in found:
        mark = path.with_suffix(".sha256")
        if mark.is_file() and file_digest(path) in mark.read_text().split():
            return _read(path)
        if mark.is_file() and warn is not None:
            warn(f"saved state {str(path)!r} is damaged; the run continues from the generation before it")
    whole_would_be = [p for p in found if p.with_suffix(".sha256").is_file()]
    if whole_would_be:
        raise NasError(f"every saved state in {str(folder)!r} is damaged; start the run again in another folder")
    return None


def _read(path: Path) -> dict[str, Any]:
    """A state whose bytes are as they were written, which does not say who wrote them."""
    try:
        state = read_torch_file(path)
    except NasError as error:
        what = str(error).partition(";")[0]
        raise NasError(
            f"saved state: {what}; nothing in it was run: restore the file, delete it to continue from the generation "
            "before it, or start the run again in another folder"
        ) from None
    if isinstance(state, dict) and state.get("format", FORMAT) != FORMAT:
        version = str(state.get("jsnas", "a newer version"))[:40]
        raise NasError(
            f"saved state {str(path)!r} has the format {str(state['format'])[:40]!r} of jsnas {version}, which this "
            f"version ({package_version()}) does not read; resume the run with jsnas {version}"
        )
    shape = {"step": int, "scores": dict, "learner": dict, "random": dict}
    if not isinstance(state, dict) or any(not isinstance(state.get(k, kind()), kind) for k, kind in shape.items()):
        raise NasError(f"saved state {str(path)!r} is not one of a training; restore it, or start the run again")
    return state


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Say in our words that a state does not belong to what it is loaded into.

    Args:
        folder: The run folder.

    Raises:
        NasError: In the block a state was loaded that lacks something, or has other tensors.
    """
    try:
        yield
    except NasError:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        what = " ".join(str(error).split())[:200]
        raise NasError(
            f"the saved state in {str(folder)!r} does not fit what its config.yaml and genotype.json describe "
            f"({type(error).__name__}: {what}); restore the files that were changed, or start the run again in another "
            "folder"
        ) from error


def random_state() -> dict[str, Any]:
    """The generators of torch, numpy and Python (and CUDA) as values that load without unpickling.

    Of several ranks each has one CUDA device, whose generator is the same on all; a single process keeps all devices.
    """
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "python": [version, list(internal), gauss],
        "numpy": [str(name), [int(k) for k in keys], int(position), int(has_gauss), float(cached)],
    }
    if torch.cuda.is_available():
        several = distributed.ranks() > 1
        state["cuda"] = [torch.cuda.get_rng_state()] if several else torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Inverse of ``random_state``."""
    torch.set_rng_state(state["torch"])
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    if "cuda" in state and torch.cuda.is_available():
        if distributed.ranks() > 1:
            torch.cuda.set_rng_state(state["cuda"][0])
        else:
            torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])


def seed_everything(seed: int) -> None:
    """Seed torch (all devices), numpy and Python."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    random.seed(seed)
