"""A search with local workers that is asked to end takes its workers with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from nas.config.reading import to_yaml
from tests.engines.study_examples import study_settings
from tests.processes import hear_interruptions, nas_command, wait_until

WORKERS = 2


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "sigint"])
def test_no_worker_outlives_a_search_that_was_asked_to_end(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = study_settings(tmp_path, hangs=0, study__workers=WORKERS)  # the first trial never ends
    (tmp_path / "config.yaml").write_text(to_yaml(settings))
    words = ("search", "--config", str(tmp_path / "config.yaml"), "--out", str(tmp_path / "run"))
    process = subprocess.Popen(nas_command(*words), stderr=subprocess.PIPE, cwd=tmp_path, preexec_fn=hear_interruptions)
    workers: list[int] = []
    try:
        wait_until((tmp_path / "hanging").exists, process)
        workers = [int(file.name) for file in (tmp_path / "arrived").iterdir()]
        assert len(workers) == WORKERS and all(map(is_alive, workers))
        process.send_signal(number)
        _, errors = process.communicate()
        assert process.returncode == 128 + number
        assert f"--resume {tmp_path / 'run'}" in errors.decode()
        assert not any(map(is_alive, workers))
    finally:
        process.kill()
        process.wait()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
