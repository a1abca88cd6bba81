"""``nas compare --crops``: scenes from models or from saved images, regions, error maps, wrong use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.cli import main
from nas.errors import UsageError
from nas.evaluation.harness import evaluate
from nas.images import write_image
from nas.report.figures.crops import CropOptions, crop_figure
from nas.report.figures.regions import interesting_regions, parse_region
from nas.report.scenes import scenes_from_images, scenes_from_models


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    for name in ("one", "two", "three"):
        write_image(root / "Mini" / "HR" / f"{name}.png", rng.integers(0, 256, (96, 80, 3), dtype=np.uint8))
    return root


def run(*words: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["compare", *words])
    assert ended.value.code == code


def test_models_are_drawn_with_their_crops(benchmarks: Path, tmp_path: Path) -> None:
    run(
        "--crops",
        "bicubic",
        "again=bicubic",
        "--task",
        "sr_x2",
        "--sets",
        "Mini",
        "--data",
        str(benchmarks),
        "--picture",
        "two",
        "--region",
        "4,8,32,24",
        "--error-maps",
        "--dpi",
        "60",
        "--out",
        str(tmp_path),
    )
    assert {p.name for p in tmp_path.iterdir()} == {f"crops_sr_x2_Mini_two.{k}" for k in ("pdf", "svg", "png")}


def test_saved_images_carry_their_truth_and_give_the_same_scenes(benchmarks: Path, tmp_path: Path) -> None:
    evaluate(["bicubic"], "sr_x2", ["Mini"], benchmarks, save_images=tmp_path, with_costs=False)
    saved = scenes_from_images(tmp_path, wanted=["one"])[0]
    fresh = scenes_from_models(["bicubic"], "sr_x2", ["Mini"], benchmarks, wanted=["Mini/one"])[0]
    assert saved.name == fresh.name == "Mini/one" and list(saved.restored) == ["bicubic"]
    for a, b in ((saved.target, fresh.target), (saved.degraded, fresh.degraded)):
        assert np.array_equal(a, b)
    assert np.array_equal(saved.restored["bicubic"], fresh.restored["bicubic"])


def test_images_without_their_truth_take_it_from_the_benchmark_or_say_so(benchmarks: Path, tmp_path: Path) -> None:
    image = np.zeros((96, 80, 3), dtype=np.uint8)
    write_image(tmp_path / "net" / "sr_x2" / "Mini" / "one.png", image)
    scene = scenes_from_images(tmp_path, data=benchmarks)[0]
    assert scene.target.shape == (96, 80, 3) and scene.degraded.shape == (48, 40, 3)
    with pytest.raises(UsageError, match="--data"):
        scenes_from_images(tmp_path)
    with pytest.raises(UsageError, match="no images of sr_x4"):
        scenes_from_images(tmp_path, "sr_x4")


def test_grey_tasks_compare_grey_images(benchmarks: Path) -> None:
    scene = scenes_from_models(["identity"], "denoise_gray_30", ["Mini"], benchmarks, most=1)[0]
    assert scene.target.ndim == scene.degraded.ndim == scene.restored["identity"].ndim == 2
    figure = crop_figure(scene.target, scene.degraded, scene.restored, options=CropOptions(error_maps=True))
    assert len(figure.axes) == 1 + 3 + 2 + 1, "thumbnail, three crops, error maps of degraded and model, colour bar"


def test_scenes_take_the_sets_in_turn_and_unknown_names_get_a_hint(benchmarks: Path) -> None:
    scenes = scenes_from_models(["bicubic"], "sr_x2", ["Mini"], benchmarks, most=2)
    assert len(scenes) == 2
    with pytest.raises(UsageError, match="did you mean 'three'"):
        scenes_from_models(["bicubic"], "sr_x2", ["Mini"], benchmarks, wanted=["thre"])


def test_several_regions_do_not_overlap_and_are_the_same_every_time() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = interesting_regions(truth, {"a": 255 - truth, "b": truth}, 16, 3)
    assert found == interesting_regions(truth, {"a": 255 - truth, "b": truth}, 16, 3)
    assert len(found) == 3
    for i, a in enumerate(found):
        assert all(abs(a[0] - b[0]) >= 16 or abs(a[1] - b[1]) >= 16 for b in found[:i])
    assert len(interesting_regions(truth, {"a": truth}, 60, 5)) == 1, "there is space for one"


def test_the_best_model_stands_in_bold_and_its_error_map_is_darkest() -> None:
    truth = np.full((40, 40), 100, dtype=np.uint8)
    outputs = {"good": truth + 1, "bad": truth + 20}
    figure = crop_figure(truth, truth + 40, outputs, [(0, 0, 16, 16)], CropOptions(error_maps=True, luma=False))
    under = {a.get_xlabel().split("\n")[0]: a for a in figure.axes if a.get_xlabel()}
    weights = [under[name].xaxis.label.get_fontweight() for name in ("good", "bad")]
    assert weights == ["bold", "normal"]
    means = {name: float(under[name].images[0].get_array().mean()) for name in ("degraded", "good", "bad")}
    assert means == {"degraded": 40.0, "good": 1.0, "bad": 20.0}


def test_regions_are_read_as_x_y_w_h() -> None:
    assert parse_region("120, 40,64,32") == (40, 120, 32, 64)
    with pytest.raises(UsageError, match="x,y,w,h"):
        parse_region("1,2,3")


@pytest.mark.parametrize(
    "words",
    [
        ["bicubic"],
        ["--error-maps"],
        ["--crops"],
        ["--crops", "bicubic", "--images", "there", "--task", "sr_x2"],
        ["--crops", "bicubic", "--task", "sr_x2", "--region", "0,0,9999,9999"],
    ],
)
def test_wrong_use_is_named(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(*words, "--out", str(tmp_path / "out"), code=2)
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("compare details of bicubic")]
    assert len(told) == 1 and told[0].startswith("nas: ")
