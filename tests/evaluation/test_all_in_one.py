"""The all-in-one task is reported degradation by degradation and as their plain mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from nas.data import Pair
from nas.errors import NasError
from nas.evaluation.benchmark_sets import by_degradation, degradation_of
from nas.evaluation.harness import evaluate
from nas.evaluation.rows import read_rows
from nas.evaluation.scoring import validation_scores
from nas.images import write_image
from nas.models.descriptor import ModelDescriptor
from nas.tasks import get_task

FIVE = ["C sigma 15", "C sigma 25", "C sigma 50", "rain", "haze"]


class Same(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("same")

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture
def data(tmp_path: Path) -> Path:
    image = np.random.default_rng(0).integers(60, 160, (33, 40, 3)).astype(np.uint8)
    root = tmp_path / "data"
    write_image(root / "C/HR/a.png", image)
    for folder in ("rain/test/norain", "haze/test/clear"):
        write_image(root / folder / "x.png", image)
    write_image(root / "rain/test/rain/x.png", image + 20)
    write_image(root / "haze/test/hazy/x.png", image + 60)
    return root


def test_a_row_for_each_degradation_and_one_for_the_mean(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    rows = evaluate("identity", "all_in_one", ["C", "rain", "haze"], data, out, with_costs=False)
    assert [r.set for r in rows] == [*FIVE, "average"]
    psnr = [r.psnr or 0.0 for r in rows]
    assert psnr[0] > psnr[1] > psnr[2]
    assert psnr[3] == pytest.approx(20 * np.log10(255 / 20)) and psnr[4] == pytest.approx(20 * np.log10(255 / 60))
    assert psnr[5] == pytest.approx(np.mean(psnr[:5]))
    assert rows[5].images == 5
    assert ["noise clipped" in r.protocol for r in rows[:5]] == [True] * 3 + [False] * 2
    assert rows[5].protocol.startswith("mean of 5 rows (C sigma 15; C sigma 25; C sigma 50; rain; haze)")
    assert not any("synthetic" in r.protocol for r in rows)
    assert read_rows(out) == rows
    later = evaluate("identity", "all_in_one", ["C", "rain", "haze"], data, out, with_costs=False, command="x")
    assert later == [*rows[:5], read_rows(out)[-1]]
    assert len(read_rows(out)) == 6


def test_images_at_hand_for_anything_are_tested_under_all_and_made_up_weather_is_labelled(data: Path) -> None:
    rows = evaluate(Same(), "all_in_one", "sample", with_costs=False, with_ssim=False)
    assert [r.set for r in rows] == [
        "sample sigma 15",
        "sample sigma 25",
        "sample sigma 50",
        "sample rain",
        "sample haze",
        "average",
    ]
    assert ["synthetic input" in r.protocol for r in rows] == [False] * 3 + [True] * 3


def test_dsrir_takes_rain_on_luma_and_the_rest_on_colour(data: Path) -> None:
    rows = evaluate("identity", "all_in_one", ["C", "rain", "haze"], data, protocol="dsrir", with_costs=False)
    assert [r.protocol.split(",")[0] for r in rows[:5]] == ["dsrir: RGB"] * 3 + ["dsrir: Y", "dsrir: RGB"]
    assert "truncated" in rows[0].protocol


def test_without_all_parts_there_is_no_mean(data: Path, tmp_path: Path) -> None:
    (data / "haze/test/hazy/x.png").write_bytes(b"")
    with pytest.raises(NasError, match=r"1 of 5 measurements failed: identity on haze"):
        evaluate("identity", "all_in_one", ["C", "rain", "haze"], data, tmp_path / "rows.csv", with_costs=False)
    assert [r.set for r in read_rows(tmp_path / "rows.csv")] == FIVE[:4]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("d/rain/train/rain", "rain"),
        ("d/train/hazy", "haze"),
        ("rainy", "rain"),
        ("noisy", "noise"),
        ("train/input", "other"),
    ],
)
def test_stored_pairs_are_known_by_their_folders(folder: str, kind: str) -> None:
    assert degradation_of(Pair("a", Path("t/a.png"), Path(folder) / "a.png")) == kind


def test_training_validates_each_degradation_and_means_over_them(data: Path) -> None:
    target, task = data / "C/HR/a.png", get_task("all_in_one")
    pairs = [Pair("n", target, degradation="noise"), Pair("m", target, degradation="sigma 25")]
    pairs.append(Pair("r", data / "rain/test/norain/x.png", data / "rain/test/rain/x.png"))
    assert {k: len(v) for k, v in by_degradation(pairs).items()} == {"noise": 2, "rain": 1}
    scores = validation_scores(Same(), pairs, task)
    assert set(scores) == {"psnr", "psnr_noise", "psnr_rain"}
    assert scores["psnr"] == pytest.approx((scores["psnr_noise"] + scores["psnr_rain"]) / 2)
    free = validation_scores(Same(), [Pair("f", target)], task)
    assert set(free) == {"psnr", "psnr_noise", "psnr_rain", "psnr_haze"}
    assert set(validation_scores(Same(), [Pair("f", target)], get_task("denoise_color_25"))) == {"psnr"}
