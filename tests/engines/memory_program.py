"""Prints as JSON what was forecast of the memory of runs, and what they then took, each in a process of its own.

The processes are forked from this one, which has imported everything: so all of them start from the same size.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.engines.rehearsal import measure
from nas.engines.search import search
from nas.images import write_image
from nas.profiling.process_memory import own_peak_mib, own_resident_mib
from nas.train.retrain import retrain

#: name -> kind of run, and its settings: three sizes of each kind
CASES: dict[str, tuple[type[Settings], dict[str, Any]]] = {
    "search, first order, small": (SearchSettings, {"data__batch": 1, "data__patch": 32}),
    "search, first order, middle": (SearchSettings, {"data__batch": 2, "data__patch": 48}),
    "search, first order, large": (SearchSettings, {"data__batch": 6, "data__patch": 48}),
    "search, second order, small": (SearchSettings, {"data__batch": 1, "data__patch": 32, "search__order": "second"}),
    "search, second order, middle": (SearchSettings, {"data__batch": 2, "data__patch": 32, "search__order": "second"}),
    "search, second order, large": (SearchSettings, {"data__batch": 2, "data__patch": 48, "search__order": "second"}),
    "training, small": (RetrainSettings, {"data__batch": 1, "data__patch": 96}),
    "training, middle": (RetrainSettings, {"data__batch": 4, "data__patch": 96}),
    "training, large validation": (RetrainSettings, {"data__batch": 1, "data__patch": 48, "data__validation": 1}),
}


def settings_of(name: str, photos: Path) -> Settings:
    """The settings of a case; of a search without warm-up, so that all of it is seen in two steps."""
    kind, flags = CASES[name]
    common: dict[str, Any] = {"data__path": [str(photos)], "threads": 1, "train__steps": 2, "data__validation": 0}
    if kind is SearchSettings:
        cells = {"overrides": {"network.cells": 1, "network.width": 16}, "search__warmup": 0.0}
        return build(SearchSettings, **{**common, **cells, **flags})
    return build(RetrainSettings, **{**common, "network": {"cells": 1, "width": 16}, **flags})


def in_a_fork(work: Callable[[], float]) -> float:
    """What ``work`` returns in a forked process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(write, str(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return float(text)


def taken(settings: Settings, out: Path) -> float:
    """MiB that a whole run takes above what this process has before."""
    before = own_resident_mib()
    if isinstance(settings, SearchSettings):
        search(settings, out=out)
    else:
        assert isinstance(settings, RetrainSettings)
        retrain(settings, out=out)
    return own_peak_mib() - before


def main(folder: Path, names: Sequence[str]) -> None:
    """Forecast and run the named cases, or all."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    for number in range(4):
        write_image(folder / "photos" / f"{number}.png", rng.integers(0, 255, (200, 260, 3), dtype=np.uint8))
    found = {}
    for number, name in enumerate(names or CASES):
        settings = settings_of(name, folder / "photos")
        forecast = in_a_fork(lambda settings=settings: measure(settings, folder).whole)  # type: ignore[misc]
        real = in_a_fork(lambda settings=settings, number=number: taken(settings, folder / f"run{number}"))  # type: ignore[misc]
        found[name] = [forecast, real]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
