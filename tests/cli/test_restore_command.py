"""``nas restore``: the pixels of ``nas evaluate``, by file, folder and from Python; how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

import baselines
import nas
from nas.images import imresize, read_image, write_image
from nas.models.weights import save_weights
from tests.cli.running import run, succeed

SHARED = Path(os.environ.get("NAS_SHARED", Path(__file__).parents[3] / "shared"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    model = baselines.create("jsnet", layers=1, C=8)
    save_weights(path, model, kind="baseline", task="sr_x2")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    photo = np.ascontiguousarray(skimage.data.astronaut()[60:108, 100:164])
    for index, clean in enumerate((photo, photo[:30], photo[:, ::-1])):
        write_image(root / f"Mine/HR/{index}.png", np.ascontiguousarray(clean))
        write_image(root / f"Mine/LR_bicubic/X2/{index}x2.png", imresize(np.ascontiguousarray(clean), 1 / 2))
    return root


def compare(capsys: pytest.CaptureFixture[str], weights: Path, data: Path, tmp_path: Path, name: str) -> None:
    succeed(
        capsys, "evaluate", weights, "--task", "sr_x2", "--sets", name, "--data", data, "--out", tmp_path / "rows.csv", "--save-images", tmp_path / "saved",
    )  # fmt: skip
    inputs = data / name / "LR_bicubic/X2"
    out = succeed(capsys, "restore", weights, inputs, "--out", tmp_path / "folder")
    assert out.splitlines()[-1] == f"wrote {tmp_path / 'folder'}"
    succeed(capsys, "restore", weights.parent, *inputs.iterdir(), "--out", tmp_path / "files")
    network = nas.load(weights)
    saved = sorted((tmp_path / "saved/jsnet/sr_x2" / name).glob("*.png"))
    assert len(saved) == len(list(inputs.iterdir()))
    for path in saved:
        wanted, given = read_image(path), f"{path.stem}x2.png"
        np.testing.assert_array_equal(read_image(tmp_path / "folder" / given), wanted)
        np.testing.assert_array_equal(read_image(tmp_path / "files" / given), wanted)
        np.testing.assert_array_equal(nas.restore(network, inputs / given), wanted)


def test_the_pixels_are_those_of_evaluation(
    weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(capsys, weights, data, tmp_path, "Mine")


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "data/benchmarks/Set5").is_dir(), reason="the reference data are not here")
def test_the_released_weights_restore_images_of_set5_as_they_are_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "run/weights.safetensors"
    weights.parent.mkdir()
    succeed(
        capsys, "import", "jsnet", SHARED / "checkpoints/jsnet_x2_model_best.pt", "--task", "sr_x2", "--out", weights
    )
    for side, name in (("HR", "butterfly.png"), ("LR_bicubic/X2", "butterflyx2.png")):  # the smallest
        folder = tmp_path / "data/Set5" / side
        folder.mkdir(parents=True)
        (folder / name).symlink_to(SHARED / "data/benchmarks/Set5" / side / name)
    compare(capsys, weights, tmp_path / "data", tmp_path, "Set5")


def test_a_damaged_file_ends_it_with_1_and_its_name_and_the_second_time_only_that_is_tried(
    weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.png").write_bytes((data / "Mine/HR/0.png").read_bytes()[:100])
    words = ("restore", weights, data / "Mine/HR", tmp_path / "bad.png", "--out", tmp_path / "out")
    first = run(capsys, *words)
    assert first.code == 1 and "1 of 4 files could not be restored" in first.err and "bad.png" in first.err
    assert "3 restored in" in first.out and "images/s" in first.out
    again = run(capsys, *words)
    assert again.code == 1 and "3 were there already" in again.out and "1 of 1" in again.err


@pytest.mark.parametrize("format", ["png", "jpg", "webp"])
def test_formats_and_other_ways_to_restore(
    format: str, weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = {"png": ("--tile", 16, "--ensemble"), "jpg": ("--dtype", "bfloat16"), "webp": ("--batch", 2, "--plain")}
    succeed(
        capsys, "restore", weights, data / "Mine/LR_bicubic/X2", "--out", tmp_path / "out", "--format", format, *how[format]
    )  # fmt: skip
    made = sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in made] == [f".{format}"] * 3
    assert read_image(made[0]).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("W", "absent.png", "--out", "O"), "does not exist"),
        (("absent.safetensors", "D", "--out", "O"), "does not exist"),
        (("W", "D", "--out", "D"), "would replace the input"),
        (("W", "D", "--out", "W"), "is a file"),
        (("W", "D", "--out", "O", "--format", "gif"), "unknown format"),
        (("W", "D", "--out", "O", "--tile", "some"), "--tile"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(
    words: tuple[str, ...], told: str, weights: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meant = {"W": weights, "D": data / "Mine/HR", "O": tmp_path / "out"}
    outcome = run(capsys, "restore", *(meant.get(word, word) for word in words))
    assert outcome.code == 2 and told in outcome.err and not (tmp_path / "out").exists()


def test_finished_images_are_scored_by_the_command(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean = data / "Mine/HR"
    words = ("evaluate", "--pairs", f"mine={clean}", clean, "--task", "sr_x2", "--out", tmp_path / "rows.csv")
    assert "mine" in succeed(capsys, *words)
    for surplus, told in ((("bicubic",), "leave 'bicubic' out"), (("--sets", "a", "b"), "one row")):
        outcome = run(capsys, *words, *surplus)
        assert outcome.code == 2 and told in outcome.err
    outcome = run(capsys, *words[:4], "--out", tmp_path / "rows.csv")
    assert outcome.code == 2 and "--task" in outcome.err
