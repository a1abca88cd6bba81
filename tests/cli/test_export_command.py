"""`nas export` takes run folders, writes what the name says, and says on which range the file works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    from nas.models.export import ExportResult
    from nas.models.export.checking import Parity, Timing

    seen: list[Path] = []

    def noted(weights: Path, out: Path, format: str, **options: Any) -> ExportResult:
        seen.append(weights)
        assert options == {"range": "0..1", "opset": None, "dtype": "float32"}
        return ExportResult(out, format, "RGB on 0..1", Parity(0.0, 0.0, ((2, 9, 7),)), Timing("it", 1.0, 2.0, 96, 1))

    monkeypatch.setattr("nas.models.export.export", noted)
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
    assert (
        "RGB on 0..1" in printed
        and "2 x 9 x 7" in printed
        and "1.0 ms in it, 2.0 ms in torch (1 thread each)" in printed
    )


@pytest.mark.parametrize(
    "name", ["m.pth", "m.pt", "m", "m.safetensors", "m.onnx.pth", "m.torchscript", "m.onnx.zip", "."]
)
def test_a_name_that_does_not_fit_the_format_is_wrong_use(
    run_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = written_without_onnx(monkeypatch)
    ended = run(capsys, "export", run_folder, "--out", run_folder / name)
    assert ended.code == 2 and ".onnx" in ended.err and not seen


@pytest.mark.parametrize("format", ["ONNX", "onx", "trt", ""])
def test_an_unknown_format_is_wrong_use(run_folder: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, "export", run_folder, "--format", format)
    assert ended.code == 2 and "onnx" in ended.err


def test_what_holds_no_weights_is_refused_with_the_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "c.pth").write_bytes(b"x")
    for name, words in (("empty", "nas retrain"), ("c.pth", "nas import"), ("none", "does not exist")):
        ended = run(capsys, "export", tmp_path / name)
        assert ended.code == 2 and words in ended.err


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("torchscript", "m.pt"),
        ("torchscript", "m.onnx"),
        ("pt2", "m.torchscript"),
        ("ncnn", "m.bin"),
        ("ncnn", "m.onnx"),
    ],
)
def test_each_format_has_its_own_ending(
    run_folder: Path, format: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run(capsys, "export", run_folder, "--format", format, "--out", run_folder / name)
    assert ended.code == 2 and "does not fit" in ended.err and not (run_folder / name).exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--range", "0..255"), "0..1"),
        (("--range", "-1..1"), "native"),
        (("--dtype", "int8"), "float16"),
        (("--opset", "9"), "18"),
        (("--opset", "99"), "23"),
        (("--opset", "18", "--format", "pt2"), "--opset"),
    ],
)
def test_options_that_no_file_has_are_wrong_use(
    run_folder: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = run(capsys, "export", run_folder, *options)
    assert ended.code == 2 and words in ended.err and len(list(run_folder.iterdir())) == 1


def test_the_help_tells_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(succeed(capsys, "export", "--help").split())
    assert "on 0..1 and clamps" in text and "--range native" in text
