"""A strategy and an estimator that come with another distribution, settings of their own included."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "acme-search"
version = "1.0"

[project.entry-points."nas.strategies"]
acme_walk = "acme.walk"

[project.entry-points."nas.estimators"]
acme_hash = "acme.by_hash"

[tool.setuptools]
packages = ["acme"]
"""
WALK = '''
"""A walk that mutates its last genotype."""
from pydantic import Field

from nas.config.sections import Section
from nas.strategies.base import DiscreteStrategy


class WalkSettings(Section):
    """Settings under ``search`` of the walk."""

    acme_stride: int = Field(2, gt=0, description="decisions that change from one genotype to the next")


class Walk(DiscreteStrategy):
    """Asks for neighbours of the last genotype."""

    Settings = WalkSettings

    def __init__(self, search, space, seed):
        super().__init__(search, space, seed)
        self.seen = []

    def ask(self):
        vector = list(self.seen[-1]) if self.seen else list(self.space.encode(self.space.sample(self.rng)))
        for _ in range(self.settings.acme_stride if self.seen else 0):
            place = int(self.rng.integers(len(vector)))
            vector[place] = int(self.rng.integers(len(self.space.decisions[place].choices)))
        below = lambda n: int(self.rng.integers(n))
        if tuple(vector) in map(tuple, self.seen) or not self.constraints.allows(vector):
            vector = self.constraints.another(vector, set(map(tuple, self.seen)), below)
        self.seen.append(list(vector))
        return self.space.decode(vector)

    def tell(self, genotype, values, *, pruned=False):
        pass

    def state_dict(self):
        return {**super().state_dict(), "seen": self.seen}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.seen = [list(v) for v in state["seen"]]


STRATEGY = Walk
'''
BY_HASH = '''
"""A value made from the genotype's hash."""
from pydantic import Field

from nas.config.sections import Section
from nas.estimators.base import Estimator


class HashSettings(Section):
    """Settings under ``search`` of the hash."""

    acme_scale: float = Field(1.0, gt=0, description="factor of the value")


class ByHash(Estimator):
    """Costs nothing and says nothing."""

    Settings = HashSettings

    def __call__(self, genotype, trial, report=None):
        return {"psnr": self.own.acme_scale * (int(genotype.hash, 16) % 1000), "steps": 0}


ESTIMATOR = ByHash
'''
CONFORM = """
import sys
from pathlib import Path
from nas.strategies.conformance import CHECKS
for check in CHECKS:
    folder = Path(sys.argv[1]) / check.__name__
    folder.mkdir()
    check("acme_walk", folder)
    print(check.__name__)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip has installed the distribution."""
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip("pip and setuptools are needed to install a distribution here")
    source = tmp_path_factory.mktemp("source")
    (source / "acme").mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    for name, text in (("__init__", ""), ("walk", WALK), ("by_hash", BY_HASH)):
        (source / "acme" / f"{name}.py").write_text(text)
    target = tmp_path_factory.mktemp("installed")
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(Path.cwd())])}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


SEARCH = ("-m", "nas", "search", "--space", "jsm", "--task", "sr_x2", "--trials", "5", "--cells", "1", "--batch", "1")


def test_it_is_searched_with_settings_of_its_own(installed: Path, tmp_path: Path) -> None:
    own = ("--strategy", "acme_walk", "--estimator", "acme_hash")
    given = ("--set", "search.acme_stride=3", "--set", "search.acme_scale=0.5", "--out", str(tmp_path / "run"))
    done = run(installed, *SEARCH, *own, *given)
    assert done.returncode == 0, done.stderr
    search = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["search"]
    assert search["acme_stride"] == 3 and search["acme_scale"] == 0.5 and search["trials"] == 5
    assert "temperature" not in search  # of another strategy


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("search.acme_stride=0",), "setting 'search.acme_stride': input should be greater than 0 (got 0)"),
        (("search.acme_strid=2",), "unknown setting 'search.acme_strid'; did you mean 'acme_stride'?"),
        (("search.acme_scale=2",), "setting 'search.acme_scale' belongs to estimator 'acme_hash'"),
        (("search.temperature=2",), "setting 'search.temperature' belongs to strategy 'gdas'"),
    ],
)
def test_wrong_settings_are_refused_by_name(installed: Path, words: tuple[str], message: str) -> None:
    done = run(installed, *SEARCH, "--strategy", "acme_walk", "--dry-run", "--set", *words)
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_it_is_listed_with_its_settings(installed: Path) -> None:
    done = run(installed, "-m", "nas", "list", "strategies", "acme*", "--settings")
    assert done.returncode == 0, done.stderr
    assert "acme_walk" in done.stdout and "search.acme_stride" in done.stdout
    assert "decisions that change from one genotype to the next" in done.stdout
    assert "acme_hash" in run(installed, "-m", "nas", "list", "estimators").stdout


def test_it_passes_the_conformance_checks(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-c", CONFORM, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) >= 6
