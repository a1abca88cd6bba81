"""A validation comes after the state is saved, in the tiles of evaluation, and its failure names it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nas.config.runs import RetrainSettings
from nas.data import Pair
from nas.data.pairs import Pair as FilePair
from nas.errors import Interrupted, NasError
from nas.evaluation import tiles
from nas.evaluation.tiles import ValidationTiles, input_size, largest, tile_for
from nas.images import write_image
from nas.models.descriptor import ModelDescriptor
from nas.profiling import memory
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.state import load_state
from nas.train.training_data import TrainingData
from tests.train.test_loop_endings import Walk, settings, walk

#: what Python and torch say on CPU and CUDA when memory is used up
OUT_OF_MEMORY = [
    MemoryError(),
    MemoryError("Unable to allocate 2.93 GiB for an array with shape (4000, 6000, 4, 33)"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 768000000 bytes."),
    RuntimeError("could not create a primitive: out of memory"),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.05 GB)"),
    RuntimeError("std::bad_alloc: cannot allocate memory"),
    NasError("photo.png: cannot allocate memory"),
]


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Failing(Walk):
    """Its validation raises, or sends a signal to the process."""

    def __init__(self, failure: BaseException | signal.Signals, at: int) -> None:
        super().__init__()
        self.failure, self.at = failure, at

    def validate(self, step: int) -> dict[str, float]:
        if step == self.at:
            if isinstance(self.failure, BaseException):
                raise self.failure
            os.kill(os.getpid(), self.failure)
            from nas.signals import stop_if_asked

            stop_if_asked()
        return super().validate(step)


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:30])
@pytest.mark.parametrize("step", [3, 9])
def test_memory_that_ends_in_a_validation_names_it_and_leaves_the_state_of_that_step(
    error: BaseException, step: int, tmp_path: Path
) -> None:
    chosen = settings(validate_every=3)
    with pytest.raises(NasError) as ended:
        walk(tmp_path, chosen, Failing(error, step))
    told = str(ended.value)
    assert told.startswith(f"validation at step {step} of {tmp_path} ran out of memory")
    assert f"the state of step {step} is kept" in told and f"nas retrain --resume {tmp_path}" in told
    state = load_state(tmp_path / "state")
    assert state is not None and state["step"] == step


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes differ"), NasError("no such image")])
def test_other_failures_are_told_as_they_are_and_leave_the_state_as_well(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error), match=str(error)):
        walk(tmp_path, settings(), Failing(error, 9))
    state = load_state(tmp_path / "state")
    assert state is not None and state["step"] == 9


@pytest.mark.parametrize("step", [3, 6, 9])
@pytest.mark.parametrize("failure", [MemoryError(), signal.SIGTERM, signal.SIGINT], ids=["memory", "TERM", "INT"])
def test_a_validation_that_was_cut_short_is_made_up_for_and_the_run_ends_as_if_nothing_had_been(
    failure: BaseException | signal.Signals, step: int, tmp_path: Path
) -> None:
    chosen = settings(validate_every=3)
    whole = Walk()
    ending = walk(tmp_path / "whole", chosen, whole)
    with pytest.raises((NasError, Interrupted)):
        walk(tmp_path / "cut", chosen, Failing(failure, step))
    resumed = Walk()
    assert walk(tmp_path / "cut", chosen, resumed) == ending
    assert resumed.first == step and resumed.validated[0] == step
    assert torch.equal(resumed.place, whole.place)
    assert read_events(tmp_path / "cut") == read_events(tmp_path / "whole")
    first, second = (load_state(tmp_path / name / "state") for name in ("cut", "whole"))
    assert first is not None and second is not None
    assert set(first) == set(second) and first["scores"] == second["scores"] and "unvalidated" not in first


def test_the_state_after_a_validation_has_its_scores(tmp_path: Path) -> None:
    ending = walk(tmp_path, settings(steps=4), Walk())
    state = load_state(tmp_path / "state")
    assert state is not None and state["scores"] == ending.scores != {}


class Blur(nn.Module):
    """A network whose result depends on a neighbourhood of one pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.descriptor = ModelDescriptor("blur", 1, 1, 255.0)
        self.seen: list[tuple[int, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.shape[-2], x.shape[-1]))
        if min(x.shape[-2:]) > 600:
            raise MemoryError
        return self.conv(x)  # type: ignore[no-any-return]


def photographs(folder: Path, *sizes: tuple[int, int]) -> list[Pair]:
    pairs = []
    for number, (height, width) in enumerate(sizes):
        file = folder / f"{number}.png"
        write_image(file, np.random.default_rng(number).integers(0, 255, (height, width), dtype=np.uint8))
        pairs.append(FilePair(file.stem, file))
    return pairs


@pytest.mark.parametrize("free", [2**20, 2**24, 2**27, 2**40])
def test_training_validates_in_the_tiles_that_evaluation_takes(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "free_bytes", lambda device: free)
    task = get_task("denoise_gray_25")
    pairs = photographs(tmp_path, (100, 100), (300, 400))
    model = Blur()
    seen = ValidationTiles(pairs, task)(model, lambda tile: tile)
    assert seen == tile_for(model, (300, 400)) == memory.tile_that_fits(model, 300, 400, tiles.OVERLAP, free)
    assert (seen is None) == (free > 2**20)


def test_where_memory_runs_out_all_the_same_smaller_tiles_are_tried(tmp_path: Path) -> None:
    task = get_task("denoise_gray_25")
    data = TrainingData(RetrainSettings(task=task.name), task, {"validation": photographs(tmp_path, (610, 620))})
    model = Blur()
    assert data.validate(model)["psnr"] > 0
    assert model.seen[0] == (610, 620) and max(h for h, _ in model.seen[1:]) <= 512 + 2 * tiles.OVERLAP


def test_an_error_that_is_not_of_memory_is_not_tried_again(tmp_path: Path) -> None:
    tried: list[int | None] = []

    def fail(tile: int | None) -> float:
        tried.append(tile)
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes"):
        ValidationTiles(photographs(tmp_path, (20, 20)), get_task("denoise_gray_25"))(Blur(), fail)
    assert tried == [None]


def test_the_largest_input_counts_by_the_size_that_the_network_sees(tmp_path: Path) -> None:
    pairs = photographs(tmp_path, (40, 60), (80, 40), (10, 100))
    assert input_size(pairs, get_task("sr_x2")) == (40, 20)
    assert [pair.name for pair in largest(pairs, get_task("sr_x2"))] == ["1"]
    assert input_size([], get_task("sr_x2")) is None and largest([], get_task("sr_x2")) == []
    broken = FilePair("b", tmp_path / "none.png")
    assert input_size([broken], get_task("sr_x2")) is None


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells how much address space is used")
def test_the_limit_of_the_process_counts_as_memory() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, hard))
        assert memory.free_bytes() <= 2**30
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
