"""Wrong use ends with one clear sentence and exit code 2 (or 1 for failure), never with a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from nas.cli import main
from nas.cli.app import spread
from tests.cli.running import run

SEARCH = ("search", "--task", "sr_x2", "--steps", "1", "--cells", "1", "--batch", "1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*SEARCH, "--space", "jms"), "did you mean 'jsm'"),
        (("search", "--task", "sr_x5"), "did you mean 'sr_x"),
        ((*SEARCH, "--strategy", "pcdarts"), "did you mean 'pc_darts'"),
        ((*SEARCH, "--space", "nowhere.yaml"), r"nowhere\.yaml"),
        ((*SEARCH, "--data", "no/such/folder"), "no/such/folder"),
        ((*SEARCH, "--patch", "47"), "multiple of the scale"),
        ((*SEARCH, "--set", "train.stepz=1"), "did you mean 'steps'"),
        ((*SEARCH, "--plugin", "none.py"), r"none\.py"),
        ((*SEARCH, "--device", "cudda"), "device"),
        ((*SEARCH, "--preset", "papre"), "paper"),
        (("search", "--resume", "no/run"), "not a run folder"),
        (("derive", "no/run"), "not a run folder"),
        (("retrain", "jsnett", "--task", "sr_x2"), "did you mean 'jsnet"),
        (("retrain", "none.json"), "does not exist"),
        (("retrain",), "nothing to train"),
        (("retrain", "bicubic"), "no weights to train"),
        (("evaluate", "none.safetensors", "--task", "sr_x2"), "none.safetensors"),
        (("evaluate", "bicubic"), "--task"),
        (("evaluate", "bicubic", "--task", "sr_x2", "--sets", "Set6", "--data", "."), "Set6"),
        (("show", "nothing"), "nothing"),
        (("list", "space"), "did you mean 'spaces'"),
        (("profile", "jsnet", "--size", "12"), "WIDTHxHEIGHT"),
        (("import", "jsnet", "none.pt"), "none.pt"),
        (("export", "none.safetensors"), "none.safetensors"),
        (("serach",), "search"),
        (("search", "--stepz", "3"), "--stepz"),
    ],
)
def test_wrong_use_is_one_sentence_and_code_2(
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(capsys, *words)
    assert outcome.code == 2, outcome.err
    assert re.search(message, outcome.err), outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()  # nothing was begun


def test_an_unknown_block_names_the_line_and_the_nearest_block(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = (
        (Path(__file__).parents[2] / "search_spaces" / "osm.yaml")
        .read_text()
        .replace("sep_conv_3x3", "sep_conv_3x4", 1)
    )
    (tmp_path / "mine.yaml").write_text(text)
    outcome = run(capsys, "search", "--space", tmp_path / "mine.yaml")
    assert outcome.code == 2
    assert "sep_conv_3x4" in outcome.err and "'sep_conv_3x3'" in outcome.err and "line" in outcome.err


def folder_with(tmp_path: Path, image: np.ndarray, count: int = 8) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def test_a_grey_image_for_a_colour_model_is_refused_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = folder_with(tmp_path, np.full((64, 64), 90, np.uint8))
    outcome = run(capsys, *SEARCH, "--data", folder, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "grey" in outcome.err and ".png" in outcome.err and "Traceback" not in outcome.err


def test_a_truncated_png_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = folder_with(tmp_path, rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:3000])
    outcome = run(capsys, *SEARCH, "--data", folder, "--out", tmp_path / "run")
    assert outcome.code == 1 and ".png" in outcome.err and "Traceback" not in outcome.err


def test_a_finished_run_folder_is_never_written_over(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("kind: search\n")
    outcome = run(capsys, *SEARCH, "--out", tmp_path)
    assert outcome.code == 2 and "already contains a run" in outcome.err
    assert (tmp_path / "config.yaml").read_text() == "kind: search\n"


def test_several_sets_follow_one_flag() -> None:
    words = ["evaluate", "--sets", "Set5", "Set14", "w.safetensors", "--task", "sr_x2"]
    assert spread(words) == ["evaluate", "--sets", "Set5", "--sets", "Set14", "w.safetensors", "--task", "sr_x2"]


def test_a_file_that_may_not_be_read_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def locked(path: Path, *rest: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("nas.data.check.check_folder", locked)
    outcome = run(capsys, "data", "check", tmp_path)
    assert (outcome.code, outcome.err) == (
        1,
        f"nas: {str(tmp_path)!r} may not be read or written; change its permissions\n",
    )


@pytest.mark.parametrize(
    ("words", "advice"),
    [(("data", "check", "."), "; the same command continues where it stopped"), (("list", "tasks"), "")],
)
def test_an_interruption_says_how_to_go_on(
    words: tuple[str, ...],
    advice: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nas.data.check.check_folder", stopped)
    monkeypatch.setattr("nas.registry.Registry.names", stopped)
    outcome = run(capsys, *words)
    assert (outcome.code, outcome.err) == (130, f"nas: interrupted{advice}\n")


def test_debug_shows_the_traceback() -> None:
    from nas.errors import UsageError

    with pytest.raises(UsageError):
        main(["--debug", "list", "nothing"])


@pytest.mark.parametrize(
    "words",
    [
        ("bench", "data", "--rounds", 10**80),
        ("bench", "data", "--rounds", f"-{10**80}"),
        ("search", "--dry-run", "--batch", 10**80),
        ("search", "--dry-run", "--set", f"data.batch={10**80}"),
        ("retrain", "jsnet_released", "--dry-run", f"--steps={10**80}"),
        ("profile", "jsnet", "--size", 10**40),
    ],
    ids=lambda words: " ".join(str(word)[:10] for word in words[:3]),
)
def test_numbers_without_end_are_refused(capsys: pytest.CaptureFixture[str], words: tuple[object, ...]) -> None:
    ended = run(capsys, *words)
    assert ended.code == 2 and "digits; no option accepts more than 18" in ended.err


@pytest.mark.parametrize("flag", ["--rounds", "--block"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_benchmark_without_a_turn_is_refused(capsys: pytest.CaptureFixture[str], flag: str, value: int) -> None:
    ended = run(capsys, "bench", "data", flag, value)
    assert ended.code == 2 and flag in ended.err
