"""The joint unit and the network of JDNet (specification sections 1.1, 1.2 and 1.4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from baselines.jdnet.attention import KINDS, AttentionBlock
from baselines.jdnet.blocks import ResidualBlock, SelfCalibratedBlock, conv, enlarge
from baselines.jdnet.loss import LOSSES
from nas.errors import UsageError, did_you_mean
from nas.keywords import nearest_of
from nas.models.baseline_settings import settings_of
from nas.models.descriptor import ModelDescriptor

ORDERS = ("rgb", "bgr")


@dataclass(frozen=True)
class JDNetConfig:
    """The keywords of JDNet; the defaults are the published network.

    Attributes:
        unit_num: U, joint units.
        channel: C, feature planes.
        scale_num: S, halvings inside a unit.
        rel_planes: Query and key planes of the attention; None: C / 16.
        mid_planes: Value planes of the attention; None: C / 4.
        share_planes: Value planes that use one weight plane.
        kernel_size: Side of the attention window in pixels.
        sa_type: Kind of attention, "pairwise" or "patchwise".
        pooling_r: Pooling rate of the self-calibrated block.
        scale_attention: Gate every scale by a pooled view of the attention output (off as published).
        self_attention: False gives the ablation r2, and with ``self_calibration`` off too r1.
        self_calibration: Whether a unit ends with the self-calibrated block.
        colour_order: "bgr" for the released weights, which were trained on BGR images; the network takes and gives
            RGB either way.
        loss: "neg_ssim" (published), "mae" or "mse".
        recompute: Compute the attention again in the backward pass instead of storing it.
    """

    unit_num: int = 32
    channel: int = 32
    scale_num: int = 4
    rel_planes: int | None = None
    mid_planes: int | None = None
    share_planes: int = 8
    kernel_size: int = 7
    sa_type: str = "pairwise"
    pooling_r: int = 4
    scale_attention: bool = False
    self_attention: bool = True
    self_calibration: bool = True
    colour_order: str = "rgb"
    loss: str = "neg_ssim"
    recompute: bool = False

    def __post_init__(self) -> None:
        for name in ("unit_num", "channel", "scale_num", "pooling_r"):
            if getattr(self, name) < 1:
                raise UsageError(f"JDNet's {name} is {getattr(self, name)}; give at least 1")
        if self.self_calibration and self.channel % 2:
            raise UsageError(f"JDNet's channel is {self.channel}; the self-calibrated block needs it even")
        for name, known in (("sa_type", KINDS), ("colour_order", ORDERS), ("loss", tuple(LOSSES))):
            value = getattr(self, name)
            if value not in known:
                raise UsageError(f"JDNet's {name} is {value!r}; {did_you_mean(str(value), known)}")

    @property
    def min_size(self) -> int:
        """Smallest side of an image in pixels: mirrored border, average pooling, pooled gates."""
        return max(
            self.kernel_size // 2 + 1 if self.self_attention else 1,
            self.pooling_r if self.self_calibration else 1,
            2**self.scale_num if self.scale_attention else 1,
        )


class JointUnit(nn.Module):
    """Self-attention, aggregation over scales, self-calibration; keeps (N, C, H, W)."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:UnitForm"

    def __init__(self, config: JDNetConfig) -> None:
        super().__init__()
        C, S = config.channel, config.scale_num
        if config.self_attention:
            self.san = AttentionBlock(
                C,
                C // 16 if config.rel_planes is None else config.rel_planes,
                C // 4 if config.mid_planes is None else config.mid_planes,
                config.share_planes,
                config.kernel_size,
                config.sa_type,
                config.recompute,
            )
        self.res_list = nn.ModuleList(ResidualBlock(C, C) for _ in range(S))
        if config.scale_attention:
            self.scale_attention = nn.ModuleList(
                nn.Sequential(nn.MaxPool2d(2**j), nn.Conv2d(C, C, 1), nn.Sigmoid()) for j in range(1, S + 1)
            )
        self.conv11 = conv((S + 1) * C, C, 1)
        if config.self_calibration:
            self.scn = SelfCalibratedBlock(C, C, config.pooling_r)
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        a: Tensor = self.san(x) if self.config.self_attention else x  # (N, C, H, W)
        t, scales = a, [a]
        for j, block in enumerate(self.res_list):
            t = block(t)  # (N, C, ceil(H / 2^(j+1)), ceil(W / 2^(j+1)))
            if self.config.scale_attention:
                t = t * enlarge(self.scale_attention[j](a), t)
            scales.append(enlarge(t, a))  # (N, C, H, W)
        m: Tensor = self.conv11(torch.cat(scales, dim=1))  # (N, (S + 1) C, H, W) -> (N, C, H, W)
        u = m + a
        return self.scn(u) if self.config.self_calibration else u


class DenseUnits(nn.Module):
    """Joint units; each reads a 1x1 fusion of the first features and of all raw unit outputs before it."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:DenseUnitsForm"

    def __init__(self, config: JDNetConfig) -> None:
        super().__init__()
        C, U = config.channel, config.unit_num
        self.units = nn.ModuleList(JointUnit(config) for _ in range(U))
        self.conv1x1 = nn.ModuleList(conv((i + 2) * C, C, 1) for i in range(U))

    def forward(self, x: Tensor) -> Tensor:
        fused, raw = x, [x]
        for unit, fuse in zip(self.units, self.conv1x1, strict=True):
            raw.append(unit(fused))
            fused = fuse(torch.cat(raw, dim=1))  # (N, (i + 2) C, H, W) -> (N, C, H, W)
        return fused


class JDNet(nn.Module):
    """Predicts the rain layer and subtracts it: (N, 3, H, W) on 0..1 -> the same, not clamped.

    Both sides must be at least ``descriptor.min_size`` (4 as published); UsageError otherwise.
    """

    descriptor: ModelDescriptor

    def __init__(self, config: JDNetConfig) -> None:
        super().__init__()
        self.config = config
        self.enterBlock = conv(3, config.channel, 3)
        self.derain_net = DenseUnits(config)
        self.exitBlock = conv(config.channel, 3, 3)

    def rain(self, x: Tensor) -> Tensor:
        """The rain layer (N, 3, H, W) in the channel order the weights were trained in."""
        f0 = self.enterBlock(x)  # (N, 3, H, W) -> (N, C, H, W)
        layer: Tensor = self.exitBlock(self.derain_net(f0))  # (N, C, H, W) -> (N, 3, H, W)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[-2:]) < self.config.min_size:
            raise UsageError(
                f"JDNet got a {x.shape[-2]} x {x.shape[-1]} image; both sides must be at least "
                f"{self.config.min_size} pixels"
            )
        if self.config.colour_order == "bgr":
            return x - self.rain(x.flip(1)).flip(1)
        return x - self.rain(x)


@settings_of(JDNetConfig)
def create(**keywords: Any) -> JDNet:
    """A JDNet, freshly initialised.

    Args:
        keywords: Those of ``JDNetConfig``.

    Raises:
        UsageError: A keyword is unknown or impossible; the message names it.
    """
    from baselines.jdnet import BASELINE

    known = JDNetConfig.__dataclass_fields__
    for name in sorted(set(keywords) - set(known)):
        raise UsageError(f"jdnet has no setting {name!r}; {nearest_of(name, known)}")
    config = JDNetConfig(**keywords)
    model = JDNet(config)
    model.descriptor = ModelDescriptor(
        "jdnet",
        value_range=1.0,
        min_size=config.min_size,
        tasks=BASELINE.tasks,
        paper=BASELINE.paper,
        licence=BASELINE.licence,
        config=asdict(config),
    )
    return model
