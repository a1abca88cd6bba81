"""States on disk: whole or not at all, newest first, nothing unpickled."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.train.state import load_state, random_state, restore_random_state, save_state, seed_everything


def test_a_state_comes_back_equal(tmp_path: Path) -> None:
    save_state(tmp_path, 3, {"weights": torch.arange(5.0), "notes": {"a": [1, 2.5, "x", None]}})
    state = load_state(tmp_path)
    assert state is not None
    assert state["step"] == 3 and state["notes"] == {"a": [1, 2.5, "x", None]}
    assert torch.equal(state["weights"], torch.arange(5.0))


def test_no_state_yet_is_none(tmp_path: Path) -> None:
    assert load_state(tmp_path) is None


def test_two_generations_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_state(tmp_path, step, {"v": step})
    assert sorted(p.name for p in tmp_path.glob("*.pt")) == ["step-000000002.pt", "step-000000003.pt"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "no digest"])
def test_a_damaged_newest_state_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    save_state(tmp_path, 1, {"v": 1})
    newest = save_state(tmp_path, 2, {"v": 2})
    if damage == "truncate":
        newest.write_bytes(newest.read_bytes()[:-10])
    elif damage == "flip":
        content = bytearray(newest.read_bytes())
        content[len(content) // 2] ^= 1
        newest.write_bytes(bytes(content))
    else:
        newest.with_suffix(".sha256").unlink()
    state = load_state(tmp_path)
    assert state is not None and state["v"] == 1


def test_when_every_state_is_damaged_the_error_says_so(tmp_path: Path) -> None:
    save_state(tmp_path, 1, {"v": 1}).write_bytes(b"nothing")
    with pytest.raises(NasError, match="damaged"):
        load_state(tmp_path)


def test_random_generators_continue_where_they_were(tmp_path: Path) -> None:
    seed_everything(5)
    torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
    save_state(tmp_path, 1, {"random": random_state()})
    expected = (torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random())  # noqa: NPY002
    seed_everything(99)
    state = load_state(tmp_path)
    assert state is not None
    restore_random_state(state["random"])
    assert (torch.rand(2).tolist(), np.random.rand(2).tolist(), random.random()) == expected  # noqa: NPY002
