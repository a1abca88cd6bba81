"""Checkpoints of others: tensors and nothing else, no larger than their bytes, or a sentence."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from nas.errors import NasError
from nas.models import tensor_files
from nas.models.tensor_files import read_safetensors, read_torch_file
from nas.models.weights import load_strict

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_what_torch_saves_is_read(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "a.pt"
    content = {"state": STATE, "step": 3, "view": STATE["a.weight"].t(), "lists": [1, ("x", None)]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    found = read_torch_file(path)
    assert torch.equal(found["state"]["a.weight"], STATE["a.weight"]) and found["lists"] == [1, ("x", None)]


def deflated(path: Path) -> None:
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as old:
        parts = {i.filename: old.read(i) for i in old.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            new.writestr(name, content + b"\0" * 10_000_000 if name.endswith("data.pkl") else content)


def overlapping(path: Path) -> None:
    torch.save(STATE, path)
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 20 : at + 28] = (len(raw) - 10).to_bytes(4, "little") * 2
    path.write_bytes(bytes(raw))


def expanded(path: Path) -> None:
    torch.save({"w": torch.zeros(1).expand(100_000, 100_000)}, path)


def many_dimensions(path: Path) -> None:
    torch.save({"w": torch.zeros([1] * 20)}, path)


def sparse(path: Path) -> None:
    torch.save({"w": torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), [1.0], (10**9, 10**9))}, path)


def code(path: Path) -> None:
    torch.save({"w": Path}, path)


class _Nasty:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def executing(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Nasty()))


def cut(path: Path) -> None:
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:-200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 40)


DAMAGED: list[Callable[[Path], None]] = [
    deflated,
    overlapping,
    expanded,
    many_dimensions,
    sparse,
    code,
    executing,
    cut,
    empty,
    noise,
]


@pytest.mark.parametrize("make", DAMAGED, ids=lambda make: make.__name__)
def test_a_hostile_checkpoint_is_refused_in_a_sentence(
    tmp_path: Path, make: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.pt"
    make(path)
    with pytest.raises(NasError) as caught:
        read_torch_file(path)
    words = str(caught.value)
    assert str(path) in words and "\n" not in words and "weights_only" not in words
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"abc",
        (2**40).to_bytes(8, "little") + b"{}",
        (100).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2**63).to_bytes(8, "little"),
    ],
)
def test_a_safetensors_file_is_as_long_as_it_says(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(raw)
    with pytest.raises(NasError, match="not a readable safetensors file"):
        read_safetensors(path)


def test_tensors_of_a_safetensors_file_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    assert torch.equal(read_safetensors(tmp_path / "a.safetensors")["a.bias"], STATE["a.bias"])


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.uint8, torch.bool])
def test_weights_cast_to_integers_are_not_loaded(dtype: torch.dtype) -> None:
    model = torch.nn.Linear(3, 2)
    state = {k: v.to(dtype) if k == "weight" else v for k, v in model.state_dict().items()}
    with pytest.raises(NasError, match=f"weight is of {dtype} instead of torch.float32"):
        load_strict(model, state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_are_loaded(dtype: torch.dtype) -> None:
    model = torch.nn.Linear(3, 2)
    load_strict(model, {k: torch.ones_like(v, dtype=dtype) for k, v in model.state_dict().items()})
    assert model.weight.dtype == torch.float32 and bool((model.weight == 1).all())


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_a_file_of_very_many_tensors_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    path, many = tmp_path / "a.file", {f"t{i}": torch.zeros(1) for i in range(200)}
    if form == "safetensors":
        path.write_bytes(save(many))
    else:
        torch.save(many, path, _use_new_zipfile_serialization=form == "zip")
    read = read_safetensors if form == "safetensors" else read_torch_file
    assert len(read(path)) == 200
    monkeypatch.setattr(tensor_files, "MOST_DESCRIPTION", 10_000)
    monkeypatch.setattr(tensor_files, "MOST_READS", 10_000)
    with pytest.raises(NasError, match=r"more (than any network needs|tensors than any network has)"):
        read(path)


def test_tensors_of_the_older_form_are_read_whole(tmp_path: Path) -> None:
    path, state = tmp_path / "a.pt", {f"t{i}": torch.rand(300, 30 + i) for i in range(20)}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    found = read_torch_file(path)
    assert all(torch.equal(found[name], value) for name, value in state.items())
