"""Folders of pairs under the names that people use are pairs, the right way round, or an error: never one flat set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.data import benchmark_set, find_pairs, judge, load_pair
from nas.data.check import check_folder
from nas.data.source import Source, sources
from nas.errors import NasError, UsageError
from nas.images import read_image, write_image
from tests.data.folders import NAMES, fill, low, picture

#: (clean images, inputs of half the size)
SUPER_RESOLUTION = [
    ("hr/{}", "lr/{}"),
    ("HR/{}", "LR/{}x2"),
    ("hq/{}", "lq/{}"),
    ("HQ/{}", "LQ/{}"),
    ("GT/{}", "LR/{}"),
    ("gt/{}", "lq/{}"),
    ("trainH/{}", "trainL/{}"),
    ("trainHR/{}", "trainLR/{}"),
    ("train_HR/{}", "train_LR/{}"),
    ("train/HR/{}", "train/LR/{}"),
    ("HR/train/{}", "LR/train/{}"),
    ("high/{}", "low/{}"),
    ("Target/{}", "Input/{}"),
    ("High_Resolution/{}", "Low_Resolution/{}"),
    ("ground_truth/{}", "inputs/{}"),
    ("HR_images/{}", "LR_images/{}"),
    ("HR/{}", "LR_bicubic/x2/{}x2"),
    ("HR/{}", "LR_bicubic/X2/{}"),
    ("HR/{}", "LRx2/{}"),
    ("HR/{}", "LR_x2/{}_x2"),
    ("HR/{}", "X2/{}"),
    ("HR/{}", "x2/{}x2"),
    ("HR/x2/{}", "LR/x2/{}"),
    ("x2/HR/{}", "x2/LR/{}"),
    ("HRx2/{}", "LRx2/{}"),
    ("HR/{}", "LR/X2/{}"),
    ("HR/{}", "LR/2/{}"),
    ("HR/{}", "small/{}"),
    ("{}", "LR_bicubic/X2/{}x2"),
    ("{}", "x2/{}"),
    ("GTmod12/{}", "LRbicx2/{}"),
    ("original/{}", "LRbicx2/{}"),
    ("DIV2K_train_HR/{}", "DIV2K_train_LR_bicubic/X2/{}x2"),
    ("DIV2K_train_HR/{}", "DIV2K_train_LR_unknown/X2/{}x2"),
    ("DIV2K_train_HR/{}", "DIV2K_train_LR_mild/{}x2m"),
    ("DIV2K_train_HR/{}", "DIV2K_train_LR_wild/{}x2w1"),
    ("DIV2K_train_HR/{}", "DIV2K_train_LR_difficult/{}x2d"),
    ("DIV2K_train_HR_sub/{}_s001", "DIV2K_train_LR_bicubic/X2_sub/{}_s001"),
    ("DIV2K/DIV2K_train_HR/{}", "DIV2K/DIV2K_train_LR_bicubic/X2/{}x2"),
    ("Flickr2K_HR/{}", "Flickr2K_LR_bicubic/X2/{}x2"),
    ("DF2K_HR/{}", "DF2K_LR_bicubic/x2/{}"),
    ("train_sharp/000/{}", "train_sharp_bicubic/X2/000/{}"),
    ("image_SRF_2/img_{}_SRF_2_HR", "image_SRF_2/img_{}_SRF_2_LR"),
    ("HR/Set5/x2/{}_HR_x2", "LRBI/Set5/x2/{}_LRBI_x2"),
    ("Canon/Train/2/Canon_{}_HR", "Canon/Train/2/Canon_{}_LR2"),
    ("{}_HR", "{}_LR"),
    ("{}", "{}x2"),
    ("{}", "{}_LR"),
    ("{}_GT", "{}"),
    ("full/{}", "down/{}x2"),
    ("p/{}_hr", "q/{}_lr"),
    ("HR/{}.PNG", "LR/{}.png"),
    ("HR/{}.bmp", "LR/{}.png"),
]
#: (clean images, degraded images of the same size)
SAME_SIZE = [
    ("norain/{}", "rain/{}"),
    ("Clean/{}", "Rainy/{}"),
    ("NoRain/norain-{}", "Rain/rain-{}"),
    ("no_rain/{}", "rainy/{}"),
    ("rain_free/{}", "rain/{}"),
    ("gt/{}", "in/{}"),
    ("GT/{}", "Input/{}"),
    ("target/{}", "input/{}"),
    ("groundTruth/{}", "input/{}"),
    ("ground_truth/{}", "rainy_image/{}_1"),
    ("clear/{}", "hazy/{}_0.8_0.1"),
    ("clean/{}", "noisy/{}"),
    ("groundtruth/{}", "noisy/{}"),
    ("GT_SRGB_010/{}", "NOISY_SRGB_010/{}"),
    ("Data/{}_S6/{}_GT_SRGB_010", "Data/{}_S6/{}_NOISY_SRGB_010"),
    ("{}_S6_00100_L/GT_SRGB_010", "{}_S6_00100_L/NOISY_SRGB_010"),
    ("sharp/{}", "blur/{}"),
    ("train/GOPR0372/sharp/{}", "train/GOPR0372/blur/{}"),
    ("gt/{}_clean", "data/{}_rain"),
    ("hq/{}", "lq/{}"),
    ("our485/high/{}", "our485/low/{}"),
    ("original/{}", "degraded/{}"),
    ("labels/{}", "inputs/{}"),
    ("Rain100L/norain/norain-{}", "Rain100L/rainy/rain-{}"),
    ("# O-HAZY/GT/{}_outdoor_GT", "# O-HAZY/hazy/{}_outdoor_hazy"),
    ("norain-{}", "rain-{}"),
    ("{}_GT", "{}_hazy"),
    ("train/Clean/{}", "train/Snow/{}"),
]


def both(root: Path, clean: str, degraded: str, scale: int) -> None:
    for name in NAMES:
        for template, kind in ((clean, None), (degraded, scale)):
            fill(root, template.replace("{}", name), [name], kind)


def assert_the_right_way_round(root: Path, task: str, scale: int) -> None:
    pairs = find_pairs(root, task)
    assert len(pairs) == len({p.name for p in pairs}) == len(NAMES)
    expected = {picture(n).tobytes(): low(n, scale) for n in NAMES}
    for pair in pairs:
        assert pair.degraded is not None
        sample = load_pair(pair, task)
        np.testing.assert_array_equal(sample.degraded, expected[sample.target.tobytes()])
    assert check_folder(root, task).pairs == len(NAMES)
    assert len(benchmark_set(root.name, task, root.parent)) == len(NAMES)


@pytest.mark.parametrize(("clean", "degraded"), SUPER_RESOLUTION)
def test_stored_inputs_of_super_resolution_are_used(clean: str, degraded: str, tmp_path: Path) -> None:
    both(tmp_path / "photos", clean, degraded, 2)
    assert_the_right_way_round(tmp_path / "photos", "sr_x2", 2)


@pytest.mark.parametrize(("clean", "degraded"), SAME_SIZE)
def test_pairs_of_one_size_are_the_right_way_round(clean: str, degraded: str, tmp_path: Path) -> None:
    both(tmp_path / "photos", clean, degraded, 1)
    assert_the_right_way_round(tmp_path / "photos", "derain", 1)


@pytest.mark.parametrize(
    "folders",
    [
        ("A", "B"),
        ("trainA", "trainB"),
        ("X", "Y"),
        ("one", "two"),
        ("1", "2"),
        ("A", "B", "C"),
        ("train/A", "train/B"),
        ("set/left", "set/right"),
        (".", "copy"),
        ("000", "001"),
        ("照片", "图像"),
        ("HR", "other", "another"),
        ("HR", "GT"),
    ],
)
@pytest.mark.parametrize("task", ["sr_x2", "derain", "denoise_color_25"])
def test_what_cannot_be_told_apart_is_an_error_that_names_the_folders(
    folders: tuple[str, ...], task: str, tmp_path: Path
) -> None:
    root = tmp_path / "photos"
    for index, folder in enumerate(folders):
        fill(root, f"{folder}/{{}}", scale=1 if index else None)
    with pytest.raises(UsageError, match="--clean") as caught:
        find_pairs(root, task)
    assert folders[-1].rpartition("/")[2] in str(caught.value) and "\n" not in str(caught.value)
    report = check_folder(root, task)
    assert report.pairs == 0 and [f.sentence for f in report.findings if f.severity == "error"] == [str(caught.value)]
    with pytest.raises(UsageError):
        benchmark_set("photos", task, tmp_path)


@pytest.mark.parametrize(
    ("clean", "degraded"), [("A", "B"), ("b", "a"), ("X2", "HR"), ("lr", "hr"), ("same", "rain/norain")]
)
def test_roles_that_are_said_count_whatever_the_names(clean: str, degraded: str, tmp_path: Path) -> None:
    fill(tmp_path, f"{clean}/{{}}")
    fill(tmp_path, f"{degraded}/{{}}", scale=2)
    given = sources((), [tmp_path / clean], [tmp_path / degraded])
    pairs = judge(given, "sr_x2").usable()
    assert [p.name for p in pairs] == list(NAMES)
    for pair in pairs:
        sample = load_pair(pair, "sr_x2")
        np.testing.assert_array_equal(sample.target, picture(pair.name))
        np.testing.assert_array_equal(sample.degraded, low(pair.name, 2))
    report = check_folder(None, "sr_x2", clean=tmp_path / clean, degraded=tmp_path / degraded)
    assert (report.pairs, report.bicubic) == (3, "exact")


def test_a_folder_said_to_be_clean_is_one_flat_set(tmp_path: Path) -> None:
    for folder in ("000", "001", "lr"):
        fill(tmp_path, f"{folder}/{{}}")
    pairs = judge(sources((), [tmp_path]), "denoise_color_25").usable()
    assert len(pairs) == 9 and not any(p.stored for p in pairs)


def test_sides_that_do_not_fit_one_another_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "A/{}")
    with pytest.raises(UsageError, match="1 folders of clean and 2 of degraded"):
        sources((), ["A"], ["B", "C"])
    with pytest.raises(UsageError, match="without --clean"):
        judge([Source(None, None, tmp_path / "A")], "sr_x2")
    with pytest.raises(UsageError, match="no folder"):
        judge([Source(None, tmp_path / "A", tmp_path / "gone")], "sr_x2")


@pytest.mark.parametrize(
    ("given", "inside"),
    [
        ("LR", ""),
        ("LR_bicubic", "X2"),
        ("LR_bicubic/X2", ""),
        ("DIV2K_train_LR_bicubic/X2", ""),
        ("DIV2K_train_LR_unknown", "X2"),
        ("lq", ""),
        ("rainy", ""),
        ("hazy", ""),
        ("Noisy", ""),
        ("LRbicx2", ""),
        ("blurry", ""),
        ("photos", "X2"),
        ("photos", "LR"),
    ],
)
def test_degraded_images_alone_are_not_taken_for_clean_ones(given: str, inside: str, tmp_path: Path) -> None:
    fill(tmp_path / given, f"{inside}/{{}}" if inside else "{}", scale=2)
    with pytest.raises(UsageError, match=f"degraded images .*--clean {tmp_path / given} if these are clean"):
        find_pairs(tmp_path / given, "sr_x2")
    assert len(judge(sources((), [tmp_path / given]), "sr_x2").usable()) == 3


@pytest.mark.parametrize("given", ["rain", "input", "in", "low", "haze"])
def test_one_side_of_pairs_is_not_taken_for_a_set_of_its_own(given: str, tmp_path: Path) -> None:
    fill(tmp_path, f"{given}/{{}}", scale=1)
    assert len(find_pairs(tmp_path / given, "denoise_color_25")) == 3  # photographs of rain, or anything that came in
    fill(tmp_path, "gt/{}")
    with pytest.raises(UsageError, match="degraded images by its name"):
        find_pairs(tmp_path / given, "denoise_color_25")


@pytest.mark.parametrize("given", ["DIV2K_train_HR", ".", "../DIV2K_train_HR", "DIV2K_train_HR/."])
def test_a_side_that_is_given_alone_is_completed_wherever_one_stands(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "DIV2K_train_HR/{}")
    fill(tmp_path, "DIV2K_train_LR_bicubic/X2/{}x2", scale=2)
    monkeypatch.chdir(tmp_path if given.startswith("DIV") else tmp_path / "DIV2K_train_HR")
    pairs = find_pairs(given, "sr_x2")
    assert [(p.name, p.stored) for p in pairs] == [(n, True) for n in NAMES]
    monkeypatch.chdir(tmp_path / "DIV2K_train_LR_bicubic/X2")
    with pytest.raises(UsageError, match="degraded images"):
        find_pairs(".", "sr_x2")


@pytest.mark.parametrize("names", ["rain-{}", "{}_rain", "{}"])
def test_rainy_files_alone_are_refused_beside_their_clean_ones(names: str, tmp_path: Path) -> None:
    fill(tmp_path, f"rain/{names}", scale=1)
    fill(tmp_path, "norain/norain-{}")
    with pytest.raises(UsageError, match="degraded images by its name"):
        find_pairs(tmp_path / "rain", "derain")


def notes(root: Path, task: str, split: str = "train") -> str:
    return " | ".join(n.sentence for n in judge([Source(root, split=split)], task).notes)


@pytest.mark.parametrize(
    ("used", "unused"),
    [
        ("LR_bicubic/X2/{}x2", "LR_unknown/X2/{}x2"),
        ("LRx2/{}", "LR_wild/X2/{}x2"),
        ("LR_unknown/X2/{}", "LR_mild/{}x2m"),
        ("LR_bicubic/X2/{}", "X2/{}"),
    ],
)
def test_stored_inputs_that_are_not_used_are_named(used: str, unused: str, tmp_path: Path) -> None:
    fill(tmp_path, "HR/{}")
    fill(tmp_path, used, scale=2)
    fill(tmp_path, unused, scale=2)
    (first, *_) = find_pairs(tmp_path, "sr_x2")
    assert first.degraded is not None and first.degraded.relative_to(tmp_path).as_posix().startswith(used.split("{")[0])
    assert unused.split("/{")[0] in notes(tmp_path, "sr_x2") and "not used" in notes(tmp_path, "sr_x2")


@pytest.mark.parametrize("folder", ["LR_bicubic/X4", "LRbicx4", "X4", "LR_unknown/X4"])
def test_inputs_of_another_scale_are_named_and_not_used(folder: str, tmp_path: Path) -> None:
    fill(tmp_path, "HR/{}")
    fill(tmp_path, f"{folder}/{{}}", scale=4)
    assert [p.stored for p in find_pairs(tmp_path, "sr_x2")] == [False] * 3
    assert folder in notes(tmp_path, "sr_x2") and "for x4" in notes(tmp_path, "sr_x2")


def test_inputs_beside_a_folder_that_was_given_alone_are_named(tmp_path: Path) -> None:
    fill(tmp_path, "HR/{}")
    fill(tmp_path, "LR_bicubic/X2/{}", scale=2)
    assert not any(p.stored for p in find_pairs(tmp_path / "HR", "sr_x2"))
    assert "LR_bicubic" in notes(tmp_path / "HR", "sr_x2")


def test_a_set_of_basicsr_gives_its_own_pairs_at_every_scale(tmp_path: Path) -> None:
    for name in NAMES:
        write_image(tmp_path / f"Set5/original/{name}.png", picture(name, 29, 41))
        cropped = picture(name, 29, 41)[:24, :36]
        write_image(tmp_path / f"Set5/GTmod12/{name}.png", cropped)
        for scale in (2, 3, 4):
            from nas.images import imresize

            write_image(tmp_path / f"Set5/LRbicx{scale}/{name}.png", imresize(cropped, 1 / scale))
    for scale in (2, 3, 4):
        pairs = benchmark_set("Set5", f"sr_x{scale}", tmp_path)
        assert [p.name for p in pairs] == list(NAMES)
        assert {p.target.parent.name for p in pairs} == {"GTmod12"}
        assert {p.degraded.parent.name for p in pairs if p.degraded} == {f"LRbicx{scale}"}
        assert check_folder(tmp_path / "Set5", f"sr_x{scale}").bicubic == "exact"
    assert {p.target.parent.name for p in benchmark_set("Set5", "denoise_color_25", tmp_path)} == {"original"}


def test_a_set_of_selfexsr_gives_its_own_pairs_and_not_the_results_beside_them(tmp_path: Path) -> None:
    for scale in (2, 3, 4):
        fill(tmp_path, f"Set5/image_SRF_{scale}/img_{{}}_SRF_{scale}_HR")
        fill(tmp_path, f"Set5/image_SRF_{scale}/img_{{}}_SRF_{scale}_LR", scale=scale)
        for result in ("bicubic", "ScSR", "SRCNN"):
            fill(tmp_path, f"Set5/image_SRF_{scale}/img_{{}}_SRF_{scale}_{result}", scale=1)
    for scale in (2, 3, 4):
        pairs = benchmark_set("Set5", f"sr_x{scale}", tmp_path)
        assert [p.name for p in pairs] == [f"img_{n}" for n in NAMES]
        for pair in pairs:
            np.testing.assert_array_equal(load_pair(pair, f"sr_x{scale}").degraded, low(pair.name[4:], scale))
    with pytest.raises(UsageError, match="image_SRF_2"):
        benchmark_set("Set5", "denoise_color_25", tmp_path)


@pytest.mark.parametrize("name", ["set5", "SET5", "Set5"])
def test_a_set_is_found_whatever_the_case_of_its_name(name: str, tmp_path: Path) -> None:
    fill(tmp_path, "set5/HR/{}")
    assert len(benchmark_set(name, "sr_x2", tmp_path)) == 3


@pytest.mark.parametrize("extra", ["blur_gamma", "results", "deblurred"])
def test_scenes_of_gopro_are_paired_scene_by_scene(extra: str, tmp_path: Path) -> None:
    for scene, part in (("GOPR1", "train"), ("GOPR2", "train"), ("GOPR3", "test")):
        fill(tmp_path, f"{part}/{scene}/sharp/{{}}")
        fill(tmp_path, f"{part}/{scene}/blur/{{}}", scale=1)
        fill(tmp_path, f"{part}/{scene}/{extra}/{{}}", scale=1)
    pairs = find_pairs(tmp_path, "derain")
    assert [p.name for p in pairs] == [f"{s}/{n}" for s in ("GOPR1", "GOPR2") for n in NAMES]
    assert all(p.degraded and p.degraded.parent.name == "blur" and p.target.parent.name == "sharp" for p in pairs)
    assert extra in notes(tmp_path, "derain") and "'test'" in notes(tmp_path, "derain")
    assert [p.name for p in find_pairs(tmp_path, "derain", split="test")] == [f"GOPR3/{n}" for n in NAMES]
    with pytest.raises(UsageError, match="not for denoise_color_25"):
        find_pairs(tmp_path, "denoise_color_25")


def test_several_sets_below_one_folder_are_all_used(tmp_path: Path) -> None:
    for name in ("DIV2K", "Flickr2K"):
        fill(tmp_path, f"{name}_HR/{{}}")
        fill(tmp_path, f"{name}_LR_bicubic/X2/{{}}x2", scale=2)
    pairs = find_pairs(tmp_path, "sr_x2")
    assert len(pairs) == len({p.name for p in pairs}) == 6 and all(p.stored for p in pairs)
    for pair in pairs:
        assert pair.degraded is not None
        assert pair.target.parent.name[:4] == pair.degraded.relative_to(tmp_path).parts[0][:4]


def test_photographs_in_folders_by_theme_are_one_set(tmp_path: Path) -> None:
    for number, theme in enumerate(("city", "rain", "low", "clear", "input")):
        fill(tmp_path, f"{theme}/IMG_{number}{{}}")
    assert len(find_pairs(tmp_path, "sr_x2")) == 15


@pytest.mark.parametrize(
    ("clean", "degraded", "lonely"),
    [
        ("a", "a a_1", {"a_1"}),
        ("a b", "a", {"b"}),
        ("a", "a b", {"b"}),
        ("a_1 a", "a_1 a_2 a", {"a_2"}),
        ("1 2 3", "1_1 1_2 2_1", {"3"}),
        ("0001", "0001 0001x2", {"0001x2"}),
        ("a b c", "d e f", {"a", "b", "c", "d", "e", "f"}),
        ("x_y", "x_y x_y_z x_q", {"x_y_z", "x_q"}),
        ("im", "im im_b im_c", {"im_b", "im_c"}),
        ("0025 0031", "0025_0.8 0031_1 0044_1", {"0044_1"}),
    ],
)
@pytest.mark.parametrize("folders", [("norain", "rain"), ("GT", "LQ"), ("clear", "hazy")])
def test_images_without_partner_are_all_named_and_no_partner_is_lent(
    clean: str, degraded: str, lonely: set[str], folders: tuple[str, str], tmp_path: Path
) -> None:
    fill(tmp_path, f"{folders[0]}/{{}}.png", clean.split())
    for name in degraded.split():
        write_image(tmp_path / folders[1] / f"{name}.png", picture(name))
    report = check_folder(tmp_path, "derain")
    named = {f.path.stem for f in report.findings if f.severity == "error"}
    assert named == lonely
    with pytest.raises(NasError) as caught:
        find_pairs(tmp_path, "derain")
    assert all(f"{name}.png" in str(caught.value) for name in lonely) and "skip_unfit" in str(caught.value)
    kept = judge([Source(tmp_path)], "derain")
    assert len(kept.pairs) == report.pairs == len(degraded.split()) - len(lonely & set(degraded.split()))


@pytest.mark.parametrize("folder", ["", "HR/", "norain/", "deep/er/"])
@pytest.mark.parametrize("endings", [("png", "bmp"), ("png", "jpg"), ("tif", "tiff"), ("png", "webp")])
def test_two_files_that_would_write_one_output_are_an_error(
    folder: str, endings: tuple[str, str], tmp_path: Path
) -> None:
    from PIL import Image

    for ending in endings:
        file = tmp_path / f"{folder}a.{ending}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(ending)).save(file)
    fill(tmp_path, f"{folder}{{}}")
    with pytest.raises(NasError, match="share a name"):
        find_pairs(tmp_path, "denoise_color_25")
    report = check_folder(tmp_path, "denoise_color_25")
    assert report.pairs == 3 and sum("share a name" in f.sentence for f in report.findings) == 2


def test_links_to_the_same_pictures_are_read_once(tmp_path: Path) -> None:
    fill(tmp_path, "store/{}")
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a").symlink_to(tmp_path / "store")
    (tmp_path / "set/b").symlink_to(tmp_path / "store")
    assert [p.name for p in find_pairs(tmp_path / "set", "sr_x2")] == [f"a/{n}" for n in NAMES]
    assert "set/b" in notes(tmp_path / "set", "sr_x2")
    assert (read_image(tmp_path / "set/a/0001.png") == picture("0001")).all()
