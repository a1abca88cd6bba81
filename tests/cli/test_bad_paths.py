"""A path that no command can use is wrong use: one sentence with the path, whatever the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.images import write_image
from tests.cli.running import run

LONG = "n" * 5000
#: commands, each with a path that is far too long
TOO_LONG = [
    ("show", LONG),
    ("show", f"{LONG}.json"),
    ("derive", LONG),
    ("evaluate", f"{LONG}.safetensors", "--task", "sr_x2"),
    ("evaluate", "bicubic", "--task", "sr_x2", "--sets", "Set5", "--data", LONG),
    ("retrain", LONG, "--task", "sr_x2"),
    ("retrain", f"{LONG}.json", "--task", "sr_x2"),
    ("retrain", "--resume", LONG),
    ("retrain", "jsnet_released", "--task", "sr_x2", "--data", LONG),
    ("search", "--resume", LONG),
    ("search", "--space", f"{LONG}.yaml"),
    ("search", "--space", "jsm", "--config", LONG),
    ("search", "--space", "jsm", "--plugin", f"{LONG}.py"),
    ("compare", f"{LONG}.csv"),
    ("report", LONG, "--out", "r.html"),
    ("watch", LONG),
    ("import", "jsnet", f"{LONG}.pt", "--task", "sr_x2"),
    ("export", f"{LONG}.safetensors", "--out", "a.onnx"),
    ("data", "check", LONG, "--task", "sr_x2"),
    ("data", "prepare", LONG, "--task", "sr_x2", "--out", "p"),
    ("profile", f"{LONG}.safetensors"),
]


@pytest.mark.parametrize("words", TOO_LONG, ids=lambda words: " ".join(w[:9] for w in words))
def test_a_name_that_is_too_long_is_wrong_use(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, *words)
    assert outcome.code == 2, outcome.err
    assert outcome.err.startswith("nas: ") and outcome.err.count("\n") == 1
    assert "Errno" not in outcome.err and "Error:" not in outcome.err


@pytest.mark.parametrize("command", ["retrain", "search"])
@pytest.mark.parametrize("below", ["", "run"])
def test_a_run_folder_cannot_be_a_file_or_lie_in_one(
    command: str, below: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, file = tmp_path / "photos", tmp_path / "file"
    for number in range(3):
        write_image(photos / f"{number}.png", np.full((32, 32, 3), 60 * number, dtype=np.uint8))
    file.write_text("mine")
    what = ["jsnet_released"] if command == "retrain" else ["--space", "jsm"]
    words = [command, *what, "--task", "sr_x2", "--data", photos, "--cells", "1", "--width", "8", "--batch", "1"]
    outcome = run(capsys, *words, "--patch", "16", "--set", "data.validation=0", "--steps", "1", "--out", file / below)
    assert outcome.code == 2 and repr(str(file))[:-1] in outcome.err and outcome.err.count("nas: ") == 1
    assert file.read_text() == "mine"
