"""A small space, an estimator that costs nothing, and settings of a shared study for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.space import Genotype

SPACE = """
format: nas.space/1
name: small
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 3
    inputs: all
    candidates: [none, skip_connect, srb, sep_conv_3x3]
    merge: sum
    relaxation: {partial_channels: 4, edge_weights: true}
network: {width: 16, cells: 1}
"""

#: a plug-in whose estimator returns a number made of the genotype's hash; the workers begin when WORKERS of them have
#: arrived, and the first one that comes to the trial HANGS writes its process id to a file and waits to be killed
PLUGIN = """
import os, time
from pathlib import Path
from nas.estimators.base import Estimator
from nas.registry import ESTIMATORS

class ByHash(Estimator):
    trains = True

    def prepare(self, folder, search):
        arrived = Path(__file__).with_name("arrived")
        arrived.mkdir(exist_ok=True)
        (arrived / str(os.getpid())).touch()
        for _ in range(72000):
            if len(list(arrived.iterdir())) >= WORKERS:
                return
            time.sleep(0.05)

    def __call__(self, genotype, trial, report=None):
        mark = Path(__file__).with_name("hanging")
        if trial == HANGS and not mark.exists():
            mark.with_suffix(".partial").write_text(str(os.getpid()))
            mark.with_suffix(".partial").rename(mark)
            time.sleep(3600)
        time.sleep(SECONDS)
        return {"psnr": int(genotype.hash, 16) % 10**6 / 10**4, "steps": 0}

ESTIMATORS.remove("by_hash")  # of an earlier test in this process
ESTIMATORS.add("by_hash", ByHash)
"""


def value_of(genotype: Genotype | str) -> float:
    """The value that the plug-in's estimator returns."""
    digest = genotype if isinstance(genotype, str) else genotype.hash
    return int(digest, 16) % 10**6 / 10**4


def study_settings(
    folder: Path, *assignments: str, hangs: int = -1, seconds: float = 0.0, **flags: Any
) -> SearchSettings:
    """A search by evolution over ``SPACE`` with the plugin's estimator; both files are written to ``folder``."""
    (folder / "small.yaml").write_text(SPACE)
    numbers = {"HANGS": hangs, "SECONDS": seconds, "WORKERS": flags.get("study__workers", 1)}
    plugin = PLUGIN
    for name, number in numbers.items():
        plugin = plugin.replace(name, str(number))
    (folder / "fake.py").write_text(plugin)
    given = {"strategy": "evolution", "search__trials": 8, "search__estimator": "by_hash", **flags}
    return build(
        SearchSettings,
        None,
        ["search.population=4", *assignments],
        space=str(folder / "small.yaml"),
        plugins=[str(folder / "fake.py")],
        data__batch=1,
        data__patch=32,
        data__validation=1,
        threads=1,
        **given,
    )
