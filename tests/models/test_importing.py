"""`nas import` takes the published weights, says which, and calls what is no checkpoint by its name."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import baselines
from nas.models.weights import load_weights, read_metadata
from tests.cli.running import run, succeed

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def tiny() -> State:
    torch.manual_seed(0)
    return baselines.create("jsnet", layers=1, C=8).state_dict()


def noisy(state: State) -> State:
    return {name: tensor + 1 for name, tensor in state.items()}


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{name}": tensor.clone() for name, tensor in state.items()}


def saved_by_torch(folder: Path, content: Any) -> Path:
    torch.save(content, folder / "c.pth")
    return folder / "c.pth"


def saved_as_safetensors(folder: Path, content: State) -> Path:
    save_file({k: v.clone() for k, v in content.items()}, folder / "c.pth")  # the content decides, not the ending
    return folder / "c.pth"


def imported(capsys: pytest.CaptureFixture[str], file: Path, *words: str) -> tuple[str, State]:
    """The first line that the command prints, and the weights that it wrote."""
    out = file.with_name("out.safetensors")
    printed = succeed(capsys, "import", "jsnet", file, "--task", "sr_x2", "--out", out, *words)
    assert printed.splitlines()[-1] == f"wrote {out}"
    return printed.splitlines()[0], load_weights(out).model.state_dict()


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize(
    ("wrap", "sentence"),
    [
        (lambda s: s, "took all"),
        (lambda s: {"params": noisy(s), "params_ema": s}, "took 'params_ema' (averaged weights, "),
        (
            lambda s: {"state_dict": noisy(s), "state_dict_ema": prefixed(s, "module.")},
            "left 'state_dict', removed 'module.'",
        ),
        (
            lambda s: {"state_dict": {**prefixed(noisy(s), "generator."), **prefixed(s, "generator_ema.")}},
            "took 'state_dict.generator_ema'",
        ),
        (lambda s: prefixed(s, "module._orig_mod."), "removed 'module.' and '_orig_mod.' from the names"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_the_published_weights_are_imported_and_named(
    tiny: State,
    wrap: Callable[[State], Any],
    sentence: str,
    legacy: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save(wrap(tiny), tmp_path / "c.pth", _use_new_zipfile_serialization=not legacy)
    line, found = imported(capsys, tmp_path / "c.pth")
    assert same(found, tiny) and sentence in line


@pytest.mark.parametrize("prefix", ["", "state.", "model.", "params_ema."])
def test_a_safetensors_file_is_read_under_any_name(
    tiny: State, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = imported(capsys, saved_as_safetensors(tmp_path, prefixed(tiny, prefix)))
    assert same(found, tiny)


def test_averaged_weights_are_noted_in_the_file_and_a_key_takes_the_others(
    tiny: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved_by_torch(tmp_path, {"params": noisy(tiny), "params_ema": tiny})
    imported(capsys, file)
    training = json.loads(read_metadata(tmp_path / "out.safetensors")["training"])
    assert training == {"imported": "c.pth", "selection": [], "note": "averaged weights (params_ema)"}
    line, found = imported(capsys, file, "--key", "params")
    assert same(found, noisy(tiny)) and "took 'params'" in line and "averaged" not in line


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["head.weight", "up.0.bias"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_weights_that_are_not_finite_are_refused_by_the_name_of_the_tensor(
    tiny: State, value: float, name: str, wrapped: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {k: v.clone() for k, v in tiny.items()}
    bad[name].view(-1)[0] = value
    file = saved_by_torch(tmp_path, {"params": tiny, "params_ema": prefixed(bad, "module.")} if wrapped else bad)
    ended = run(capsys, "import", "jsnet", file, "--task", "sr_x2", "--out", tmp_path / "out.safetensors")
    assert ended.code == 1 and f"{name} (" in ended.err and "not finite" in ended.err
    assert not (tmp_path / "out.safetensors").exists()


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def cut(content: Any, part: float, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()[: int(len(buffer.getvalue()) * part)]


WEIGHTS = {"head.weight": torch.ones(400)}
NO_CHECKPOINT: dict[str, tuple[bytes, str]] = {
    "doctype": (b"<!DOCTYPE html>", "web page"),
    "doctype in small letters": (b"<!doctype html><html><body>Quota exceeded</body></html>", "web page"),
    "html": (b"\n  <HTML lang=en><head></head></HTML>", "web page"),
    "byte order mark": ("\ufeff<!DOCTYPE html>é".encode(), "web page"),
    "xml in front": (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML">', "web page"),
    "utf-16": ("<!DOCTYPE html>".encode("utf-16"), "web page"),
    "comment in front": (b"<!-- saved -->\n<html></html>", "web page"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 7654321\n", "git-lfs pointer"),
    "empty": (b"", "is empty"),
    "not found": (b"404: Not Found", "text file that begins with '404: Not Found'"),
    "json": (b'{"message": "Not Found"}', "text file"),
    "access denied": (b"<Error><Code>AccessDenied</Code></Error>", "text file"),
    "zip of others": (zip_of("weights/net_g.pth", "readme"), "zip archive of other files (readme, weights/net_g.pth)"),
    "zip of nothing": (zip_of(), "zip archive of other files (nothing)"),
    "TorchScript": (zip_of("net/data.pkl", "net/constants.pkl", "net/code/a.py"), "TorchScript"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "gzip archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00", "7z archive"),
    "tar": (b"net.pth".ljust(257, b"\0") + b"ustar\x0000", "tar archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\x00", "HDF5"),
    "numpy": (b"\x93NUMPY\x01\x00", "numpy"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00", "PNG image"),
    "half a zip": (cut(WEIGHTS, 0.5), "cut short"),
    "nearly whole": (cut(WEIGHTS, 0.97), "cut short"),
    "the first bytes": (cut(WEIGHTS, 0.02), "cut short"),
    "half of an old file": (cut(WEIGHTS, 0.5, _use_new_zipfile_serialization=False), "cut short"),
    "the beginning of an old file": (cut(WEIGHTS, 0.03, _use_new_zipfile_serialization=False), "cut short"),
    "zeros": (bytes(3000), "cut short"),
    "a pickle without torch": (b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.", "cut short"),
}


@pytest.mark.parametrize(("content", "words"), NO_CHECKPOINT.values(), ids=NO_CHECKPOINT)
@pytest.mark.parametrize("name", ["c.pth", "c.safetensors"])
def test_what_is_no_checkpoint_is_called_by_its_name(
    content: bytes, words: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = run(capsys, "import", "jsnet", tmp_path / name, "--task", "sr_x2", "--out", tmp_path / "o.safetensors")
    assert ended.code == 1 and words in ended.err and name in ended.err, ended.err
    refusal = [line for line in ended.err.splitlines() if not line.startswith("import ")]  # which begins the work
    assert "more than tensors" not in ended.err and len(refusal) == 1


@pytest.mark.parametrize("part", [0.01, 0.3, 0.999])
def test_a_safetensors_file_that_was_cut_short_is_said_to_be(
    part: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({f"head.{i}": torch.ones(9) for i in range(90)}, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    (tmp_path / "c.safetensors").write_bytes(whole[: max(12, int(len(whole) * part))])
    ended = run(capsys, "import", "jsnet", tmp_path / "c.safetensors", "--out", tmp_path / "o.safetensors")
    assert ended.code == 1 and "cut short" in ended.err


def test_a_folder_and_a_missing_file_are_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "none.pth", "does not exist")):
        ended = run(capsys, "import", "jsnet", path, "--out", tmp_path / "o.safetensors")
        assert ended.code == 2 and words in ended.err


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch pwned",)


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_checkpoint_is_named_and_not_run(
    legacy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"params": Code()}, "c.pth", _use_new_zipfile_serialization=not legacy)
    ended = run(capsys, "import", "jsnet", "c.pth", "--out", "o.safetensors")
    assert ended.code == 1 and "more than tensors (an object of posix.system)" in ended.err
    assert not Path("pwned").exists()


def test_weights_of_another_network_are_refused_with_the_keys_that_were_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved_by_torch(tmp_path, {"net_g": {"conv.weight": torch.ones(3)}, "iter": 5})
    ended = run(capsys, "import", "jsnet", file, "--task", "sr_x2", "--out", tmp_path / "o.safetensors")
    assert ended.code == 1
    assert "'net_g' (1 tensors)" in ended.err and "'iter' (a number)" in ended.err and "--key" in ended.err
