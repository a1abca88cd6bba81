"""A training starts from the weights of its own network or of its twin at another scale, and says what did not fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import NasError, UsageError
from nas.models.weights import KEY, read_metadata, save_weights
from nas.tasks import get_task
from nas.train.run import Run
from nas.train.trainable import TrainableModel, build_trainable
from nas.train.warm_start import begin_from, sized_as_given, weights_file

SMALL = {"cells": 1, "width": 8}


def settings_for(task: str, **changes: Any) -> RetrainSettings:
    return build(RetrainSettings, **{"model": "jsnet_released", "network": SMALL, "task": task, **changes})


def made(settings: RetrainSettings) -> TrainableModel:
    return build_trainable(settings, get_task(settings.task))


def weights_of(settings: RetrainSettings, file: Path) -> Path:
    torch.manual_seed(5)
    trainable = made(settings)
    space = trainable.space.document if trainable.space else None
    kind, genotype = trainable.kind, trainable.genotype
    save_weights(file, trainable.model, kind=kind, task=settings.task, genotype=genotype, space=space)
    return file


SCALES = [
    ("sr_x2", "sr_x3"),
    ("sr_x2", "sr_x4"),
    ("sr_x3", "sr_x2"),
    ("sr_x3", "sr_x4"),
    ("sr_x4", "sr_x2"),
    ("sr_x4", "sr_x3"),
    ("sr_x2", "denoise_color_25"),
    ("denoise_color_25", "sr_x2"),
    ("sr_x2", "derain"),
    ("sr_x3_bd", "sr_x4"),
]


@pytest.mark.parametrize(("source", "target"), SCALES)
@pytest.mark.parametrize(
    "network", [SMALL, {"cells": 2, "width": 8, "image_residual": True}], ids=["small", "residual"]
)
def test_a_derived_network_starts_from_its_twin_at_another_scale(
    source: str, target: str, network: dict[str, Any], tmp_path: Path
) -> None:
    file = weights_of(settings_for(source, network=network), tmp_path / "first.safetensors")
    before = load_file(file)
    settings = settings_for(target, network=network, init_from=str(file))
    torch.manual_seed(6)
    trainable = made(settings)
    fresh_values = {k: v.clone() for k, v in trainable.model.state_dict().items()}
    start = begin_from(trainable, settings, None)
    assert start is not None
    after, fresh = trainable.model.state_dict(), start.record["fresh"]
    assert all(name.startswith(("up.", "sub_mean.", "add_mean.")) for name in fresh)  # a scale has these
    assert start.record["tensors"] == len(after) - len(fresh) > 5 * len(fresh)
    for name, value in after.items():
        assert torch.equal(value, fresh_values[name] if name in fresh else before[name])
    assert all(name in start.sentence for name in fresh)


@pytest.mark.parametrize("option", ["genotype", "task", "self", "image_resdual"])
def test_options_that_no_network_takes_are_refused_by_name(option: str, tmp_path: Path) -> None:
    file = weights_of(settings_for("sr_x2"), tmp_path / "first.safetensors")
    metadata = read_metadata(file)
    descriptor = json.loads(metadata["descriptor"])
    descriptor["config"][option] = True
    metadata["descriptor"] = json.dumps(descriptor)
    save_file(load_file(file), file, {KEY: json.dumps(metadata)})
    settings = settings_for("sr_x3", init_from=str(file))
    with pytest.raises(UsageError, match=f"has no setting '{option}'"):
        begin_from(made(settings), settings, None)


@pytest.mark.parametrize("task", ["sr_x3", "sr_x3_bd", "sr_x3_dn"])
def test_the_same_scale_takes_every_tensor(task: str, tmp_path: Path) -> None:
    file = weights_of(settings_for("sr_x3"), tmp_path / "first.safetensors")
    settings = settings_for(task, init_from=str(file))
    start = begin_from(made(settings), settings, None)
    assert start is not None and start.record["fresh"] == [] == start.record["unused"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ({"network": {"cells": 1, "width": 16}}, {}),
        ({"network": {"cells": 2, "width": 8}}, {}),
        ({"task": "denoise_gray_25"}, {"task": "sr_x2"}),
        ({"task": "denoise_gray_25"}, {"task": "denoise_color_25"}),
        ({"model": "other.json"}, {"task": "sr_x3"}),
        ({"model": "other.json"}, {"task": "sr_x4"}),
    ],
)
def test_another_network_is_no_start_and_stays_as_it_was(
    source: dict[str, Any], target: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.space import load_space

    monkeypatch.chdir(tmp_path)
    load_space("jsm").sample(3).save("other.json")
    file = weights_of(settings_for(**{"task": "sr_x2", **source}), tmp_path / "first.safetensors")
    settings = settings_for(**{"task": "sr_x2", **target, "init_from": str(file)})
    trainable = made(settings)
    before = {k: v.clone() for k, v in trainable.model.state_dict().items()}
    with pytest.raises(NasError, match="does not fit"):
        begin_from(trainable, settings, None)
    assert all(torch.equal(v, before[k]) for k, v in trainable.model.state_dict().items())


def test_a_baseline_is_no_start_for_a_derived_network(tmp_path: Path) -> None:
    small = {"width": 8, "distilled": 4, "n_blocks": 1}
    file = weights_of(settings_for("sr_x2", model="mspan", network=small), tmp_path / "mspan.safetensors")
    settings = settings_for("sr_x2", init_from=str(file))
    with pytest.raises(UsageError, match="a baseline network, but a derived one"):
        begin_from(made(settings), settings, None)


def test_the_folder_of_a_training_stands_for_its_weights(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "retrain", settings_for("sr_x2"))
    run.lock.release()
    settings = settings_for("sr_x2", init_from=str(run.folder))
    with pytest.raises(UsageError, match="nas retrain --resume"):
        weights_file(settings)
    weights_of(settings_for("sr_x2"), run.weights_file)
    assert weights_file(settings) == run.weights_file
    start = begin_from(made(settings), settings, None)
    assert start is not None and start.record["file"] == "weights.safetensors"
    plain = tmp_path / "plain"
    plain.mkdir()
    run.weights_file.rename(plain / "weights.safetensors")
    assert weights_file(settings_for("sr_x2", init_from=str(plain))) == plain / "weights.safetensors"


@pytest.mark.parametrize("name", ["best.pth", "best.pt", "model.ckpt", "net_g_latest.PTH", "weights.bin", "x.tar"])
@pytest.mark.parametrize("model", ["jsnet", "jsnet_released"])
def test_a_checkpoint_is_refused_with_the_command_that_converts_it(name: str, model: str, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / name)
    settings = settings_for("sr_x3", model=model, network={}, init_from=str(tmp_path / name))
    with pytest.raises(UsageError, match=r"nas import (jsnet|MODEL) .* --task sr_x3 --out weights\.safetensors"):
        weights_file(settings)
    if model == "jsnet":
        with pytest.raises(UsageError, match="nas import jsnet"):
            sized_as_given(settings, get_task("sr_x3"))


@pytest.mark.parametrize("what", ["a search", "nothing", "an empty folder", "no description"])
def test_what_holds_no_weights_of_a_network_is_refused_by_name(what: str, tmp_path: Path) -> None:
    path, words = tmp_path / "thing", "does not exist"
    if what == "a search":
        Run.create(path, "search", build(SearchSettings)).lock.release()
        words = "nas retrain"
    elif what == "an empty folder":
        path.mkdir()
        words = "neither a weights file nor the folder"
    elif what == "no description":
        path = tmp_path / "official.safetensors"
        save_file({"a": torch.zeros(1)}, path)
        words = "nas import"
    settings = settings_for("sr_x2", init_from=str(path))
    with pytest.raises(UsageError, match=words):
        begin_from(made(settings), settings, None)
