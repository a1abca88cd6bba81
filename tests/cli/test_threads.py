"""CPU threads of a training that a command begins: one on few cores, unless somebody has said otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import run


@pytest.mark.parametrize(
    ("cores", "words", "environment", "threads"),
    [
        (2, (), None, 1),
        (4, (), None, 1),
        (16, (), None, 0),
        (2, ("--threads", "2"), None, 2),
        (2, (), "2", 0),
        (2, ("--config", "FILE"), None, 0),
        (2, ("--preset", "small"), None, 1),
    ],
)
def test_a_new_training_takes_one_thread_on_few_cores(
    cores: int,
    words: tuple[str, ...],
    environment: str | None,
    threads: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file.yaml"
    file.write_text("kind: retrain\nmodel: jsnet\n")
    begun: list[Any] = []
    monkeypatch.setattr("nas.machine.cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    monkeypatch.setattr("nas.train.retrain.retrain", lambda settings, **_: begun.append(settings))
    monkeypatch.setattr("nas.cli.retrain._print_result", lambda result: None)
    done = run(capsys, "retrain", "jsnet", *(str(file) if w == "FILE" else w for w in words))
    assert done.code == 0, done.err
    assert [settings.threads for settings in begun] == [threads]
