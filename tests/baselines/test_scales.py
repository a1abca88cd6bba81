"""Baselines serve x8 and grey super-resolution where their architecture can, and their weights tell the scale again."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import baselines
from nas.evaluation.resolve import EvaluatedModel, check_fit
from nas.models.calling import final_image
from nas.registry import BASELINES
from nas.tasks import get_task

TINY: dict[str, dict[str, Any]] = {
    "jsnet": {"layers": 1, "C": 8},
    "mspan": {"width": 8, "distilled": 4, "n_blocks": 1},
    "dlsn": {"n_resgroups": 1, "n_resblocks": 1, "n_feats": 16, "chunk_size": 16},
}
PAIRS = [
    ("jsnet", "sr_x8"),
    ("jsnet", "sr_gray_x2"),
    ("jsnet", "sr_gray_x3"),
    ("jsnet", "sr_gray_x4"),
    ("mspan", "sr_x8"),
    ("mspan", "sr_gray_x2"),
    ("mspan", "sr_gray_x4"),
    ("dlsn", "sr_x8"),
]


@pytest.mark.parametrize(("name", "task_name"), PAIRS)
def test_a_network_of_the_task_is_built_and_recognised_by_its_tensors(name: str, task_name: str) -> None:
    baseline, task = BASELINES.get(name), get_task(task_name)
    torch.manual_seed(0)
    network = baselines.create(name, **{**TINY[name], **baseline.config_for_task(task_name)}).eval()
    check_fit(EvaluatedModel(name, network), task)
    side = 16 // network.descriptor.size_multiple * network.descriptor.size_multiple
    with torch.inference_mode():
        image = final_image(network(torch.rand(1, task.channels, side, side) * network.descriptor.value_range))
    assert image.shape == (1, task.channels, side * task.scale, side * task.scale)
    assert baseline.config_from_state is not None
    found = baseline.config_from_state(network.state_dict())
    assert found["scale"] == task.scale
    again = baselines.create(name, **{**baseline.config_for_task(task_name), **found})
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in network.state_dict().items()}
