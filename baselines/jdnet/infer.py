"""Reading JDNet's official state dicts: names, and the configuration their tensors imply."""

from __future__ import annotations

import math
from typing import Any

import torch

from baselines.conversion import strip_prefix
from nas.errors import NasError

State = dict[str, torch.Tensor]
_UNIT = "derain_net.units.0."


def convert(state: State) -> State:
    """The official names are ours: only the prefixes ``state.``, ``param.`` and ``module.`` are removed.

    A batch-normalisation counter that the file lacks is set to zero; with a fixed momentum it has no effect.
    """
    for prefix in ("state.", "param.", "module."):
        state = strip_prefix(state, prefix)
    converted = dict(state)
    for key in state:
        if key.endswith(".running_mean"):
            counter = key.removesuffix("running_mean") + "num_batches_tracked"
            converted.setdefault(counter, torch.tensor(0))
    return converted


def infer_config(state: State) -> dict[str, Any]:
    """Constructor keywords for an *official* state dict; NasError if it is not a JDNet.

    Official weights were trained on BGR images, so ``colour_order`` is ``bgr``. The window of pairwise
    attention and the pooling rate leave no trace: they are the published ones.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in convert(state).items()}
    for needed in ("enterBlock.0.weight", "derain_net.conv1x1.0.0.weight", _UNIT + "conv11.0.weight"):
        if needed not in shapes:
            raise NasError(f"these weights are not a JDNet (no tensor {needed!r}); check the file")
    channel = shapes["enterBlock.0.weight"][0]
    config: dict[str, Any] = {
        "unit_num": sum(key.startswith("derain_net.conv1x1.") and key.endswith(".0.weight") for key in shapes),
        "channel": channel,
        "scale_num": shapes[_UNIT + "conv11.0.weight"][1] // channel - 1,
        "scale_attention": _UNIT + "scale_attention.0.1.weight" in shapes,
        "self_attention": _UNIT + "san.conv.weight" in shapes,
        "self_calibration": _UNIT + "scn.conv3.weight" in shapes,
        "colour_order": "bgr",
    }
    if config["self_attention"]:
        config |= _attention({k.removeprefix(_UNIT + "san.sam."): s for k, s in shapes.items()})
    return config


def _attention(shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    relation, value = shapes["conv1.weight"][0], shapes["conv3.weight"][0]
    first, last = shapes["conv_w.1.weight"], shapes["conv_w.2.weight"]
    config: dict[str, Any] = {"rel_planes": relation, "mid_planes": value}
    if "conv_p.weight" in shapes:
        return config | {"sa_type": "pairwise", "share_planes": value // last[0]}
    kernel = math.isqrt(first[1] // relation - 1)
    return config | {"sa_type": "patchwise", "share_planes": value // first[0], "kernel_size": kernel}
