"""What the tests of several ranks run under torchrun: ``python ranks_program.py FOLDER``.

Every rank goes through all scenarios in one process group and writes what it found to ``FOLDER/rank<k>.json``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import nas
from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import Interrupted, NasError
from nas.train import distributed
from nas.train.network_learner import NetworkLearner

STEPS = 3
#: An epsilon this large makes of Adam an optimiser that is smooth in the gradient: rounding is not blown up to steps
#: of full size where a gradient is almost zero.
SMOOTH = ["train.optimizer.eps=1.0", "train.optimizer.lr=1e-3", "train.schedule.name=constant"]
ARCHITECTURE = ["search.optimizer.eps=1e-3", "search.optimizer.lr=0.05", "search.warmup=0"]
COMMON = {"task": "sr_x2", "data__patch": 32, "train__steps": STEPS, "threads": 1, "seed": 7}
OPTIONS = ["data.validation=1", "train.log_every=1", "train.validate_every=2", "train.checkpoint_every=2"]


def search_settings(data: Path, batch: int, strategy: str = "pc_darts", *more: str) -> SearchSettings:
    return build(
        SearchSettings,
        None,
        [*OPTIONS, *SMOOTH, *ARCHITECTURE, *more],
        space=str(data.parent / "tiny.yaml"),
        strategy=strategy,
        data__path=[str(data)],
        data__batch=batch,
        **COMMON,
    )


def retrain_settings(data: Path, batch: int, model: str, *more: str, **network: Any) -> RetrainSettings:
    return build(
        RetrainSettings,
        None,
        [*OPTIONS, *SMOOTH, *more],
        model=model,
        network=network,
        data__path=[str(data)],
        data__batch=batch,
        **COMMON,
    )


#: name -> (images, patches a process) -> settings; each equals one process at twice the batch
EQUAL: dict[str, Callable[[Path, int], Any]] = {
    "first order": lambda data, batch: search_settings(data, batch, "pc_darts", "train.clip=0.01"),
    "second order": lambda data, batch: search_settings(data, batch, "darts", "search.order=second"),
    "difference": lambda data, batch: search_settings(
        data, batch, "pc_darts", "search.order=second", "search.second_order=difference"
    ),
    "gdas": lambda data, batch: search_settings(data, batch, "gdas"),
    "single path": lambda data, batch: search_settings(data, batch, "single_path", "search.samples=2"),
    "retrain": lambda data, batch: retrain_settings(
        data, batch, "jsnet_released", "train.ema=0.5", "train.clip=0.01", "data.workers=1", cells=1, width=16
    ),
    "stages": lambda data, batch: retrain_settings(
        data,
        batch,
        "jsnet_released",
        f"data.stages=[{{steps: 1, patch: 32, batch: {batch}}}, {{steps: 2, patch: 36, batch: {2 * batch}}}]",
        "train.schedule.unit=epoch",
        cells=1,
        width=16,
    ),
}
#: of these the ranks must only agree: rounding to bfloat16 and statistics of half a batch are other numbers
AGREE: dict[str, Callable[[Path, int], Any]] = {
    "bfloat16": lambda data, batch: retrain_settings(
        data, batch, "jsnet_released", "train.bf16=true", cells=1, width=16
    ),
    "batch normalisation": lambda data, batch: retrain_settings(data, batch, "jdnet", "task=derain", unit_num=1),
}


def go(settings: Any, **places: Path) -> Any:
    return nas.search(settings, **places) if isinstance(settings, SearchSettings) else nas.retrain(settings, **places)


def sentence(action: Callable[[], Any]) -> str:
    """The error that an action must end with."""
    try:
        action()
    except NasError as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def primitives() -> dict[str, Any]:
    """What each helper of ``distributed`` gives on this rank."""
    rank = distributed.rank()
    grid = torch.arange(6.0).reshape(1, 2, 3, 1).to(memory_format=torch.channels_last) + rank
    half = torch.full((3,), float(rank), dtype=torch.float64)
    distributed.average([grid, half])
    whole = (torch.arange(6).reshape(6, 1), torch.arange(6).reshape(6, 1))

    def fail() -> None:
        raise nas.errors.UsageError("only rank 0 knows why")

    return {
        "grid": grid.flatten().tolist(),
        "half": half.tolist(),
        "mean": distributed.mean({"b": rank, "a": 10.0 * rank}),
        "share": distributed.share({"from": rank, "path": Path("runs")}),
        "state": float(distributed.share_state({"x": torch.tensor(float(rank))})["x"]),
        "mine": next(distributed.mine(iter([whole])))[0].flatten().tolist(),
        "lead": distributed.lead(lambda: rank),
        "failure": sentence(lambda: distributed.lead(fail)),
        "differing": sentence(lambda: distributed.identical({"weights": torch.tensor(rank)}, "after step 4")),
        "agreeing": sentence(lambda: distributed.identical({"weights": torch.ones(2)}, "after step 4")),
        "discrete": sentence(lambda: nas.search(strategy="random", space="jsm")),
        "occupied": sentence(
            lambda: nas.search(space="jsm", data__validation=0, out=Path(sys.argv[1]) / "first order")
        ),
    }


def interrupted(folder: Path, data: Path) -> dict[str, Any]:
    """Rank 1 alone is told to end; all save the same state, from which the run goes on."""
    genuine = NetworkLearner.step

    def step(self: NetworkLearner, step: int) -> dict[str, float]:
        if step == 0 and distributed.rank() == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return genuine(self, step)

    NetworkLearner.step = step  # type: ignore[method-assign]
    settings = EQUAL["retrain"](data, 1)
    try:
        go(settings, out=folder / "cut")
        told = "nothing"
    except Interrupted as ended:
        told = f"{ended.exit_code}: {ended}"
    NetworkLearner.step = genuine  # type: ignore[method-assign]
    return {"told": told, "weights": nas.retrain(resume=folder / "cut").weights_hash}


@distributed.process_group()
def main(folder: Path, data: Path) -> None:
    digests: list[str] = []
    genuine = distributed.identical

    def remember(state: Any, where: str) -> None:
        """What each rank holds by itself, as the check of the states sees it."""
        digests.append(distributed.fingerprint(state).hex())
        genuine(state, where)

    found: dict[str, Any] = {"digests": {}, "results": {}}
    for name, make in {**EQUAL, **AGREE}.items():
        distributed.identical, digests = remember, []
        result = go(make(data, 1), out=folder / name)
        distributed.identical = genuine
        found["digests"][name] = digests
        found["results"][name] = {"weights": result.weights_hash, "scores": result.scores}
    found |= {"primitives": primitives(), "interrupted": interrupted(folder, data)}
    (folder / f"rank{distributed.rank()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    with distributed.process_group():  # a second group in one program
        assert distributed.mean({"rank": distributed.rank()}) == {"rank": 0.5}
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
    assert not any("gloo" in name for name in threads), threads  # one that outlives its group may abort the exit
