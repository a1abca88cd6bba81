"""Reading the sizes of a DSRIR out of its state dict."""

from __future__ import annotations

from typing import Any

import torch

from nas.errors import NasError

_FIRST = "SN1.encoder1.0.conv1.weight"
_NEEDED = (
    "ebd.weight",
    _FIRST,
    "SN2.encoder1.0.conv1.weight",
    "SN3.PAG1.body.0.conv1.weight",
    "SN1.down1.down.1.weight",
    "SN2.down1.down.1.weight",
    "usau_3.conv_out.weight",
)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Constructor keywords of the network that has these tensors; NasError if they are not a DSRIR's.

    Several ratios may give the same bottlenecks; the largest, which is exact where it divides, is taken.
    """
    for key in _NEEDED:
        if key not in state:
            raise NasError(f"these weights are not a DSRIR (no tensor {key!r}); check the file")
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    n1, n2, n3 = (shapes[key][0] for key in _NEEDED[1:4])
    return {
        "sn1_feats": n1,
        "sn2_feats": n2,
        "sn3_feats": n3,
        "feats_step1": shapes["SN1.down1.down.1.weight"][0] - n1,
        "feats_step2": shapes["SN2.down1.down.1.weight"][0] - n2,
        "kernel_size": shapes[_FIRST][-1],
        "reduction": _reduction(shapes, min(n1, n2, n3)),
        "bias": "ebd.bias" in state,
        "in_c": shapes["ebd.weight"][1],
        "out_c": shapes["usau_3.conv_out.weight"][0],
    }


def _reduction(shapes: dict[str, tuple[int, ...]], most: int) -> int:
    gates = {
        (shape[1], shape[0]) for key, shape in shapes.items() if key.endswith((".conv_du.0.weight", ".fr.0.weight"))
    }
    for ratio in range(most, 0, -1):
        if gates and all(width // ratio == hidden for width, hidden in gates):
            return ratio
    raise NasError("the gates of these weights follow no single reduction ratio; this is not a DSRIR")
