"""Several processes under torchrun train as one would, stay equal to the bit, and survive the death of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.train import distributed
from nas.train.events import read_events
from nas.train.state import load_state
from tests.processes import HANGS
from tests.train.ranks_program import AGREE, EQUAL, go

TINY = """
format: nas.space/1
name: tiny
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 1
    inputs: all
    candidates: [none, skip_connect, srb, sep_conv_3x3]
    merge: sum
    relaxation: {partial_channels: 4, edge_weights: true}
network: {width: 16, cells: 1}
"""
#: kills the process by SIGKILL before a step, as ``NAS_TEST_KILLS`` says: "<life>:<rank>:<step> ..."
KILLER = """
import os, signal
from nas.engines.supernet_learner import SupernetLearner
from nas.train.network_learner import NetworkLearner

life, rank = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), os.environ.get("RANK", "0")

def mortal(genuine):
    def step(self, step):
        if f"{life}:{rank}:{step}" in os.environ.get("NAS_TEST_KILLS", "").split():
            os.kill(os.getpid(), signal.SIGKILL)
        return genuine(self, step)
    return step

for learner in (SupernetLearner, NetworkLearner):
    learner.step = mortal(learner.step)
"""


def torchrun(*words: str, kills: str = "", restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """Two processes of a program (or ``-m module``) under torchrun, to their end."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NAS_TEST_KILLS": kills}
    return subprocess.run(
        [*launcher, "--max-restarts", str(restarts), *words],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny space and six small images of soft noise."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "tiny.yaml").write_text(TINY)
    (folder / "killer.py").write_text(KILLER)
    rng = np.random.default_rng(0)
    for index in range(6):
        coarse = rng.integers(0, 256, (7, 7, 3)).astype(np.float64)
        (folder / "images").mkdir(exist_ok=True)
        write_image(folder / "images" / f"{index}.png", coarse.repeat(7, 0).repeat(7, 1)[:48, :48].astype(np.uint8))
    return folder


@pytest.fixture(scope="module")
def ranks(place: Path) -> list[dict[str, Any]]:
    """What each of two ranks found in all scenarios."""
    out = place / "two"
    out.mkdir()
    done = torchrun(str(Path(__file__).with_name("ranks_program.py")), str(out), str(place / "images"))
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads((out / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def weights(run: Path) -> dict[str, torch.Tensor]:
    """Everything that was learnt, from the last state of a run."""
    state = load_state(run / "state")
    assert state is not None
    learner = state["learner"]
    return {**(learner["average"] if learner.get("average") else learner.get("model") or learner["supernet"])}


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], names: list[str]) -> float:
    return float(sum(((one[n].double() - other[n].double()) ** 2).sum() for n in names)) ** 0.5


@pytest.mark.parametrize("name", EQUAL)
def test_two_ranks_equal_one_process_at_twice_the_batch(name: str, ranks: list[dict[str, Any]], place: Path) -> None:
    torch.set_num_threads(1)
    one = go(EQUAL[name](place / "images", 2), out=place / "one" / name)
    half = go(EQUAL[name](place / "images", 1), out=place / "half" / name)
    found, wanted, other = (weights(run) for run in (place / "two" / name, one.run, half.run))
    architecture = [n for n in wanted if "alpha" in n or "beta" in n]
    for names in [[n for n in wanted if n not in architecture], architecture if name != "single path" else []]:
        # what half the batch would have changed is the yardstick; rounding is far below it
        assert not names or distance(found, wanted, names) < 2e-3 * distance(other, wanted, names)
    losses = [[e["loss"] for e in read_events(place / f / name) if e["kind"] == "train"] for f in ("two", "one")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert ranks[0]["results"][name]["scores"] == pytest.approx(one.scores, rel=1e-3)


@pytest.mark.parametrize("name", [*EQUAL, *AGREE])
def test_ranks_hold_the_same_to_the_bit_at_every_state(name: str, ranks: list[dict[str, Any]]) -> None:
    first, second = (found["digests"][name] for found in ranks)
    assert first == second and len(set(first)) == len(first) == 4  # states of steps 2 and 3 before and after validation
    assert ranks[0]["results"] == ranks[1]["results"]


def test_running_statistics_are_the_mean_over_the_ranks_and_no_rank_s_own(
    ranks: list[dict[str, Any]], place: Path
) -> None:
    moved = {n: t for n, t in weights(place / "two" / "batch normalisation").items() if "running_mean" in n}
    own = go(AGREE["batch normalisation"](place / "images", 1), out=place / "half" / "batch normalisation")
    assert moved and all(float(t.abs().max()) > 0 for t in moved.values())
    assert any(not torch.equal(t, weights(own.run)[n]) for n, t in moved.items())


def test_the_helpers_give_every_rank_the_same(ranks: list[dict[str, Any]]) -> None:
    for rank, found in enumerate(r["primitives"] for r in ranks):
        assert found["grid"] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5] and found["half"] == [0.5, 0.5, 0.5]
        assert found["mean"] == {"a": 5.0, "b": 0.5}
        assert found["share"] == {"from": 0, "path": "runs"} and found["state"] == 0 and found["lead"] == 0
        assert found["mine"] == [[0, 1, 2], [3, 4, 5]][rank]


def test_what_one_rank_cannot_do_all_ranks_say(ranks: list[dict[str, Any]]) -> None:
    for found in (r["primitives"] for r in ranks):
        assert found["failure"] == "UsageError: only rank 0 knows why"
        assert found["differing"].startswith("NasError: after step 4, rank 1 has other weights")
        assert found["agreeing"] == "no error"
        assert found["discrete"].startswith("UsageError: strategy 'random' cannot be split by torchrun; it proposes")
        assert "already contains a run" in found["occupied"]


def test_a_signal_to_one_rank_ends_all_with_a_state_that_goes_on_exactly(ranks: list[dict[str, Any]]) -> None:
    for found in ranks:
        told = found["interrupted"]["told"]
        assert told.startswith("143: interrupted at step 1 of 3; continue with 'nas retrain --resume")
        assert found["interrupted"]["weights"] == found["results"]["retrain"]["weights"]


def test_rank_0_alone_writes(ranks: list[dict[str, Any]], place: Path) -> None:
    for name in EQUAL:
        events = read_events(place / "two" / name)
        assert [e["step"] for e in events if e["kind"] == "train"] == [1, 2, 3]  # two writers would leave each twice
        assert json.loads((place / "two" / name / "launch.json").read_text())["ranks"] == 2


def test_a_run_goes_on_after_sigkill_of_either_rank_and_ends_as_if_nothing_had_happened(place: Path) -> None:
    words = [
        "-m",
        "nas",
        "search",
        "--space",
        str(place / "tiny.yaml"),
        "--task",
        "sr_x2",
        "--data",
        str(place / "images"),
    ]
    words += ["--steps", "9", "--batch", "1", "--patch", "32", "--threads", "1", "--plugin", str(place / "killer.py")]
    words += ["--strategy", "gdas"]
    for setting in ("data.validation=1", "train.log_every=1", "train.validate_every=3", "train.checkpoint_every=2"):
        words += ["--set", setting]
    whole = torchrun(*words, "--out", str(place / "whole"))
    assert whole.returncode == 0, whole.stderr[-4000:]
    cut = torchrun(*words, "--out", str(place / "cut"), kills="0:1:4 1:0:7", restarts=2)
    assert cut.returncode == 0, cut.stderr[-4000:]
    # torchrun names the first death of each round: the one killed, or the other, which lost contact with it
    assert cut.stderr.count("failed (exitcode: ") == 2, cut.stderr[-4000:]
    summaries = [json.loads((place / run / "summary.json").read_text()) for run in ("whole", "cut")]
    assert all(summaries[0][key] == summaries[1][key] for key in ("genotype", "weights", "scores"))
    assert read_events(place / "whole") == read_events(place / "cut")
    timing = (place / "cut" / "timing.jsonl").read_text()
    assert timing.count('"start"') == 3  # three lives of the writer
    assert whole.stdout.count("wrote ") == 1 and whole.stderr.count("validation psnr") == 3  # one voice


def test_a_rank_that_loses_another_says_so_and_how_the_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any, **options: Any) -> None:
        raise RuntimeError("Connection closed by peer")

    under_torchrun(monkeypatch)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_reduce", broken)
    with pytest.raises(NasError, match=r"rank 1 lost contact .*Connection closed by peer.*--max-restarts continues"):
        distributed.average([torch.ones(2)])


def under_torchrun(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    environment = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    for name, value in {**environment, "TORCHELASTIC_RUN_ID": "none", **values}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "bicubic", "--task", "sr_x2"], "'nas evaluate' is for one process"),
        (["search", "--seeds", "2"], "an experiment .* cannot be split by torchrun"),
    ],
)
def test_commands_that_are_not_for_several_are_refused_once(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    from nas.cli import main

    for rank in ("0", "1"):
        under_torchrun(monkeypatch, RANK=rank)
        with pytest.raises(SystemExit) as ended:
            main(words)
        told = capsys.readouterr().err
        assert ended.value.code == 2
        assert bool(re.search(message, told)) == (rank == "0") and bool(told) == (rank == "0")


def test_a_numbered_device_is_refused_because_all_ranks_would_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    under_torchrun(monkeypatch)
    with pytest.raises(UsageError, match="--device cuda, and each takes its own"):
        distributed.claim_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UsageError, match="local rank 1 finds 1 CUDA device"):
        distributed.claim_device("cuda")


def test_outside_torchrun_everything_is_as_with_one_process() -> None:
    assert not distributed.launched() and (distributed.rank(), distributed.ranks()) == (0, 1)
    tensor = torch.ones(2)
    distributed.average([tensor])
    distributed.identical({"a": tensor}, "now")
    assert tensor.tolist() == [1, 1] and distributed.share(tensor) is tensor
    assert distributed.mean({"a": 2.0}) == {"a": 2.0} and distributed.launch() == ""
