"""`nas export` takes run folders, writes what the name says, and says on which range the file works."""

from __future__ import annotations

from pathlib import Path

import pytest

import baselines
from nas.models.weights import save_weights
from tests.cli.running import run, succeed


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    model = baselines.create("jsnet", layers=1, C=8)
    save_weights(tmp_path / "run/weights.safetensors", model, kind="baseline", task="sr_x2")
    return tmp_path / "run"


def written_without_onnx(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The exporter itself takes long; here it only notes which weights it was given."""
    seen: list[Path] = []
    monkeypatch.setattr("nas.models.export.export_onnx", lambda weights, out: seen.append(weights) or 0.0)
    return seen


@pytest.mark.parametrize("what", ["", "weights.safetensors"])
@pytest.mark.parametrize("out", [None, "m.onnx", "deep/M.ONNX"])
def test_a_run_folder_is_exported_like_its_weights(
    run_folder: Path, what: str, out: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = written_without_onnx(monkeypatch)
    target = run_folder / "weights.onnx" if out is None else run_folder / out
    printed = succeed(capsys, "export", run_folder / what, *(() if out is None else ("--out", target)))
    assert seen == [run_folder / "weights.safetensors"] and printed.splitlines()[-1] == f"wrote {target}"
    assert "RGB on 0..255" in printed and "not clamped" in printed


@pytest.mark.parametrize(
    "name", ["m.pth", "m.pt", "m", "m.safetensors", "m.onnx.pth", "m.torchscript", "m.onnx.zip", "."]
)
def test_a_name_that_does_not_fit_the_format_is_wrong_use(
    run_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = written_without_onnx(monkeypatch)
    ended = run(capsys, "export", run_folder, "--out", run_folder / name)
    assert ended.code == 2 and ".onnx" in ended.err and not seen


@pytest.mark.parametrize("format", ["torchscript", "ONNX", "onx", "trt", ""])
def test_an_unknown_format_is_wrong_use(run_folder: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "export", run_folder, "--format", format)
    assert ended.code == 2 and "onnx" in ended.err


def test_what_holds_no_weights_is_refused_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "c.pth").write_bytes(b"x")
    for name, words in (("empty", "nas retrain"), ("c.pth", "nas import"), ("none", "does not exist")):
        ended = run(capsys, "export", tmp_path / name)
        assert ended.code == 2 and words in ended.err


def test_the_help_tells_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(succeed(capsys, "export", "--help").split())
    assert "0..255 (not 0..1)" in text
