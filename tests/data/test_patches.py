"""Batches are a function of seed, stream and step: not of workers, caches or what was drawn before."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data import Pair, PatchSource, find_pairs, iterate_batches, load_clean, sample_pairs, split_pairs
from nas.errors import UsageError
from nas.images import write_image
from nas.registry import TASKS
from nas.tasks import get_task


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(4):
        coarse = rng.integers(0, 256, (10, 12 + number, 3))
        write_image(tmp_path / f"photos/{number}.png", np.kron(coarse, np.ones((5, 5, 1))).astype(np.uint8))
    return tmp_path / "photos"


def source(folder: Path, task: str = "sr_x2", **options: object) -> PatchSource:
    settings: dict[str, object] = {"patch": 24, "batch": 3, "seed": 1, **options}
    return PatchSource(find_pairs(folder, task), task, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TASKS.names())
def test_batches_have_the_promised_form(folder: Path, name: str) -> None:
    task = get_task(name)
    degraded, target = source(folder, name).batch(0)
    assert degraded.shape == (3, task.channels, 24 // task.scale, 24 // task.scale)
    assert target.shape == (3, task.channels, 24, 24)
    for tensor in (degraded, target):
        assert tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.isfinite().all()
    assert target.min() >= 0 and 1 < target.max() <= 255


@pytest.mark.parametrize("name", ["sr_x2", "sr_x3_dn", "denoise_gray_25", "all_in_one"])
def test_a_batch_depends_on_seed_stream_and_step_alone(folder: Path, name: str) -> None:
    one, two = source(folder, name), source(folder, name)
    for step in (7, 0, 3):
        one.batch(step)
    for a, b in zip(one.batch(5), two.batch(5), strict=True):
        assert torch.equal(a, b)
    for other in (source(folder, name, seed=2), source(folder, name, stream="architecture")):
        assert not torch.equal(other.batch(5)[1], two.batch(5)[1])
    assert not torch.equal(two.batch(5)[1], two.batch(6)[1])


@pytest.mark.parametrize("name", ["sr_x2", "denoise_color_25"])
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(folder: Path, name: str, workers: int) -> None:
    alone = list(iterate_batches(source(folder, name), 3, 9))
    helped = list(iterate_batches(source(folder, name), 3, 9, workers=workers))
    assert len(alone) == len(helped) == 6
    for (a, b), (c, d) in zip(alone, helped, strict=True):
        assert torch.equal(a, c) and torch.equal(b, d)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_loading_leaves_the_global_generator_alone(folder: Path, workers: int) -> None:
    """A search draws from it, and must find the same numbers whatever the number of workers, and after a resume."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    for _ in range(2):
        next(iterate_batches(source(folder), 0, 2, workers=workers))
    assert torch.equal(torch.get_rng_state(), before)


def test_endless_batches_begin_where_asked(folder: Path) -> None:
    made = source(folder)
    for workers in (0, 1):
        for step, (_, target) in enumerate(islice(iterate_batches(source(folder), 4, workers=workers), 3), start=4):
            assert torch.equal(target, made.batch(step)[1])
    with pytest.raises(UsageError, match="negative"):
        next(iterate_batches(made, 0, 5, workers=-1))


def test_degraded_patches_are_cut_from_the_whole_degraded_image(folder: Path) -> None:
    made = source(folder, augment=False, batch=8)
    wholes = [(load_clean(p, "sr_x2")[0], get_task("sr_x2").degrade(load_clean(p, "sr_x2")[0])) for p in made.pairs]
    for degraded, target in zip(*made.batch(2), strict=True):
        found = False
        for clean, low in wholes:
            for top in range(low.shape[0] - 11):
                for left in range(low.shape[1] - 11):
                    if np.array_equal(low[top : top + 12, left : left + 12], degraded.numpy().transpose(1, 2, 0)):
                        cut = clean[2 * top : 2 * top + 24, 2 * left : 2 * left + 24]
                        found |= np.array_equal(cut, target.numpy().transpose(1, 2, 0))
        assert found


def test_augmentation_turns_both_images_alike(folder: Path) -> None:
    """Every one of the eight symmetries occurs, and shrinking the target still gives the inner input."""
    pairs = find_pairs(folder, "sr_x2")[:1]
    turned = PatchSource(pairs, "sr_x2", patch=40, batch=64, seed=0)
    degraded, target = turned.batch(0)
    pooled = torch.nn.functional.avg_pool2d(target, 2)
    assert (pooled - degraded)[:, :, 4:-4, 4:-4].abs().mean() < 8
    wrong = (pooled.flip(3) - degraded)[:, :, 4:-4, 4:-4].abs().mean()
    assert wrong > 20
    whole = PatchSource(pairs, "sr_x2", patch=48, batch=64, seed=0).batch(0)[1]
    straight = PatchSource(pairs, "sr_x2", patch=48, batch=64, seed=0, augment=False).batch(0)[1]
    symmetries = set()
    for a, b in zip(whole, straight, strict=True):
        for code in range(8):
            c = b.flip(2) if code & 1 else b
            c = c.flip(1) if code & 2 else c
            c = c.transpose(1, 2) if code & 4 else c
            if torch.equal(a, c):
                symmetries.add(code)
    assert symmetries == set(range(8))


def test_the_last_origin_is_drawn_and_an_exact_fit_works(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(10, dtype=np.uint8), (8, 1))
    write_image(tmp_path / "r.png", ramp)
    pairs = find_pairs(tmp_path, "denoise_gray_25")
    target = PatchSource(pairs, "denoise_gray_25", patch=8, batch=64, augment=False).batch(0)[1]
    assert set(target[:, 0, 0, 0].tolist()) == {0.0, 1.0, 2.0}


def test_the_disk_cache_gives_the_same_batches_and_leaves_the_source_alone(folder: Path, tmp_path: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*")}
    plain, cached = source(folder), source(folder, cache=tmp_path / "cache")
    for step in range(3):
        for a, b in zip(plain.batch(step), cached.batch(step), strict=True):
            assert torch.equal(a, b)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*")} == before
    clean = cached.images(0)[0]
    assert clean.dtype == np.uint8 and not clean.flags.owndata and not clean.flags.writeable
    for wrong in (folder, folder.parent):
        with pytest.raises(UsageError, match="choose another"):
            source(folder, cache=wrong).batch(0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed by Linux only")
def test_a_cached_set_of_any_size_keeps_no_file_open(folder: Path, tmp_path: Path) -> None:
    cached = source(folder, cache=tmp_path / "cache")
    cached.prepare()
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [link for link in links if link.readlink().suffix == ".npy"]
    assert cached.batch(0)[0].shape[0] == cached.batch_size


def test_a_damaged_cache_entry_is_made_again(folder: Path, tmp_path: Path) -> None:
    expected = source(folder, cache=tmp_path / "cache").batch(0)
    for file in (tmp_path / "cache").glob("*.npy"):
        data = bytearray(file.read_bytes())
        data[-1] ^= 255
        file.write_bytes(bytes(data))
    again = source(folder, cache=tmp_path / "cache").batch(0)
    assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))


def test_a_changed_image_is_not_taken_from_the_cache(folder: Path, tmp_path: Path) -> None:
    old = source(folder, cache=tmp_path / "cache").batch(0)[1]
    for file in folder.iterdir():
        write_image(file, np.zeros((60, 70, 3), np.uint8))
    new = source(folder, cache=tmp_path / "cache").batch(0)[1]
    assert old.max() > 0 and new.max() == 0


def test_real_pairs_are_used_as_they_are(tmp_path: Path) -> None:
    clean = np.random.default_rng(0).integers(0, 200, (32, 32, 3)).astype(np.uint8)
    write_image(tmp_path / "norain/a.png", clean)
    write_image(tmp_path / "rain/a.png", clean + 9)
    degraded, target = PatchSource(find_pairs(tmp_path, "derain"), "derain", patch=16, batch=4).batch(0)
    assert torch.equal(degraded, target + 9)


def test_noise_is_new_in_every_step_on_the_same_image(folder: Path) -> None:
    made = source(folder, "denoise_gray_25", batch=16)
    noise = [made.batch(s)[0] - made.batch(s)[1] for s in (0, 1)]
    assert abs(noise[0].std() - 25) < 1.5
    assert (noise[0] - noise[1]).std() > 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patch": 25}, "multiple of scale 2"),
        ({"patch": 64}, r"0\.png.*too small for patch 64"),
        ({"batch": 0}, "empty"),
    ],
)
def test_impossible_patches_are_refused_at_once(folder: Path, options: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        source(folder, **options)


def test_a_grey_image_is_refused_for_training_on_colour(tmp_path: Path) -> None:
    write_image(tmp_path / "grey.png", np.zeros((48, 48), np.uint8))
    pairs = find_pairs(tmp_path, "sr_x2")
    with pytest.raises(UsageError, match=r"grey\.png.*colour"):
        PatchSource(pairs, "sr_x2", patch=24, batch=1)
    assert PatchSource(find_pairs(tmp_path, "jpeg_q10"), "jpeg_q10", patch=24, batch=1).batch(0)[1].shape[1] == 1


def test_the_sample_set_trains(tmp_path: Path) -> None:
    made = PatchSource(sample_pairs("train", "sr_x2"), "sr_x2", patch=96, batch=4, cache=tmp_path)
    degraded, target = made.batch(0)
    assert (torch.nn.functional.avg_pool2d(target, 2) - degraded).abs().mean() < 10


def many(count: int) -> list[Pair]:
    return [Pair(f"{i:03d}", Path(f"{i:03d}.png")) for i in range(count)]


@pytest.mark.parametrize("count", [3, 4, 10, 91, 800])
@pytest.mark.parametrize("seed", [0, 1])
def test_split_is_disjoint_complete_and_near_the_shares(count: int, seed: int) -> None:
    parts = split_pairs(many(count), seed)
    names = [p.name for part in parts.values() for p in part]
    assert sorted(names) == [p.name for p in many(count)]
    assert all(parts.values())
    for name, share in (("weights", 0.5), ("architecture", 0.4), ("validation", 0.1)):
        assert abs(len(parts[name]) - share * count) <= 2


def test_split_depends_on_the_seed_but_not_on_the_order() -> None:
    pairs = many(30)
    assert split_pairs(pairs, 5) == split_pairs(pairs[::-1], 5)
    assert split_pairs(pairs, 5) != split_pairs(pairs, 6)


def test_one_scene_in_several_degradations_stays_in_one_part() -> None:
    pairs = [Pair(f"{i}_{j}", Path(f"{i}.png"), Path(f"{i}_{j}.png")) for i in range(12) for j in range(4)]
    owner: dict[Path, str] = {}
    for name, part in split_pairs(pairs).items():
        for pair in part:
            assert owner.setdefault(pair.target, name) == name
    assert len(owner) == 12


def test_too_few_images_to_split_is_said() -> None:
    with pytest.raises(UsageError, match="2 images cannot be split into 3 parts"):
        split_pairs(many(2))
