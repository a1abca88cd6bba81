"""The forms for inference of JDNet's blocks: the same function with less memory and fewer sweeps.

Reached through the method ``optimized`` of each module (``nas.models.optimizing``). 1x1 convolutions come before
nearest enlargement, with which they commute; the features of all units lie in one tensor that is never concatenated
anew; batch normalisation joins the convolutions; attention holds three tensors of K K planes for a band of rows and no
more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.jdnet.attention import SLOPE, AttentionBlock, position_grid
from baselines.jdnet.blocks import ResidualBlock, SelfCalibratedBlock, SelfCalibratedConvolution, enlarge
from baselines.jdnet.model import DenseUnits, JointUnit
from baselines.jdnet.primitives import padded, taps
from nas.models.inference_layers import Activation, FusedConv, frozen
from nas.models.optimizing import rewritten

#: elements of each of the three tensors that attention holds for a band of rows (1 MiB in float32)
BAND_ELEMENTS = 2**18


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Factor and shift (C,) of batch normalisation in evaluation mode, in float64."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    factor = (variance.double() + norm.eps).rsqrt()
    factor = factor if norm.weight is None else factor * norm.weight.double()
    shift = -mean.double() * factor
    return factor, shift if norm.bias is None else shift + norm.bias.double()


class AttentionForm(nn.Module):
    """The attention block with pairwise attention, (N, C, H, W) -> same."""

    def __init__(self, block: AttentionBlock, slope: float) -> None:
        """Fold the weights.

        Args:
            block: The block; its attention is pairwise.
            slope: Of the LeakyReLUs.
        """
        super().__init__()
        sam, dtype = block.sam, block.conv.weight.dtype
        factor, shift = _affine(block.bn1)
        self.factor, self.shift = (frozen(t.to(dtype)[None, :, None, None]) for t in (factor, shift))
        self.slope, self.hood, self.weight_planes = slope, sam.hood, sam.weight_planes
        # the weights of all taps sum to one, so what follows the weighted sum may be done to the values
        factor, shift = _affine(block.bn2)
        values = sam.conv3.weight.double() * factor[:, None, None, None]
        assert sam.conv1.bias is not None and sam.conv2.bias is not None and sam.conv3.bias is not None
        bias = [sam.conv1.bias.double(), sam.conv2.bias.double(), sam.conv3.bias.double() * factor + shift]
        weight = [sam.conv1.weight.double(), sam.conv2.weight.double(), values]
        self.planes = [w.shape[0] for w in weight]
        self.entry = FusedConv(torch.cat(weight).to(dtype), torch.cat(bias).to(dtype))
        self.conv_p = FusedConv.of(sam.conv_p)
        first, second = sam.conv_w[1], sam.conv_w[2]
        assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d)
        # a constant added to all taps leaves the softmax as it is, so the bias is left out
        mixed = second.weight.double().flatten(1) @ first.weight.double().flatten(1)  # (G, R + 2)
        self.mixed = frozen(mixed.to(dtype))
        self.conv = FusedConv.of(block.conv)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        h = F.leaky_relu_(torch.addcmul(self.shift, x, self.factor), self.slope)
        query, key, value = (t.contiguous() for t in self.entry(h).split(self.planes, dim=1))
        del h
        query = torch.cat([query, self.conv_p(position_grid(height, width, x)).expand(x.shape[0], -1, -1, -1)], dim=1)
        place = padded(query[:, self.planes[0] :], self.hood)
        key = torch.cat([padded(key, self.hood), place], dim=1)  # (N, R + 2, H + 2 p, W + 2 p)
        value = padded(value, self.hood)
        attended = value.new_empty((x.shape[0], value.shape[1], height, width))
        rows = max(1, BAND_ELEMENTS // (x.shape[0] * self.weight_planes * self.hood.kernel**2 * width))
        for top in range(0, height, rows):
            seen = slice(top, min(top + rows, height) + 2 * self.hood.pad)
            self._attend(
                attended[:, :, top : top + rows], query[:, :, top : top + rows], key[:, :, seen], value[:, :, seen]
            )
        attended = F.leaky_relu_(attended, self.slope).contiguous(memory_format=torch.channels_last)
        y: Tensor = self.conv(attended)
        return y.add_(x)

    def _attend(self, result: Tensor, query: Tensor, key: Tensor, value: Tensor) -> None:
        """Attention of a band: query (N, R + 2, h, W), key and value wider by the pad -> ``result`` (N, M, h, W)."""
        kernel, groups = self.hood.kernel, self.weight_planes
        logits = query.new_zeros((query.shape[0], groups, kernel, kernel, *query.shape[-2:]))
        for plane in range(query.shape[1]):
            around = taps(key[:, plane : plane + 1], self.hood)  # (N, 1, K, K, h, W), a view
            difference = F.leaky_relu_(query[:, plane, None, None, None] - around, self.slope)
            logits.addcmul_(self.mixed[:, plane].view(1, -1, 1, 1, 1, 1), difference)
        weight = torch.softmax(logits.flatten(2, 3), dim=2).view_as(logits)
        for plane in range(value.shape[1]):  # value plane p uses weight plane p mod G
            around = taps(value[:, plane : plane + 1], self.hood)[:, 0]
            result[:, plane] = (weight[:, plane % groups] * around).sum((1, 2))


def attention_form(block: AttentionBlock) -> nn.Module:
    """The form of the attention block; attention of the other kind stays as it is."""
    return AttentionForm(block, SLOPE) if block.sam.sa_type == "pairwise" else block


class ResidualForm(nn.Module):
    """c + res(c) in place, where c is new."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.convert, self.res = rewritten(block.convert), rewritten(block.res)

    def forward(self, x: Tensor) -> Tensor:
        c: Tensor = self.convert(x)
        return c.add_(self.res(c))


class CalibratedConvolutionForm(nn.Module):
    """The self-calibrated convolution, its gate in place."""

    def __init__(self, block: SelfCalibratedConvolution) -> None:
        super().__init__()
        self.k2, self.k3, self.k4 = rewritten(block.k2), rewritten(block.k3), rewritten(block.k4)

    def forward(self, x: Tensor) -> Tensor:
        gate = enlarge(self.k2(x), x).add_(x).sigmoid_()
        y: Tensor = self.k4(gate.mul_(self.k3(x)))
        return y


class CalibratedBlockForm(nn.Module):
    """The self-calibrated block: both first convolutions are one, and the join is a sum of two convolutions."""

    def __init__(self, block: SelfCalibratedBlock) -> None:
        super().__init__()
        slope = float(block.relu.negative_slope)
        self.half, self.slope = block.conv1_a.out_channels, slope
        assert block.conv1_a.bias is not None and block.conv1_b.bias is not None
        self.entry = FusedConv(
            torch.cat([block.conv1_a.weight, block.conv1_b.weight]),
            torch.cat([block.conv1_a.bias, block.conv1_b.bias]),
            Activation("leaky_relu", slope),
        )
        self.k1, self.scconv = rewritten(block.k1), rewritten(block.scconv)
        first, second = block.conv3.weight.split([self.half, block.conv3.in_channels - self.half], dim=1)
        self.join_a, self.join_b = FusedConv(first, block.conv3.bias), FusedConv(second)

    def forward(self, x: Tensor) -> Tensor:
        a, b = (t.contiguous(memory_format=torch.channels_last) for t in self.entry(x).split(self.half, dim=1))
        total = self.join_a.add_to(None, self.k1(a))
        total = self.join_b.add_to(total, self.scconv(b))
        return F.leaky_relu_(total.add_(x), self.slope)


class UnitForm(nn.Module):
    """The joint unit: scales are fused before they are enlarged."""

    def __init__(self, unit: JointUnit) -> None:
        super().__init__()
        config = unit.config
        self.san = rewritten(unit.san) if config.self_attention else nn.Identity()
        self.res_list = nn.ModuleList(rewritten(block) for block in unit.res_list)
        self.gates = nn.ModuleList(rewritten(g) for g in unit.scale_attention) if config.scale_attention else None
        fuse, relu = unit.conv11[0], unit.conv11[1]
        assert isinstance(fuse, nn.Conv2d) and isinstance(relu, nn.LeakyReLU)
        own, *coarser = fuse.weight.split(config.channel, dim=1)
        self.own, self.coarser = FusedConv(own, fuse.bias), nn.ModuleList(FusedConv(w) for w in coarser)
        self.slope = float(relu.negative_slope)
        self.scn = rewritten(unit.scn) if config.self_calibration else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        a: Tensor = self.san(x)
        t, total = a, self.own(a)
        for j, (block, fuse) in enumerate(zip(self.res_list, self.coarser, strict=True)):
            t = block(t)
            if self.gates is not None:
                t = t * enlarge(self.gates[j](a), t)
            total.add_(enlarge(fuse(t), a))
        y: Tensor = self.scn(F.leaky_relu_(total, self.slope).add_(a))
        return y


class DenseUnitsForm(nn.Module):
    """The units over one growing tensor (N, H, W, (U + 1) C) of all raw outputs."""

    def __init__(self, dense: DenseUnits) -> None:
        super().__init__()
        self.units = nn.ModuleList(rewritten(unit) for unit in dense.units)
        convolutions = [conv for layers in dense.conv1x1 for conv in layers[:1] if isinstance(conv, nn.Conv2d)]
        self.weights = nn.ParameterList(frozen(conv.weight.flatten(1)) for conv in convolutions)
        self.biases = nn.ParameterList(frozen(conv.bias) for conv in convolutions if conv.bias is not None)
        relu = dense.conv1x1[0][1]
        assert isinstance(relu, nn.LeakyReLU)
        self.slope = float(relu.negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        raw = x.new_empty((count * height * width, (len(self.units) + 1) * channels))
        fused, used = x, 0
        raw[:, :channels] = _rows(x)
        for unit, weight, bias in zip(self.units, self.weights, self.biases, strict=True):
            used += channels
            raw[:, used : used + channels] = _rows(unit(fused))
            rows = F.leaky_relu_(F.linear(raw[:, : used + channels], weight, bias), self.slope)
            fused = rows.view(count, height, width, channels).permute(0, 3, 1, 2)
        return fused


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N H W, C)."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)
