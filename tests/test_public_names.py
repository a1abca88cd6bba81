"""The names a program calls are there, lazily, whatever was imported first."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import pytest

import nas
from tests.processes import HANGS

NAMES = {
    "load_space": "nas.space",
    "Space": "nas.space",
    "Genotype": "nas.space",
    "evaluate": "nas.evaluation.harness",
    "frame": "nas.evaluation.frames",
    "load": "nas.train.loading",
    "load_published": "nas.report.published",
    "load_run": "nas.report.run_folder",
    "imresize": "nas.images.resize",
    "search": "nas.engines.search",
    "cost": "nas.train.cost",
    "derive": "nas.engines.derive",
    "draw": "nas.report.drawing",
    "restore": "nas.restoration.image",
    "retrain": "nas.train.retrain",
}
#: public name -> what its package calls it
ELSEWHERE = {"load_run": "read_run"}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_the_thing_of_its_package(name: str) -> None:
    assert getattr(nas, name) is getattr(import_module(NAMES[name]), ELSEWHERE.get(name, name))


def test_metrics_is_the_module_and_the_version_is_the_distributions() -> None:
    assert nas.metrics is import_module("nas.evaluation.metrics")
    assert nas.__version__ == version("jsnas")


def test_dir_lists_every_public_name() -> None:
    assert set(nas.__all__) <= set(dir(nas))
    assert {*NAMES, "metrics", "__version__"} == set(nas.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        nas.evalute  # noqa: B018


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=HANGS)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_nas_does_not_import_torch() -> None:
    assert run("import sys, nas; nas.__version__; dir(nas); print('torch' in sys.modules)") == "False"


@pytest.mark.parametrize(
    "imports",
    [
        "import nas",
        "import nas.evaluation.metrics, nas",
        "from nas.evaluation.harness import evaluate; import nas",
        "import nas; from nas import evaluate, metrics",
    ],
)
def test_evaluate_is_a_function_and_metrics_a_module_in_any_order_of_import(imports: str) -> None:
    code = (
        f"{imports}\n"
        "import nas.evaluation.harness\n"
        "print(type(nas.evaluate).__name__, nas.evaluate is nas.evaluation.harness.evaluate, nas.metrics.__name__)\n"
    )
    assert run(code) == "function True nas.evaluation.metrics"
