"""The frozen feature extractor of the contrastive term: VGG-19 up to conv5_1, given or seeded.

The published term uses ImageNet weights. They are no part of this project; where none are given, a network of
the same topology with seeded random weights stands in. Values under different extractors are not comparable,
so each carries an ``identity`` for the record.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.errors import NasError, UsageError
from nas.models.tensor_files import read_safetensors, read_torch_file

#: channels of the five stages at width 1 and convolutions in each (the fifth stage is cut after its first)
_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))
#: index of every convolution in the usual list of VGG-19 layers
_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
#: the four poolings halve the image four times
MIN_SIZE = 16


class Extractor(nn.Module):
    """The front of VGG-19: images (B, 3, H, W) in 0..1 -> relu1_1, relu2_1, relu3_1, relu4_1, relu5_1.

    The images are not normalised. Level l is (B, C_l, H/2^(l-1), W/2^(l-1)); sides of 16 pixels at least.
    Frozen: gradients pass through to the images, never to the weights.
    """

    def __init__(self, weights: list[Tensor], biases: list[Tensor], identity: str) -> None:
        super().__init__()
        self.identity = identity
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            self.register_buffer(f"weight{i}", weight, persistent=False)
            self.register_buffer(f"bias{i}", bias, persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        if min(images.shape[-2:]) < MIN_SIZE:
            raise UsageError(
                f"the contrastive term needs images of {MIN_SIZE} x {MIN_SIZE} pixels at least, got "
                f"{images.shape[-2]} x {images.shape[-1]}; enlarge the patch or set contrast to off"
            )
        levels: list[Tensor] = []
        x, i = images, 0
        for stage, (_, count) in enumerate(_STAGES):
            if stage:
                x = F.max_pool2d(x, 2)  # halves H and W
            for j in range(count):
                weight, bias = self.get_buffer(f"weight{i}"), self.get_buffer(f"bias{i}")
                x = F.relu(F.conv2d(x, weight, bias, padding=1))  # (B, C_stage, h, w)
                i += 1
                if j == 0:
                    levels.append(x)
        return levels


def seeded_extractor(width: float = 0.25, seed: int = 1234) -> Extractor:
    """An extractor of VGG-19's topology with He-scaled normal weights and zero biases.

    Numpy keeps the legacy stream of ``RandomState`` frozen, so the weights are the same on every machine.

    Args:
        width: Share of VGG-19's channels.
        seed: Of the weights.
    """
    if width <= 0:
        raise UsageError(f"extractor_width {width} must be positive; 0.25 is the default")
    stream = np.random.RandomState(seed)
    weights, biases, c_in = [], [], 3
    for channels, count in _STAGES:
        c_out = max(round(width * channels), 1)
        for _ in range(count):
            values = stream.standard_normal((c_out, c_in, 3, 3)) * np.sqrt(2.0 / (9 * c_in))
            weights.append(torch.from_numpy(values.astype(np.float32)))
            biases.append(torch.zeros(c_out))
            c_in = c_out
    return Extractor(weights, biases, f"seeded vgg19 front, width {width:g}, seed {seed}")


def load_extractor(path: str | Path) -> Extractor:
    """The extractor from a VGG-19 state dict of the user.

    Entries ``features.N.weight`` and ``.bias`` of the 13 convolutions up to conv5_1 are taken, whatever their
    width; later layers and the classifier are not needed.

    Args:
        path: A .pth file (tensors alone are read) or a .safetensors file.

    Raises:
        UsageError: There is no such file.
        NasError: It cannot be read, or is no VGG-19.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"vgg_weights file {str(path)!r} does not exist; without one the seeded extractor is used")
    state = _read(file)
    weights, biases, c_in = [], [], 3
    for n in _INDICES:
        weight, bias = state.get(f"features.{n}.weight"), state.get(f"features.{n}.bias")
        if weight is None or bias is None or weight.dim() != 4 or tuple(weight.shape[1:]) != (c_in, 3, 3):
            raise NasError(
                f"{str(path)!r} is no VGG-19: features.{n} is absent or no 3x3 convolution of {c_in} channels"
            )
        weights.append(weight.float())
        biases.append(bias.float())
        c_in = weight.shape[0]
    digest = hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in (*weights, *biases)))
    return Extractor(weights, biases, f"vgg19 weights {file.name}, sha256 {digest.hexdigest()[:16]}")


def _read(file: Path) -> dict[str, Tensor]:
    try:
        content = read_safetensors(file) if file.suffix == ".safetensors" else read_torch_file(file)
    except NasError as error:
        raise NasError(f"{str(file)!r} is not a readable file of weights: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise NasError(f"{str(file)!r} holds no state dict (a mapping of names to tensors)")
    return content
