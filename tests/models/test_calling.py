"""Every network carries a descriptor and gives its final image; what does not is refused in one sentence."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas.config.runs import RetrainSettings
from nas.errors import NasError, UsageError
from nas.models.calling import RestorationModel, allowed_size, descriptor_of, evaluating, final_image
from nas.models.descriptor import ModelDescriptor
from nas.registry import BASELINES
from nas.space import SPACES, load_space
from nas.tasks import get_task
from nas.train.recipes import recipe
from nas.train.trainable import TrainableModel

#: a task that each baseline serves
TASK = {"identity": "denoise_color_25", "jdnet": "derain", "dsrir": "derain"}


def small(name: str) -> nn.Module:
    """A baseline as its recipe ``small`` builds it."""
    baseline, task = BASELINES.get(name), TASK.get(name, "sr_x2")
    sizes = recipe(name, "small").get("network", {}) if baseline.trainable else {}
    model: nn.Module = baseline.create(**{**baseline.config_for_task(task), **sizes})
    return model


@pytest.mark.parametrize("name", BASELINES.names())
def test_every_baseline_declares_what_it_is(name: str) -> None:
    model, task = small(name), get_task(TASK.get(name, "sr_x2"))
    found = descriptor_of(model)
    assert isinstance(model, RestorationModel) and ModelDescriptor.from_json(found.to_json()) == found
    assert (found.name, found.scale, found.channels) == (name, task.scale, task.channels)


@pytest.mark.parametrize("name", [name for name in BASELINES.names() if BASELINES.get(name).trainable])
def test_every_loss_says_in_words_what_it_measures(name: str) -> None:
    criterion = TrainableModel(small(name), "baseline", name).criterion(RetrainSettings())
    assert criterion.identity and isinstance(criterion.identity, str)


@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space_declare_what_they_are(name: str) -> None:
    by_stage = "depths" in type(load_space(name).network_settings).model_fields
    space = load_space(name, overrides={"network.depths": [1, 1]} if by_stage else {"network.cells": 1})
    genotype = space.sample(0)
    settled = space.with_network(genotype.network)  # a supernet is of one size
    for model in (space.network(genotype, "sr_x2"), settled.supernet("sr_x2")):
        found = descriptor_of(model)
        assert (found.name, found.scale, found.value_range) == (name, 2, 1.0 if by_stage else 255.0)


def test_a_module_without_a_descriptor_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="Conv2d carries no descriptor"):
        descriptor_of(nn.Conv2d(3, 3, 1))
    odd = nn.Conv2d(3, 3, 1)
    odd.descriptor = "x2"  # type: ignore[assignment]
    with pytest.raises(UsageError, match="carries no descriptor"):
        descriptor_of(odd)


def test_of_several_outputs_the_final_image_is_read_by_name() -> None:
    image = torch.rand(1, 3, 2, 2)
    assert final_image({"restored": image, "stages": []}) is image and final_image(image) is image
    for wrong in ([image], {"stages": [image]}, None):
        with pytest.raises(NasError, match="'restored'"):
            final_image(wrong)


@pytest.mark.parametrize(("size", "multiple", "least", "expected"), [(7, 8, 1, 8), (8, 8, 1, 8), (3, 2, 15, 16)])
def test_sizes_are_rounded_up_to_what_a_network_takes(size: int, multiple: int, least: int, expected: int) -> None:
    assert allowed_size(size, multiple, least) == expected


def test_each_module_gets_its_own_mode_back() -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3).eval()).train()
    model[1].eval()
    with evaluating(model):
        assert not any(m.training for m in model.modules())
    assert [m.training for m in model.modules()] == [True, True, False]
