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
    "imresize": "nas.data.resize",
    "search": "nas.strategies.search",
    "derive": "nas.strategies.derive",
    "retrain": "nas.train.retrain",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_the_thing_of_its_room(name: str) -> None:
    assert getattr(nas, name) is getattr(import_module(NAMES[name]), name)


def test_metrics_is_the_module_and_the_version_is_the_distributions() -> None:
    assert nas.metrics is import_module("nas.evaluate.metrics")
    assert nas.__version__ == version("jsnas")


def test_dir_lists_every_public_name() -> None:
    assert set(nas.__all__) <= set(dir(nas))
    assert {*NAMES, "metrics", "evaluate", "__version__"} == set(nas.__all__)


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
        "import nas.evaluate.metrics, nas",
        "from nas.evaluate.harness import evaluate; import nas",
        "import nas; from nas import evaluate",
    ],
)
def test_nas_evaluate_is_a_package_and_a_function_in_any_order_of_import(imports: str) -> None:
    code = (
        f"{imports}\n"
        "from nas.errors import UsageError\n"
        "try:\n"
        "    nas.evaluate(['bicubic'], task='no_such_task')\n"
        "except UsageError as error:\n"
        "    from nas.evaluate import metrics\n"
        "    print(type(nas.evaluate).__name__, metrics is nas.metrics, 'no_such_task' in str(error))\n"
    )
    assert run(code) == "_CallablePackage True True"
