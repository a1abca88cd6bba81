"""optuna-dashboard reads a study as it is: started for real and asked over HTTP."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.engines.nni.engine import free_port
from nas.engines.search import search
from tests.engines.study_examples import study_settings, value_of
from tests.processes import HANGS, wait_until

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("optuna_dashboard") is None,
    reason="optuna-dashboard is not installed; pip install 'jsnas[dashboard]'",
)


#: ``optuna-dashboard``, wherever its script lies
COMMAND = """
from importlib.metadata import entry_points
(command,) = entry_points(group="console_scripts", name="optuna-dashboard")
command.load()()
"""


@contextlib.contextmanager
def dashboard(storage: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The command of the README, without a browser; gives its address and the process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", COMMAND, storage, "--host", "127.0.0.1", "--port", str(port)])
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(timeout=HANGS)


def fetch(url: str, process: subprocess.Popen[bytes]) -> Any:
    """What the dashboard answers, once it does."""
    found: list[Any] = []

    def answered() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=HANGS) as answer:
            found.append(json.load(answer))
        return bool(found)

    wait_until(answered, process)
    return found[0]


@pytest.mark.usefixtures("plugin_estimator")
def test_the_dashboard_shows_the_study_with_readable_names(tmp_path: Path) -> None:
    journal = str(tmp_path / "study.journal")
    settings = study_settings(
        tmp_path, study__storage=journal, study__name="mine", search__trials=4, search__objectives=["psnr", "params"]
    )
    result = search(settings, out=tmp_path / "run")
    with dashboard(journal) as (address, process):
        (summary,) = fetch(f"{address}/api/studies", process)["study_summaries"]
        assert summary["study_name"] == "mine" and summary["directions"] == ["maximize", "minimize"]
        detail = fetch(f"{address}/api/studies/{summary['study_id']}", process)
    assert detail["objective_names"] == ["psnr", "params"]
    assert {t["state"] for t in detail["trials"]} == {"Complete"} and len(detail["trials"]) == 4
    assert {p["name"] for p in detail["trials"][0]["params"]} == {
        f"operation.{source}->{target}" for target in (1, 2, 3) for source in range(target)
    }
    best = max(t["values"][0] for t in detail["trials"])
    assert best == result.scores["psnr"] == value_of(result.genotype)
