"""Lists of pairs and side-by-side files: looked over before training, prepared, and trained on the right way round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.cli import main
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data import find_pairs, load_pair
from nas.data.check import check_folder
from nas.data.prepare import prepare_folder
from nas.errors import UsageError
from nas.images import write_image
from nas.tasks import get_task
from nas.train.training_data import open_training_data


def scene(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 200, (4, 5, 3))
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


def worse(task: str, seed: int) -> np.ndarray:
    return get_task(task).degrade(scene(seed), np.random.default_rng(seed))


def halves(folder: Path, task: str, clean: str) -> Path:
    for seed in range(5):
        both = [scene(seed), worse(task, seed)]
        write_image(folder / f"{seed}.png", np.concatenate(both if clean == "left" else both[::-1], axis=1))
    return folder


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    for seed in range(3):
        write_image(tmp_path / f"a/{seed}.png", scene(seed))
        write_image(tmp_path / f"b/{seed}.png", worse("derain", seed))
    file = tmp_path / "pairs.csv"
    file.write_text("target , degraded\n" + "".join(f"a/{i}.png , b/{i}.png\n" for i in range(3)))
    return file


@pytest.mark.parametrize("task", ["derain", "dehaze"])
@pytest.mark.parametrize("clean", ["left", "right"])
def test_halves_taken_the_wrong_way_round_are_a_warning(task: str, clean: str, tmp_path: Path) -> None:
    other = {"left": "right", "right": "left"}[clean]
    folder = halves(tmp_path / "side", task, clean)
    right, wrong = (check_folder(folder, task, half) for half in (clean, other))
    assert right.ok and right.pairs == 5 and f"the {clean} halves" in right.to_text()
    assert not wrong.ok and f"say --clean-half {clean}" in wrong.to_text()


def test_training_and_preparing_take_the_half_that_was_said(tmp_path: Path) -> None:
    folder = halves(tmp_path / "side", "derain", "right")
    settings = build(
        RetrainSettings, None, ["data.clean_half=right"], task="derain", data__path=[str(folder)], data__patch=16
    )
    pair = open_training_data(settings, get_task("derain"), {"weights": 1.0}).parts["weights"][0]
    np.testing.assert_array_equal(load_pair(pair, "derain").target, scene(int(pair.name)))
    prepare_folder(folder, "derain", tmp_path / "out", sub_image=None, clean_half="right", cache=False)
    for pair in find_pairs(tmp_path / "out", "derain"):
        np.testing.assert_array_equal(load_pair(pair, "derain").target, scene(int(pair.name)))
    with pytest.raises(UsageError, match="other settings"):
        prepare_folder(folder, "derain", tmp_path / "out", sub_image=None, cache=False)
    with pytest.raises(UsageError, match="'left' or 'right', not 'up'"):
        find_pairs(folder, "derain", clean_half="up")


def test_a_list_is_looked_over_line_by_line(listing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = check_folder(listing, "derain")
    assert report.ok and (report.images, report.pairs, report.layout) == (6, 3, "list")
    with listing.open("a") as stream:
        stream.write("a/0.png , gone.png\nlost.png , b/0.png\na/1.png,b/1.png,2,3\na/2.png\n")
    (listing.parent / "b/2.png").write_bytes(b"")
    with pytest.raises(SystemExit) as ended:
        main(["data", "check", str(listing), "--task", "derain"])
    out = capsys.readouterr().out
    assert ended.value.code == 1
    for words in ("line 5: no image", "line 6: no image", "line 7: expected", "b/2.png' is empty", "synthetic"):
        assert words in out
    assert check_folder(listing, "derain").pairs == 3  # lines 2, 3 and the synthetic one of 8
    with pytest.raises(UsageError, match="for which task"):
        check_folder(listing)


def test_a_list_is_prepared_unless_two_rows_share_a_name(listing: Path, tmp_path: Path) -> None:
    made = prepare_folder(listing, "derain", tmp_path / "out", sub_image=None, cache=False)
    assert made.images == 3
    listing.write_text("a/0.png , b/0.png , 2\n")
    with pytest.raises(UsageError, match="under one name"):
        prepare_folder(listing, "derain", tmp_path / "other", cache=False)
    write_image(tmp_path / "plain/x/y.png", scene(0))
    write_image(tmp_path / "plain/x_y.png", scene(1))
    with pytest.raises(UsageError, match="under one name"):
        prepare_folder(tmp_path / "plain", "sr_x2", tmp_path / "third", cache=False)
