"""The three subnets of DSRIR: three levels, two levels, full resolution. Each keeps channels and size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from baselines.dsrir.blocks import Down, Grid, PatchAttentionBlock, PatchAttentionGroup, Up

#: the finest grid (8 x 8) demands sides divisible by eight at every level
SIZE_MULTIPLE = 8


@dataclass(frozen=True)
class Style:
    """What all blocks share: spatial kernel, bottleneck ratio of the gates, bias of the main convolutions."""

    kernel: int = 3
    reduction: int = 8
    bias: bool = False

    def block(self, channels: int, grid: Grid) -> PatchAttentionBlock:
        """One patch attention block."""
        return PatchAttentionBlock(channels, self.kernel, self.reduction, self.bias, grid)

    def blocks(self, count: int, channels: int, grid: Grid) -> nn.Sequential:
        """``count`` patch attention blocks in a row."""
        return nn.Sequential(*(self.block(channels, grid) for _ in range(count)))


class SubNet1(nn.Module):
    """Encoder and decoder over three levels of widths n, n+d, n+2d and grids 8, 4, 2 (2 blocks each)."""

    def __init__(self, n: int, d: int, style: Style) -> None:
        super().__init__()
        grids = ((8, 8), (4, 4), (2, 2))
        widths = (n, n + d, n + 2 * d)
        self.encoder1, self.encoder2, self.encoder3 = (
            style.blocks(2, c, g) for c, g in zip(widths, grids, strict=True)
        )
        self.decoder1, self.decoder2, self.decoder3 = (
            style.blocks(2, c, g) for c, g in zip(widths, grids, strict=True)
        )
        self.skipatt1 = style.block(widths[0], grids[0])
        self.skipatt2 = style.block(widths[1], grids[1])
        self.down1, self.down2 = Down(n, d), Down(n + d, d)
        self.up1, self.up2 = Up(n, d), Up(n + d, d)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.encoder1(x)  # (B, n, H, W)
        e2 = self.encoder2(self.down1(e1))  # (B, n+d, H/2, W/2)
        e3 = self.encoder3(self.down2(e2))  # (B, n+2d, H/4, W/4)
        d3 = self.decoder3(e3)
        d2 = self.decoder2(self.up2(d3) + self.skipatt2(e2))  # (B, n+d, H/2, W/2)
        d1: Tensor = self.decoder1(self.up1(d2) + self.skipatt1(e1))  # (B, n, H, W)
        return d1


class SubNet2(nn.Module):
    """Encoder and decoder over two levels of widths n, n+d and grids 4, 2 (2 and 4 blocks)."""

    def __init__(self, n: int, d: int, style: Style) -> None:
        super().__init__()
        fine, coarse = (4, 4), (2, 2)
        self.encoder1, self.encoder2 = style.blocks(2, n, fine), style.blocks(4, n + d, coarse)
        self.decoder1, self.decoder2 = style.blocks(2, n, fine), style.blocks(4, n + d, coarse)
        self.skipatt1 = style.block(n, fine)
        self.down1, self.up1 = Down(n, d), Up(n, d)

    def forward(self, x: Tensor) -> Tensor:
        e1 = self.encoder1(x)  # (B, n, H, W)
        e2 = self.encoder2(self.down1(e1))  # (B, n+d, H/2, W/2)
        d2 = self.decoder2(e2)
        d1: Tensor = self.decoder1(self.up1(d2) + self.skipatt1(e1))  # (B, n, H, W)
        return d1


class SubNet3(nn.Module):
    """Four groups at full resolution, grids 8, 4, 2, 1 in each, no outer residual; (B, n, H, W) -> same."""

    def __init__(self, n: int, style: Style) -> None:
        super().__init__()
        grids = ((8, 8), (4, 4), (2, 2), (1, 1))
        self.PAG1, self.PAG2, self.PAG3, self.PAG4 = (
            PatchAttentionGroup(n, style.kernel, style.reduction, style.bias, grids) for _ in range(4)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.PAG4(self.PAG3(self.PAG2(self.PAG1(x))))
        return y
