"""The forms for inference of layers that torch computes slowly on a CPU: the same function, written plainly.

Reached through the attribute ``inference_form`` of each class (``nas.models.optimizing``). The L2 norm has none: in the
memory order (H, W, C), in which optimised networks work, torch's own is the faster one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.models.inference_layers import FusedConv
from nas.models.optimizing import rewritten
from search_spaces.modern.layers import enlarged, pooled
from search_spaces.modern.smfanet import DepthwiseFFN, PooledGate


class PlainGate(nn.Module):
    """The pooled gate with the variance written as a mean of squares."""

    def __init__(self, gate: PooledGate) -> None:
        super().__init__()
        self.enlarge, self.pooled, self.mix = gate.enlarge, rewritten(gate.pooled), rewritten(gate.mix)
        self.alpha, self.beta = gate.alpha, gate.beta

    def forward(self, v: Tensor) -> Tensor:
        grid = self.pooled(pooled(v))
        centred = v - v.mean(dim=(-2, -1), keepdim=True)
        spread = centred.square_().sum(dim=(-2, -1), keepdim=True) / (v.shape[-2] * v.shape[-1] - 1)
        return enlarged(F.gelu(self.mix(self.alpha * grid + self.beta * spread)), v, self.enlarge)


class SplitFFN(nn.Module):
    """The FFN whose depthwise convolution of two outputs a channel is two of one, which stay in two halves."""

    def __init__(self, ffn: DepthwiseFFN) -> None:
        super().__init__()
        whole, pointwise = ffn.depthwise, ffn.pointwise
        assert whole.bias is not None
        self.first, self.second = (
            FusedConv.of(_depthwise(whole.weight[start::2], whole.bias[start::2])) for start in (0, 1)
        )
        columns = torch.cat([pointwise.weight[:, 0::2], pointwise.weight[:, 1::2]], dim=1)
        self.pointwise, self.reduce = FusedConv(columns, pointwise.bias), rewritten(ffn.reduce)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.first(x), self.second(x)], dim=1)  # (N, C, H, W) -> (N, 2C, H, W)
        y: Tensor = self.reduce(F.gelu(self.pointwise(both)))
        return y


def _depthwise(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    channels, _, height, width = weight.shape
    layer = nn.Conv2d(channels, channels, (height, width), padding=(height // 2, width // 2), groups=channels)
    layer.weight, layer.bias = nn.Parameter(weight.clone(), False), nn.Parameter(bias.clone(), False)
    return layer
