"""Inference feeds every network what its descriptor asks for, and gives back what was put in."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.evaluation.inference import pad_to, restore
from nas.models.calling import allowed_size, final_image
from nas.models.descriptor import ModelDescriptor


class Probe(nn.Module):
    """Returns its input (enlarged by pixel repetition) and remembers what it saw."""

    def __init__(self, named: bool = False, **facts: Any) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("probe", **facts)
        self.named = named
        self.seen: list[Tensor] = []
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        self.seen.append(x)
        self.modes.append(self.training or torch.is_grad_enabled())
        s = self.descriptor.scale
        y = x.repeat_interleave(s, -1).repeat_interleave(s, -2)
        return {"stages": y * 0, "restored": y} if self.named else y


class Convolutions(nn.Module):
    """Three zero-padded 3x3 convolutions and a pixel shuffle: receptive radius 3."""

    def __init__(self, scale: int = 2, multiple: int = 1) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("convolutions", scale=scale, size_multiple=multiple)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 3 * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(3)) * 255


@pytest.mark.parametrize("size", [(13, 22), (3, 5), (16, 16), (1, 9)])
@pytest.mark.parametrize("scale", [1, 2])
def test_padding_and_cropping_give_back_exactly_the_image(size: tuple[int, int], scale: int) -> None:
    model = Probe(scale=scale, size_multiple=8, min_size=16)
    x = picture(*size)
    out = restore(model, x)
    assert all(side % 8 == 0 and side >= 16 for side in model.seen[0].shape[-2:])
    expected = x.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    torch.testing.assert_close(out, expected, rtol=0, atol=0)


def test_padding_mirrors_without_repeating_the_edge_where_it_can() -> None:
    x = torch.arange(5.0).reshape(1, 1, 1, 5).expand(1, 1, 5, 5)
    torch.testing.assert_close(pad_to(x, 4)[0, 0, 0], torch.tensor([0.0, 1, 2, 3, 4, 3, 2, 1]))
    short = torch.arange(2.0).reshape(1, 1, 1, 2).expand(1, 1, 2, 2)
    torch.testing.assert_close(pad_to(short, 4)[0, 0, 0], torch.tensor([0.0, 1, 1, 1]))


def test_allowed_sizes_are_the_smallest_multiples_that_are_large_enough() -> None:
    assert [allowed_size(n, 8, 10) for n in (1, 10, 16, 17)] == [16, 16, 16, 24]


def test_a_network_on_the_unit_range_sees_it_and_the_caller_does_not() -> None:
    model = Probe(value_range=1.0)
    x = picture(6, 7)
    out = restore(model, x)
    torch.testing.assert_close(model.seen[0], x / 255)
    torch.testing.assert_close(out, x)


def test_a_network_on_blue_first_sees_the_channels_turned() -> None:
    model = Probe(colour_order="bgr")
    x = picture(6, 7)
    out = restore(model, x)
    torch.testing.assert_close(model.seen[0], x.flip(1), rtol=0, atol=0)
    torch.testing.assert_close(out, x, rtol=0, atol=0)


def test_the_output_is_not_clamped_and_keeps_the_layout() -> None:
    x = picture(6, 7)[0] * 3 - 100
    out = restore(Probe(named=True), x)
    assert out.shape == (3, 6, 7)
    torch.testing.assert_close(out, x, rtol=0, atol=0)


def test_evaluation_mode_without_gradients_and_flags_put_back_even_after_a_failure() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.9))
    model.descriptor = ModelDescriptor("pair")  # type: ignore[assignment]
    model.train()
    model[0].eval()  # a frozen normalisation stays frozen
    before = model[0].running_mean.clone()
    out = restore(model, picture(5, 5))
    assert (model.training, model[0].training, model[1].training) == (True, False, True)
    assert torch.equal(model[0].running_mean, before)
    assert not out.is_inference()
    probe = Probe(scale=2)
    restore(probe.train(), picture(4, 4))
    assert probe.modes == [False]
    probe.descriptor = ModelDescriptor("liar", channels=1)
    with pytest.raises(UsageError):
        restore(probe, picture(4, 4))
    assert probe.training


@pytest.mark.parametrize("tile", [7, 16, 100])
@pytest.mark.parametrize("multiple", [1, 4])
def test_tiles_with_enough_overlap_equal_the_whole_image(tile: int, multiple: int) -> None:
    model = Convolutions(multiple=multiple)
    x = picture(33, 46)
    tiled = restore(model, x, tile=tile, overlap=3)
    torch.testing.assert_close(tiled, restore(model, x), rtol=1e-5, atol=1e-4)


def test_tiles_without_overlap_differ_at_the_seams_only() -> None:
    model = Convolutions()
    x = picture(20, 20)
    difference = (restore(model, x, tile=10, overlap=0) - restore(model, x)).abs().amax(1)[0]
    assert difference[16:24].max() > 1e-2
    assert difference[:12, :12].max() < 1e-3


def test_no_tile_is_smaller_than_the_network_can_take() -> None:
    model = Probe(min_size=15, scale=2)
    x = picture(31, 33)
    out = restore(model, x, tile=15, overlap=2)
    assert min(min(seen.shape[-2:]) for seen in model.seen) >= 15
    torch.testing.assert_close(out, x.repeat_interleave(2, -1).repeat_interleave(2, -2), rtol=0, atol=0)


def test_the_ensemble_is_the_mean_over_eight_turned_and_mirrored_images() -> None:
    model = Convolutions()
    x = picture(9, 14)
    parts = []
    for turns in range(4):
        for flip in (False, True):
            turned = torch.rot90(x, turns, (2, 3))
            out = restore(model, turned.flip(3) if flip else turned)
            parts.append(torch.rot90(out.flip(3) if flip else out, -turns, (2, 3)))
    expected = torch.stack(parts).mean(0)
    together = restore(model, x, ensemble=True)
    torch.testing.assert_close(together, expected, rtol=1e-5, atol=1e-4)
    turned = restore(model, torch.rot90(x, 1, (2, 3)), ensemble=True)
    torch.testing.assert_close(torch.rot90(turned, -1, (2, 3)), together, rtol=1e-5, atol=1e-4)
    assert (restore(model, x) - together).abs().max() > 1e-3


def test_bfloat16_runs_under_autocast_and_answers_in_float32() -> None:
    model = Convolutions()
    x = picture(8, 8)
    out = restore(model, x, dtype=torch.bfloat16)
    assert out.dtype == torch.float32
    assert 0 < (out - restore(model, x)).abs().max() < 5


def test_float64_runs_in_float64() -> None:
    assert restore(Convolutions().double(), picture(8, 8), dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (torch.zeros(0, 3, 4, 4), {}, "takes images"),
        (torch.zeros(4, 4), {}, "takes images"),
        (torch.zeros(1, 4, 4), {}, "channel"),
        (torch.zeros(3, 4, 4), {"tile": 0}, "tile"),
        (torch.zeros(3, 4, 4), {"tile": 2, "overlap": -1}, "overlap"),
    ],
)
def test_wrong_use_is_refused_with_a_reason(x: Tensor, options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        restore(Probe(), x, **options)


def test_a_module_without_descriptor_is_refused() -> None:
    with pytest.raises(UsageError, match="descriptor"):
        restore(nn.Conv2d(3, 3, 1), torch.zeros(3, 4, 4))


def test_a_network_that_breaks_its_own_description_is_named() -> None:
    class Liar(Probe):
        def forward(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, 2)

    with pytest.raises(NasError, match="declares scale 1"):
        restore(Liar(), picture(8, 8))
    with pytest.raises(NasError, match="restored"):
        final_image([torch.zeros(1)])
