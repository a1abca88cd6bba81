"""The whole network: one embedding, three subnets that hand on features, three restored images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from baselines.dsrir import BASELINE, PAPER
from baselines.dsrir.blocks import PixelRefinement, UncertaintyAttention, conv
from baselines.dsrir.sizes import pad8
from baselines.dsrir.subnets import SIZE_MULTIPLE, Style, SubNet1, SubNet2, SubNet3
from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor


class DSRIR(nn.Module):
    """Images (B, 3, H, W) in 0..1 -> ``restored`` Y3, ``stages`` [Y3, Y2, Y1], ``variances`` [U3, U2, U1].

    All images are (B, 3, H, W) and unclamped; the variances are log-scales per pixel and colour and may be
    negative. Sides that are no multiples of eight are padded (``pad8``) and the results cut back.
    Parameter names are those of official checkpoints.
    """

    def __init__(
        self,
        widths: tuple[int, int, int],
        steps: tuple[int, int],
        style: Style,
        colours: int,
        descriptor: ModelDescriptor,
    ) -> None:
        super().__init__()
        n1, n2, n3 = self.widths = widths
        k, r, bias = style.kernel, style.reduction, style.bias
        self.descriptor = descriptor
        self.ebd = conv(colours, n1 + n2 + n3, k, bias)
        self.SN1, self.SN2 = SubNet1(n1, steps[0], style), SubNet2(n2, steps[1], style)
        self.SN3 = SubNet3(n3, style)
        self.PRU1, self.PRU2, self.PRU3 = (PixelRefinement(n, r) for n in widths)
        self.usau_1 = UncertaintyAttention(n1, colours, k, bias)
        self.usau_2 = UncertaintyAttention(n2, colours, k, bias)
        self.usau_3 = UncertaintyAttention(n3, colours, k, bias, last=True)
        self.channel_comp1 = conv(n1 + n2, n2, 1, bias)
        self.channel_comp2 = conv(n2 + n3, n3, 1, bias)

    def forward(self, image: Tensor) -> dict[str, Any]:
        h, w = image.shape[-2:]
        x = pad8(image)
        s1, s2, s3 = self.ebd(x).split(self.widths, dim=1)  # each (B, n_i, H, W)
        a1, y1, u1 = self.usau_1(self.PRU1(self.SN1(s1)), x)
        s2 = self.channel_comp1(torch.cat([a1, s2], dim=1))  # (B, n1+n2, H, W) -> (B, n2, H, W)
        a2, y2, u2 = self.usau_2(self.PRU2(self.SN2(s2)), x)
        s3 = self.channel_comp2(torch.cat([a2, s3], dim=1))  # (B, n2+n3, H, W) -> (B, n3, H, W)
        _, y3, u3 = self.usau_3(self.PRU3(self.SN3(s3)), x)
        stages = [y[..., :h, :w] for y in (y3, y2, y1)]
        variances = [u[..., :h, :w] for u in (u3, u2, u1)]
        return {"restored": stages[0], "stages": stages, "variances": variances}


def create(
    sn1_feats: int = 32,
    sn2_feats: int = 48,
    sn3_feats: int = 64,
    feats_step1: int = 32,
    feats_step2: int = 16,
    kernel_size: int = 3,
    reduction: int = 8,
    bias: bool = False,
    in_c: int = 3,
    out_c: int = 3,
) -> DSRIR:
    """A DSRIR, freshly initialised; the defaults are the published network (3,516,837 parameters).

    Args:
        sn1_feats: Base width of subnet 1.
        sn2_feats: Base width of subnet 2.
        sn3_feats: Width of subnet 3.
        feats_step1: Channels added at each halving in subnet 1.
        feats_step2: Channels added at each halving in subnet 2.
        kernel_size: Of the main convolutions, odd.
        reduction: Bottleneck ratio of every gate, at most the smallest width.
        bias: Of the main convolutions; gates and uncertainty maps always have biases.
        in_c: Colours of the input.
        out_c: Colours of the output; equal, because every stage adds the degraded image to its output.

    Raises:
        UsageError: A keyword is impossible; the message names it.
    """
    config = dict(locals())
    widths, steps = (sn1_feats, sn2_feats, sn3_feats), (feats_step1, feats_step2)
    if not 1 <= reduction <= min(widths):
        raise UsageError(
            f"reduction {reduction} leaves a gate of the widths {widths} without channels; "
            "choose one between 1 and the smallest width"
        )
    if min(steps) < 0:
        raise UsageError(f"feats_step1 and feats_step2 are {steps}; give channels to add, 0 or more")
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise UsageError(f"kernel_size {kernel_size} does not keep the size; choose an odd one")
    if in_c != out_c or in_c < 1:
        raise UsageError(f"in_c {in_c} and out_c {out_c} must be equal: DSRIR adds its input to its output")
    descriptor = ModelDescriptor(
        "dsrir",
        channels=in_c,
        value_range=1.0,
        size_multiple=SIZE_MULTIPLE,
        min_size=SIZE_MULTIPLE,
        tasks=BASELINE.tasks,
        paper=PAPER,
        licence="MIT",
        config=config,
    )
    return DSRIR(widths, steps, Style(kernel_size, reduction, bias), in_c, descriptor)
