"""The forms for inference of DSRIR's units: activations join their convolutions, gates and residuals work in place.

Reached through the method ``optimized`` of each module (``nas.models.optimizing``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.dsrir.blocks import (
    PatchAttentionBlock,
    PatchAttentionGroup,
    PixelRefinement,
    UncertaintyAttention,
    Up,
)
from nas.models.inference_layers import Activation, FusedConv
from nas.models.optimizing import rewritten


class PatchAttentionForm(nn.Module):
    """Two convolutions, patch attention, residual; gate and sum overwrite the second convolution's output."""

    def __init__(self, block: PatchAttentionBlock) -> None:
        super().__init__()
        self.grid = block.PA.grid
        self.conv1, self.conv2 = FusedConv.of(block.conv1, Activation("relu")), FusedConv.of(block.conv2)
        self.gate = rewritten(block.PA.conv_du)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(self.conv1(x))
        (rows, columns), (h, w) = self.grid, y.shape[-2:]
        # (B, C, gr, h / gr, gc, w / gc), a view of y
        patches = y.unflatten(3, (columns, w // columns)).unflatten(2, (rows, h // rows))
        exported = torch.compiler.is_exporting()  # plain pooling would have the patch of one image size
        pooled = patches.mean((3, 5)) if exported else F.avg_pool2d(y, (h // rows, w // columns))  # (B, C, gr, gc)
        patches.mul_(self.gate(pooled)[:, :, :, None, :, None])
        return y.add_(x)


class ResidualForm(nn.Module):
    """body(x) + x, where the body ends with a convolution."""

    def __init__(self, block: PatchAttentionGroup) -> None:
        super().__init__()
        self.body = rewritten(block.body)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y.add_(x)


class PixelRefinementForm(nn.Module):
    """A gate per pixel and channel, multiplied and added in place."""

    def __init__(self, block: PixelRefinement) -> None:
        super().__init__()
        self.conv, self.fr = FusedConv.of(block.conv), rewritten(block.fr)

    def forward(self, x: Tensor) -> Tensor:
        q: Tensor = self.conv(x)
        return q.mul_(self.fr(q)).add_(x)


class UncertaintyForm(nn.Module):
    """Supervised uncertainty, sums in place; the last stage leaves out the map that it does not use."""

    def __init__(self, block: UncertaintyAttention) -> None:
        super().__init__()
        self.conv_in, self.conv_out = FusedConv.of(block.conv_in), FusedConv.of(block.conv_out)
        self.conv1 = FusedConv.of(block.conv1)
        self.conv2 = None if block.last else FusedConv.of(block.conv2)
        self.var_est, self.var_map = rewritten(block.var_est), rewritten(block.var_map)
        self.att_map = nn.Identity() if block.last else rewritten(block.att_map)

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """As ``UncertaintyAttention``."""
        fused = self.conv1.add_to(self.conv_in(image), x)
        restored: Tensor = self.conv_out(fused).add_(image)
        v = self.var_est(fused)
        uncertainty: Tensor = self.var_map(v)
        features = None if self.conv2 is None else self.conv2(x).mul_(self.att_map(v)).add_(x)
        return features, restored, uncertainty


class EnlargementForm(nn.Module):
    """The 1x1 convolution before the enlargement: both are linear over different axes, and the weights sum to one."""

    def __init__(self, block: Up) -> None:
        super().__init__()
        self.enlarge, conv = block.up[0], block.up[1]
        assert isinstance(conv, nn.Conv2d)
        self.conv = FusedConv.of(conv)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.enlarge(self.conv(x))
        return y
