"""Weights files need nothing else, are strict, and never run anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas.errors import NasError, UsageError
from nas.models.importing import import_official, read_checkpoint
from nas.models.weights import KEY, load_weights, read_metadata, save_weights, weights_hash
from nas.space import load_genotype, load_space

SPACE = {"network.cells": 1}


def saved(path: Path, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    space = load_space("jsm", overrides=SPACE)
    genotype = load_genotype("jsnet_released").with_network(cells=1)
    model = space.network(genotype, "sr_x2")
    save_weights(
        path, model, kind="derived", task="sr_x2", genotype=genotype, space=space.document, training={"seed": seed}
    )
    return model


def test_a_derived_network_is_rebuilt_from_its_file_alone(tmp_path: Path) -> None:
    model = saved(tmp_path / "w.safetensors").eval()
    loaded = load_weights(tmp_path / "w.safetensors")
    image = torch.rand(1, 3, 20, 18) * 255
    with torch.no_grad():
        assert torch.equal(model(image), loaded.model(image))
    assert loaded.genotype == load_genotype("jsnet_released").with_network(cells=1)
    assert loaded.task == "sr_x2" and loaded.training == {"seed": 0} and loaded.descriptor.scale == 2


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        saved(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_the_hash_sees_values_names_and_shapes_but_not_order() -> None:
    a, b = torch.arange(4.0), torch.ones(2)
    assert weights_hash({"a": a, "b": b}) == weights_hash({"b": b, "a": a})
    others = [{"a": a + 1, "b": b}, {"c": a, "b": b}, {"a": a.view(2, 2), "b": b}]
    assert len({weights_hash(o) for o in [*others, {"a": a, "b": b}]}) == 4


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("image_res\ufeffdual", True, "has no setting 'image_res\\ufeffdual'; did you mean 'image_residual'"),
        ("self", True, "has no setting 'self'"),
        ("genotype", True, "has no setting 'genotype'"),
        ("image_residual", "no", "image_residual must be true or false, not 'no'"),
        ("image_residual", 1, "image_residual must be true or false, not 1"),
        ("train_mean_shift", [], "train_mean_shift must be true or false"),
        ("train_mean_shift", None, "train_mean_shift must be true or false, not None"),
    ],
)
def test_options_that_the_skeleton_does_not_take_are_refused_by_name(
    tmp_path: Path, option: str, value: object, said: str
) -> None:
    path = tmp_path / "w.safetensors"
    saved(path)
    metadata = read_metadata(path)
    descriptor = json.loads(metadata["descriptor"])
    descriptor["config"][option] = value
    metadata["descriptor"] = json.dumps(descriptor)
    save_file(load_file(path), path, {KEY: json.dumps(metadata)})
    with pytest.raises(UsageError, match=re.escape(said)):
        load_weights(path)


@pytest.mark.parametrize("fault", ["missing", "extra", "shape"])
def test_a_file_that_does_not_fit_lists_the_keys(tmp_path: Path, fault: str) -> None:
    from safetensors import safe_open

    path = tmp_path / "w.safetensors"
    saved(path)
    with safe_open(str(path), "pt") as file:
        metadata = file.metadata()
    tensors = load_file(str(path))
    if fault == "missing":
        del tensors["head.bias"]
    elif fault == "extra":
        tensors["tail.gain"] = torch.ones(1)
    else:
        tensors["head.bias"] = torch.ones(5)
    save_file(tensors, str(path), metadata=metadata)
    with pytest.raises(NasError, match=r"tail\.gain" if fault == "extra" else r"head\.bias"):
        load_weights(path)


def test_a_foreign_or_cut_file_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, str(tmp_path / "foreign.safetensors"))
    with pytest.raises(UsageError, match="nas import"):
        read_metadata(tmp_path / "foreign.safetensors")
    saved(tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(NasError, match="cut short"):
        load_weights(tmp_path / "cut.safetensors")
    assert KEY == "nas"


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("touch pwned",)


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(NasError, match="more than tensors"):
        read_checkpoint(tmp_path / "evil.pt")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("wrap", [None, "state_dict", "params"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_usual_wrappings_of_a_checkpoint_are_undone(tmp_path: Path, wrap: str | None, prefix: str) -> None:
    state = {f"{prefix}head.weight": torch.ones(2)}
    torch.save({wrap: state} if wrap else state, tmp_path / "c.pt")
    assert list(read_checkpoint(tmp_path / "c.pt")) == ["head.weight"]


@pytest.mark.shared
def test_the_released_checkpoint_is_imported_whole(shared: Path, tmp_path: Path) -> None:
    found = import_official(
        "jsnet", shared / "checkpoints" / "jsnet_x2_model_best.pt", "sr_x2", tmp_path / "w.safetensors"
    )
    assert found.parameters == 476_467 and found.task == "sr_x2"
    loaded = load_weights(tmp_path / "w.safetensors")
    # the mean shifts were trained in the original: they must come from the file
    assert float(loaded.model.state_dict()["sub_mean.weight"][0, 0]) == pytest.approx(0.993, abs=1e-3)
    with pytest.raises(UsageError, match="x2 model"):
        import_official(
            "jsnet", shared / "checkpoints" / "jsnet_x2_model_best.pt", "sr_x3", tmp_path / "x3.safetensors"
        )


def test_options_of_a_derived_network_survive_in_its_file(tmp_path: Path) -> None:
    space = load_space("jsm", overrides=SPACE)
    genotype = load_genotype("jsnet_released").with_network(cells=1)
    model = space.network(genotype, "sr_x2", image_residual=True).eval()
    save_weights(tmp_path / "w", model, kind="derived", task="sr_x2", genotype=genotype, space=space.document)
    image = torch.rand(1, 3, 20, 18) * 255
    with torch.no_grad():
        assert torch.equal(load_weights(tmp_path / "w").model(image), model(image))
