"""optuna-dashboard reads a study as it is: started for real and asked over HTTP."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.engines import evaluator as workplace
from nas.engines.nni.engine import free_port
from nas.engines.search import search
from tests.engines.study_examples import study_settings, value_of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("optuna_dashboard") is None,
    reason="optuna-dashboard is not installed; pip install 'jsnas[dashboard]'",
)


@contextlib.contextmanager
def dashboard(storage: str, log: Path) -> Iterator[str]:
    """The command of the README, without a browser; gives its address."""
    port = free_port()
    command = Path(sys.executable).with_name("optuna-dashboard")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(command), storage, "--host", "127.0.0.1", "--port", str(port)], stdout=output, stderr=output
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def fetch(url: str, log: Path, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.2)


def test_the_dashboard_shows_the_study_with_readable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "make_estimator", workplace.make_estimator)
    journal = str(tmp_path / "study.journal")
    settings = study_settings(
        tmp_path, study__storage=journal, study__name="mine", search__trials=4, search__objectives=["psnr", "params"]
    )
    result = search(settings, out=tmp_path / "run")
    with dashboard(journal, tmp_path / "dashboard.log") as address:
        (summary,) = fetch(f"{address}/api/studies", tmp_path / "dashboard.log")["study_summaries"]
        assert summary["study_name"] == "mine" and summary["directions"] == ["maximize", "minimize"]
        detail = fetch(f"{address}/api/studies/{summary['study_id']}", tmp_path / "dashboard.log")
    assert detail["objective_names"] == ["psnr", "params"]
    assert {t["state"] for t in detail["trials"]} == {"Complete"} and len(detail["trials"]) == 4
    assert {p["name"] for p in detail["trials"][0]["params"]} == {
        f"operation.{source}->{target}" for target in (1, 2, 3) for source in range(target)
    }
    best = max(t["values"][0] for t in detail["trials"])
    assert best == result.scores["psnr"] == value_of(result.genotype)
