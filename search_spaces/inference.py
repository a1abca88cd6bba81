"""The forms for inference of the JSNet blocks, cell and network: the same function in fewer steps.

Reached through the method ``optimized`` of each module (``nas.models.optimizing``). What is used: linear maps that
follow each other are one, sums over edges are made in place by the convolutions themselves, gates are multiplied and
added in one sweep, and the concatenation of all cells is never made.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.models.inference_layers import Activation, FusedConv, plain_convolution
from nas.models.optimizing import rewritten
from search_spaces.attentions import SMALLEST_VARIANCE, ContrastAttention, EnhancedSpatialAttention, Gated
from search_spaces.cells import JointCell, Wiring
from search_spaces.ends import ImageEnds
from search_spaces.fusion import CrossScaleFusion, PixelGate
from search_spaces.network import JSNet
from search_spaces.operations import DenseBlock


class Adding(nn.Module):
    """A block that can add its result to a tensor in place."""

    def add_to(self, total: Tensor | None, x: Tensor) -> Tensor:
        """total + block(x) in ``total``; None: a new tensor that nobody else holds."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.add_to(None, x)


class DenseForm(Adding):
    """``y = x + reduce([x, x1, x2])``: the residual joins ``reduce``, and ``reduce`` the last convolution of x2."""

    def __init__(self, op1: nn.Module, op2: nn.Module, reduce: nn.Conv2d, last: nn.Conv2d | None) -> None:
        """Fold the weights.

        Args:
            op1: Form of the first cell.
            op2: Form of the second cell, without ``last``.
            reduce: The 1x1 convolution over [x, x1, x2].
            last: The convolution that ends the second cell; None where an activation does.
        """
        super().__init__()
        self.op1, self.op2 = op1, op2
        channels = reduce.out_channels
        early, late = reduce.weight.double().split([2 * channels, channels], dim=1)
        early = early.clone()
        early[:, :channels] += torch.eye(channels, dtype=early.dtype, device=early.device)[:, :, None, None]
        self.early = FusedConv(early.to(reduce.weight.dtype), reduce.bias)
        self.late = _after(last, late, None) if last is not None else FusedConv(late.to(reduce.weight.dtype))

    def add_to(self, total: Tensor | None, x: Tensor) -> Tensor:
        both = torch.cat([x, self.op1(x)], dim=1)  # (N, 2C, H, W)
        return self.late.add_to(self.early.add_to(total, both), self.op2(both))


def dense_form(block: DenseBlock) -> DenseForm:
    """The form of a two-cell dense block."""
    op1, op2, reduce = block.op1, block.op2, block.reduce
    last = op2[-1]
    folded = last if isinstance(last, nn.Conv2d) and plain_convolution(last) and last.groups == 1 else None
    rest = op2[:-1] if folded is not None else op2
    return DenseForm(rewritten(_without_groups(op1)), rewritten(_without_groups(rest)), reduce, folded)


def _after(first: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> FusedConv:
    """``first``, then the 1x1 convolution of ``weight`` (C'', C', 1, 1) and ``bias``, as one convolution."""
    assert isinstance(first.padding, tuple)
    second = weight.double().flatten(1)  # (C'', C')
    merged = torch.einsum("oc,cikl->oikl", second, first.weight.double())
    shift = None if first.bias is None else second @ first.bias.double()
    if bias is not None:
        shift = bias.double() if shift is None else shift + bias.double()
    dtype = first.weight.dtype
    return FusedConv(
        merged.to(dtype),
        None if shift is None else shift.to(dtype),
        stride=first.stride,
        padding=first.padding,
        dilation=first.dilation,
    )


def _without_groups(layers: nn.Sequential) -> nn.Sequential:
    """Grouped convolutions of several inputs a group up to a 1x1 convolution, as depthwise ones and a wider 1x1.

    Sums over the inputs of a group commute with depthwise convolutions, so the 1x1 convolution makes them. A chain of
    any other kind is returned as it is.
    """
    chain = list(layers)
    pointwise = next((i for i, layer in enumerate(chain) if _is_pointwise(layer)), None)
    if not pointwise or not all(_is_grouped(layer) for layer in chain[:pointwise]):
        return layers
    first = chain[0]
    assert isinstance(first, nn.Conv2d)
    share = first.in_channels // first.groups
    if share == 1 or first.out_channels != first.groups:
        return layers
    depthwise = [_per_input(layer, share, i == 0) for i, layer in enumerate(chain[:pointwise])]
    last = chain[pointwise]
    assert isinstance(last, nn.Conv2d)
    wide = nn.Conv2d(share * last.in_channels, last.out_channels, 1, bias=last.bias is not None).to(last.weight)
    wide.weight = nn.Parameter(last.weight.repeat_interleave(share, dim=1), requires_grad=False)
    wide.bias = last.bias
    return nn.Sequential(*depthwise, wide, *chain[pointwise + 1 :])


def _is_pointwise(layer: nn.Module) -> bool:
    return (
        isinstance(layer, nn.Conv2d) and plain_convolution(layer) and layer.kernel_size == (1, 1) and layer.groups == 1
    )


def _is_grouped(layer: nn.Module) -> bool:
    """Whether a layer is a convolution without bias in which each output channel has a group of its own."""
    return (
        isinstance(layer, nn.Conv2d)
        and plain_convolution(layer)
        and layer.groups == layer.out_channels
        and layer.bias is None
    )


def _per_input(layer: nn.Module, share: int, first: bool) -> nn.Conv2d:
    """A depthwise convolution over ``share`` times as many channels."""
    assert isinstance(layer, nn.Conv2d)
    channels = share * layer.out_channels
    wide = nn.Conv2d(
        channels,
        channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,
        layer.dilation,  # type: ignore[arg-type]
        groups=channels,
        bias=False,
    ).to(layer.weight)
    weight = (
        layer.weight.reshape(channels, 1, *layer.kernel_size) if first else layer.weight.repeat_interleave(share, 0)
    )
    wide.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    return wide


class GateForm(Adding):
    """A block ``gate(x) * x`` whose gate is always a new tensor."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def add_to(self, total: Tensor | None, x: Tensor) -> Tensor:
        gate: Tensor = self.gate(x)
        if total is None:
            return gate.mul_(x) if gate.shape == x.shape else gate * x
        return total.addcmul_(gate, x)


class ForeignForm(Adding):
    """Any other block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def add_to(self, total: Tensor | None, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        if total is not None:
            return total.add_(y)
        return y.clone() if y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr() else y


def adding(block: nn.Module) -> Adding:
    """The form of a block of any kind."""
    form = rewritten(block)
    return form if isinstance(form, Adding) else ForeignForm(form)


class CellForm(nn.Module):
    """The cell: sums in place, the last of them in the cell's input."""

    def __init__(self, cell: JointCell) -> None:
        """Take the blocks of a cell over."""
        super().__init__()
        self.op_wiring, self.at_wiring = cell.op_wiring, cell.at_wiring
        if cell.op_wiring is not None:
            self.process, self.fusion = rewritten(cell.process), rewritten(cell.op_nodes_fusion)
            self.ops = nn.ModuleList(adding(block) for block in cell.ops)
        if cell.at_wiring is not None:
            self.atts = nn.ModuleList(adding(block) for block in cell.atts)

    def forward(self, x: Tensor) -> Tensor:
        """(N, W, H, W') -> the same tensor, which is overwritten."""
        start = x
        if self.op_wiring is not None:
            states = [self.process(x)]
            for node in range(1, self.op_wiring.nodes + 1):
                states.append(_node(None, states, node, self.op_wiring, self.ops))
            start = self.fusion(torch.cat(states, dim=1))  # (N, W, H, W'), a new tensor
            del states
        if self.at_wiring is None:
            return x.add_(start)
        states = [start]
        for node in range(1, self.at_wiring.nodes):
            states.append(_node(None, states, node, self.at_wiring, self.atts))
        last = self.at_wiring.nodes
        in_place = start is not x and self.at_wiring.merge == "sum"
        total = _node(x if in_place else None, states, last, self.at_wiring, self.atts)
        return total if in_place else x.add_(total)


def _node(total: Tensor | None, states: list[Tensor], node: int, wiring: Wiring, blocks: nn.ModuleList) -> Tensor:
    """``total`` plus the value of a node, in place; None: the value alone, a new tensor."""
    entering = [(e, source) for e, (source, target) in enumerate(wiring.edges) if target == node]
    for e, source in entering:
        block = blocks[e]
        assert isinstance(block, Adding)
        total = block.add_to(total, states[source])
    assert total is not None  # every node has an edge
    return total.div_(len(entering)) if wiring.merge == "mean" and len(entering) > 1 else total


class ContrastGate(nn.Module):
    """The gate of contrast-aware channel attention, both statistics in one sweep: (N, W, H, W') -> (N, W, 1, 1)."""

    def __init__(self, layers: nn.Module, smallest_variance: float) -> None:
        super().__init__()
        self.layers, self.smallest_variance = layers, smallest_variance

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
        y: Tensor = self.layers(variance.clamp_min_(self.smallest_variance).sqrt_().add_(mean))
        return y


class EnhancedSpatialGate(nn.Module):
    """The gate of enhanced spatial attention, with its sum in place."""

    def __init__(self, block: EnhancedSpatialAttention) -> None:
        super().__init__()
        relu, sigmoid = Activation("relu"), Activation("sigmoid")
        self.check = type(block).check
        self.conv1, self.conv2, self.conv_f = (FusedConv.of(c) for c in (block.conv1, block.conv2, block.conv_f))
        self.conv_max, self.conv3 = FusedConv.of(block.conv_max, relu), FusedConv.of(block.conv3, relu)
        self.conv3_, self.conv4 = FusedConv.of(block.conv3_), FusedConv.of(block.conv4, sigmoid)

    def forward(self, x: Tensor) -> Tensor:
        """(N, W, H, W') -> (N, W, H, W'), values in 0..1."""
        self.check(x)
        a = self.conv1(x)  # (N, f, H, W')
        b = nn.functional.max_pool2d(self.conv2(a), kernel_size=7, stride=3)
        b = self.conv3_(self.conv3(self.conv_max(b)))
        b = nn.functional.interpolate(b, size=x.shape[-2:], mode="bilinear", align_corners=False)
        y: Tensor = self.conv4(self.conv_f.add_to(b, a))
        return y


def gated_form(block: Gated) -> GateForm:
    """The form of a block whose gate is one sequence of layers."""
    return GateForm(rewritten(block.at))


def contrast_form(block: ContrastAttention) -> GateForm:
    """The form of contrast-aware channel attention."""
    return GateForm(ContrastGate(rewritten(block.conv_du), SMALLEST_VARIANCE))


def enhanced_spatial_form(block: EnhancedSpatialAttention) -> GateForm:
    """The form of enhanced spatial attention."""
    return GateForm(EnhancedSpatialGate(block))


class CrossScaleForm(nn.Module):
    """CSFM after its first 1x1 convolution: (N, W/2, H, W') -> same; gates are added in one sweep."""

    def __init__(self, fusion: CrossScaleFusion) -> None:
        super().__init__()
        for name in ("pa_1", "pa_2", "ca_1_1", "ca_1_2", "ca_2_1", "ca_2_2"):
            self.add_module(name, rewritten(getattr(fusion, name)))

    def forward(self, x: Tensor) -> Tensor:
        h = self.pa_1(x)
        down = torch.addcmul(x, self.ca_1_2.gate(h), h)
        up = torch.addcmul(h, self.ca_1_1.gate(x), x)
        g = self.pa_2(down)
        y = torch.addcmul(g, self.ca_2_1.gate(up), up)
        return y.add_(up).addcmul_(self.ca_2_2.gate(g), g)


class PixelGateForm(nn.Module):
    """k3(x) * sigmoid(k2(x)), multiplied in place."""

    def __init__(self, block: PixelGate) -> None:
        super().__init__()
        self.k2, self.k3 = FusedConv.of(block.k2, Activation("sigmoid")), FusedConv.of(block.k3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.k3(x)
        return y.mul_(self.k2(x))


class NetworkForm(ImageEnds):
    """The derived JSNet; all cells are fused with the first convolution of CSFM folded in, one by one."""

    def __init__(self, network: JSNet) -> None:
        """Take the layers of a network over."""
        super().__init__()
        self.layout, self.descriptor = network.layout, network.descriptor
        last = network.up
        if network.layout.shifts_mean:
            self.sub_mean = rewritten(network.sub_mean)
            if not network.layout.image_residual:  # then a linear map ends the network
                last, self.add_mean = nn.Sequential(*last, network.add_mean), nn.Identity()
        self.head, self.up = rewritten(network.head), rewritten(last)
        self.cells = nn.ModuleList(rewritten(cell) for cell in network.cells)
        process, fusion = network.cpam.process, network.fusion
        assert fusion.bias is not None and process.bias is not None
        first = process.weight.double().flatten(1)  # (W/2, W)
        joined = first @ fusion.weight.double().flatten(1)  # (W/2, L*W)
        bias = first @ fusion.bias.double() + process.bias.double()
        dtype, features = process.weight.dtype, network.layout.features
        self.skip = FusedConv(process.weight, bias.to(dtype))
        self.joins = nn.ModuleList(FusedConv(w[:, :, None, None].to(dtype)) for w in joined.split(features, dim=1))
        self.cpam = CrossScaleForm(network.cpam)

    def forward(self, image: Tensor) -> Tensor:
        x = self.enter(image)  # (N, channels, H, W') -> (N, W, H, W')
        fused = self.skip(x)  # (N, W/2, H, W')
        for cell, join in zip(self.cells, self.joins, strict=True):
            x = cell(x)
            assert isinstance(join, FusedConv)
            join.add_to(fused, x)
        return self.leave(self.cpam(fused), image)
