"""Prepared sets follow their source, keep what is known of it, and never share a picture between parts."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.data import Pair, PatchSource, find_pairs, load_pair, split_pairs
from nas.data.prepare import prepare_folder
from nas.data.prepared_record import RECORD
from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.tasks import get_task
from nas.train.training_data import open_training_data


def photo(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photographs of different sizes, so that they come in 6 to 28 pieces of 16 pixels."""
    for seed in range(12):
        write_image(tmp_path / f"in/{seed:02d}.png", photo(seed, 24 + 4 * (seed % 4), 32 + 8 * (seed % 3)))
    return tmp_path / "in"


def pieces(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*.png"))}


def make_old(out: Path) -> None:
    """Turn the record into one of the form it had before sources were noted."""
    lines = [json.loads(line) for line in (out / RECORD).read_text().splitlines()]
    for number, line in enumerate(lines[1:]):
        del line["source"]
        line["image"] = f"{number:06d}_{line['image']}"
    (out / RECORD).write_text("".join(json.dumps(line) + "\n" for line in lines))


def taken(folder: Path, count: int, seed: int) -> dict[str, set[str]]:
    """The photographs of each part of a search on ``folder`` that validates on ``count`` images."""
    settings = build(
        SearchSettings,
        None,
        [],
        task="sr_x2",
        data__path=[str(folder)],
        data__patch=16,
        data__validation=count,
        data__split_seed=seed,
    )
    data = open_training_data(settings, get_task("sr_x2"), {"weights": 0.5, "architecture": 0.5})
    assert abs(len(data.parts["validation"]) - count) <= 14  # half the pieces of the largest
    return {part: {name.split("_s")[0] for name in names} for part, names in data.names.items()}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_no_photograph_has_pieces_in_two_parts(photos: Path, tmp_path: Path, seed: int, old: bool) -> None:
    prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    if old:
        make_old(tmp_path / "out")
    parts = taken(tmp_path / "out", 20, seed)
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 12
    assert all(parts.values())


def test_pieces_in_a_record_not_yet_written_stay_together(photos: Path, tmp_path: Path) -> None:
    prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    lines = (tmp_path / "out" / RECORD).read_text().splitlines(keepends=True)
    (tmp_path / "out" / RECORD).write_text("".join(lines[:-4]) + lines[-4][:30])
    parts = taken(tmp_path / "out", 20, 0)
    assert sum(map(len, parts.values())) == 12


def test_a_photograph_stays_with_its_pieces(photos: Path, tmp_path: Path) -> None:
    prepare_folder(photos, "denoise_color_25", tmp_path / "out", sub_image=16, cache=False)
    pairs = find_pairs(photos, "denoise_color_25") + find_pairs(tmp_path / "out", "denoise_color_25")
    parts = split_pairs(pairs)
    names = [{p.name.split("_s")[0] for p in part} for part in parts.values()]
    assert sum(map(len, names)) == 12 and sum(map(len, parts.values())) == len(pairs)


@pytest.mark.parametrize("sub_image", [None, 16])
def test_scenes_stored_in_several_degradations_stay_together(tmp_path: Path, sub_image: int | None) -> None:
    for seed in range(6):
        write_image(tmp_path / f"in/clear/{seed}.png", photo(seed, 24, 24))
        for level in range(3):
            write_image(tmp_path / f"in/hazy/{seed}_{level}.png", photo(100 + 10 * seed + level, 24, 24))
    prepare_folder(tmp_path / "in", "dehaze", tmp_path / "out", sub_image=sub_image, cache=False)
    for seed in range(3):
        parts = split_pairs(find_pairs(tmp_path / "out", "dehaze"), seed)
        scenes = [{p.name.split("_")[0] for p in part} for part in parts.values()]
        assert sum(map(len, scenes)) == len(set().union(*scenes)) == 6


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [1, 10, 100, 400])
def test_parts_are_about_as_large_as_asked(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(4, 40, size=60)
    pairs = [Pair(f"{i}_{n}", Path(f"{i}_{n}"), source=str(i)) for i, size in enumerate(sizes) for n in range(size)]
    parts = split_pairs(pairs, seed, {"validation": count, "training": len(pairs) - count})
    assert Counter(p.name for part in parts.values() for p in part) == Counter(p.name for p in pairs)
    assert abs(len(parts["validation"]) - count) <= 20  # half the largest picture
    assert parts == split_pairs(pairs[::-1], seed, {"validation": count, "training": len(pairs) - count})
    three = split_pairs(pairs, seed)
    for part, share in {"weights": 0.5, "architecture": 0.4, "validation": 0.1}.items():
        assert abs(len(three[part]) - share * len(pairs)) <= 40


def test_each_part_has_a_picture_even_when_one_asks_for_all() -> None:
    pairs = [Pair(f"{i}_{n}", Path(f"{i}_{n}"), source=str(i)) for i in range(3) for n in range(10)]
    parts = split_pairs(pairs, 0, {"a": 1, "b": 100, "c": 99})
    assert sorted(map(len, parts.values())) == [10, 10, 10]
    with pytest.raises(UsageError, match=r"pieces of 3 pictures .* 4 parts"):
        split_pairs(pairs, 0, dict.fromkeys("abcd", 1.0))


def test_sets_without_pieces_are_split_as_ever() -> None:
    names = [f"{i:02d}" for i in range(20)]
    plain = split_pairs([Pair(n, Path(n)) for n in names], 3)
    assert [p.name for p in plain["validation"]] == ["10", "12", "13"]
    assert [p.name for p in plain["architecture"]] == ["00", "01", "02", "03", "05", "06", "09", "18"]
    whole = split_pairs([Pair(n, Path(n), source=f"/in/{n}") for n in names], 3)
    assert {k: [p.name for p in v] for k, v in whole.items()} == {k: [p.name for p in v] for k, v in plain.items()}


def test_pieces_of_a_removed_or_changed_image_go_and_no_other_is_made_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    before = pieces(out)
    (photos / "00.png").unlink()
    write_image(photos / "05.png", photo(5, 16, 16))
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 1
    after = pieces(out)
    assert {n for n in after if "/05" in n} == {"HR/05_s000.png", "LR_bicubic/X2/05_s000x2.png"}
    assert {n: b for n, b in after.items() if "/05" not in n} == {
        n: b for n, b in before.items() if "/05" not in n and "/00" not in n
    }
    prepare_folder(photos, "sr_x2", tmp_path / "fresh", sub_image=16, cache=False)
    assert after == pieces(tmp_path / "fresh")
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 0
    assert len((out / RECORD).read_text().splitlines()) == 12  # settings and eleven images


def test_an_older_record_is_read_and_brought_up_to_date(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    record = (out / RECORD).read_text()
    make_old(out)
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 0
    assert (out / RECORD).read_text() == record
    make_old(out)
    (photos / "03.png").unlink()
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 0
    assert len({n.split("_s")[0] for n in pieces(out) if n.startswith("HR")}) == 11


def test_a_piece_changed_by_someone_else_is_not_deleted(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    before = pieces(out)
    write_image(out / "HR/00_s001.png", photo(99, 16, 16))
    (photos / "00.png").unlink()
    with pytest.raises(NasError, match=r"00_s001\.png' .* was changed since"):
        prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    assert pieces(out).keys() == before.keys()
    (out / "HR/00_s001.png").unlink()
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    assert not [n for n in pieces(out) if "/00" in n]


def test_a_set_of_another_source_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "other/z.png", photo(50))
    prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    before = pieces(tmp_path / "out")
    with pytest.raises(UsageError, match="from other images"):
        prepare_folder(tmp_path / "other", "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    assert pieces(tmp_path / "out") == before
    for file in photos.iterdir():  # ... but the images of one source may all be replaced
        file.unlink()
    write_image(photos / "z.png", photo(50))
    prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    assert {n.split("_s")[0] for n in pieces(tmp_path / "out") if n.startswith("HR")} == {"HR/z"}


def test_clean_images_that_get_stored_partners_leave_no_folder_behind(tmp_path: Path) -> None:
    write_image(tmp_path / "in/clean/a.png", photo(0))
    prepare_folder(tmp_path / "in", "derain", tmp_path / "out", sub_image=None, cache=False)
    write_image(tmp_path / "in/rain/a.png", photo(1))
    (tmp_path / "in/clean").rename(tmp_path / "in/norain")
    prepare_folder(tmp_path / "in", "derain", tmp_path / "out", sub_image=None, cache=False)
    assert set(pieces(tmp_path / "out")) == {"input/a.png", "target/a.png"}
    assert [p.stored for p in find_pairs(tmp_path / "out", "derain")] == [True]


def test_two_names_of_one_file_are_two_images(photos: Path, tmp_path: Path) -> None:
    (photos / "twin.png").symlink_to(photos / "00.png")
    first = prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=None, cache=False)
    again = prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=None, cache=False)
    assert (first.images, first.made, again.images, again.made) == (13, 13, 13, 0)
    make_old(tmp_path / "out")
    lines = (tmp_path / "out" / RECORD).read_text()
    (tmp_path / "out" / RECORD).write_text(lines.replace("_twin", ""))
    assert prepare_folder(photos, "sr_x2", tmp_path / "out", sub_image=None, cache=False).images == 13


def test_pieces_that_no_record_names_are_pointed_out(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "denoise_color_25", out, sub_image=16, cache=False)
    write_image(out / "HR/mine.png", photo(0))
    with pytest.raises(NasError, match=r"1 images .*mine\.png'.*remove them"):
        prepare_folder(photos, "denoise_color_25", out, sub_image=16, cache=False)


def test_noise_of_a_list_for_the_mixture_is_noise_after_preparing(tmp_path: Path) -> None:
    for seed in range(3):
        write_image(tmp_path / f"{seed}.png", photo(seed))
    listing = tmp_path / "list.csv"
    listing.write_text("".join(f"{i}.png,{i}.png\n" for i in range(3)))
    assert {p.degradation for p in find_pairs(listing, "all_in_one")} == {"noise"}
    out = tmp_path.parent / f"{tmp_path.name}-out"
    prepare_folder(listing, "all_in_one", out, sub_image=16, cache=True)
    pairs = find_pairs(out, "all_in_one")
    assert {p.degradation for p in pairs} == {"noise"}
    assert {p.degradation for p in find_pairs(out, "denoise_color_25")} == {""}
    assert {p.degradation for p in find_pairs(out / "HR", "all_in_one")} == {"noise"}
    source = PatchSource(pairs, "all_in_one", patch=16, batch=32, cache=out / "cache")
    degraded, target = source.batch(0)
    means = (degraded - target).mean(dim=(1, 2, 3)).abs()
    assert float(means.max()) < 8  # rain and haze only brighten
    assert not load_pair(pairs[0], "all_in_one").synthetic


def test_the_same_images_prepared_for_other_degradations_follow_their_source(tmp_path: Path) -> None:
    write_image(tmp_path / "in/0.png", photo(0))
    (tmp_path / "in/list.csv").write_text("0.png,0.png\n")
    out = tmp_path / "out"
    prepare_folder(tmp_path / "in", "all_in_one", out, sub_image=16, cache=False)
    assert {p.degradation for p in find_pairs(out, "all_in_one")} == {""}
    assert prepare_folder(tmp_path / "in/list.csv", "all_in_one", out, sub_image=16, cache=False).made == 0
    assert {p.degradation for p in find_pairs(out, "all_in_one")} == {"noise"}


@pytest.mark.parametrize("length", [0, 1, 14, 40])
def test_a_process_killed_in_the_first_line_leaves_a_folder_that_can_be_used(
    photos: Path, tmp_path: Path, length: int
) -> None:
    prepare_folder(photos, "sr_x2", tmp_path / "fresh", sub_image=16, cache=False)
    out = tmp_path / "out"
    out.mkdir()
    (out / RECORD).write_text((tmp_path / "fresh" / RECORD).read_text()[:length])
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 12
    assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 0
    assert pieces(out) == pieces(tmp_path / "fresh")
    assert (out / RECORD).read_text() == (tmp_path / "fresh" / RECORD).read_text()


def test_images_without_settings_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    lines = (out / RECORD).read_text().splitlines(keepends=True)
    for text in ("".join(lines[1:]), lines[0][:20]):
        (out / RECORD).write_text(text)
        with pytest.raises(UsageError, match="choose another folder"):
            prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)


def test_the_image_after_a_line_half_written_is_not_lost(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False)
    whole = (out / RECORD).read_text()
    for end in (len(whole) - 30, len(whole) - 1):  # in the middle of the line, and just before its end
        (out / RECORD).write_text(whole[:end])
        os.utime(photos / "00.png")
        assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made in (1, 2)
        assert prepare_folder(photos, "sr_x2", out, sub_image=16, cache=False).made == 0


def test_a_set_of_one_photograph_trains_without_validation(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png", photo(0))
    prepare_folder(tmp_path / "in", "sr_x2", tmp_path / "out", sub_image=16, cache=False)
    words = {"task": "sr_x2", "data__path": [str(tmp_path / "out")], "data__patch": 16}
    none = open_training_data(
        build(RetrainSettings, None, [], **words, data__validation=0), get_task("sr_x2"), {"weights": 1.0}
    )
    assert len(none.parts["weights"]) > 1
    with pytest.raises(UsageError, match="1 picture cannot be split"):
        open_training_data(
            build(RetrainSettings, None, [], **words, data__validation=2), get_task("sr_x2"), {"weights": 1.0}
        )


def test_a_list_that_leads_out_of_its_folder_is_prepared_whole(tmp_path: Path) -> None:
    source, lists = tmp_path / "source", tmp_path / "lists"
    lists.mkdir()
    for name in ("a", "b"):
        write_image(source / f"{name}.png", np.full((32, 32, 3), 90, dtype=np.uint8))
    (lists / "pairs.csv").write_text("../source/a.png\n../source/b.png\n")
    for made in (2, 0):
        prepared = prepare_folder(lists / "pairs.csv", "sr_x2", tmp_path / "out", sub_image=16, cache=False)
        assert prepared.made == made and prepared.images == 18
    assert not [p for p in (tmp_path / "out").rglob("*.png") if p.name.startswith(".")]
