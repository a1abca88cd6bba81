"""Every planted fault is found, and preparing can be interrupted and never touches its source."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data import PatchSource, find_pairs, load_pair
from nas.data.check import check_folder
from nas.data.prepare import prepare_folder
from nas.data.prepared_record import RECORD
from nas.errors import NasError, UsageError
from nas.images import read_image, write_image
from nas.tasks import get_task


def photo(seed: int, height: int = 40, width: int = 52) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A benchmark folder without a fault."""
    root = tmp_path / "set"
    for seed, name in enumerate("abc"):
        write_image(root / f"HR/{name}.png", photo(seed))
        write_image(root / f"LR_bicubic/X2/{name}x2.png", get_task("sr_x2").degrade(photo(seed)))
    return root


def cut(root: Path) -> None:
    file = root / "HR/a.png"
    file.write_bytes(file.read_bytes()[:900])


def swap(root: Path) -> None:
    for name in "abc":
        high, low = root / f"HR/{name}.png", root / f"LR_bicubic/X2/{name}x2.png"
        images = read_image(high), read_image(low)
        write_image(high, images[1])
        write_image(low, images[0])


def grey(root: Path) -> None:
    for file in (root / "HR/b.png", root / "LR_bicubic/X2/bx2.png"):
        write_image(file, read_image(file)[..., 0])


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "truncated": (cut, "error", r"a\.png' is damaged or truncated"),
    "zero bytes": (lambda r: (r / "HR/b.png").write_bytes(b""), "error", r"b\.png' is empty"),
    "not an image": (lambda r: (r / "HR/b.png").write_text("hello"), "error", r"b\.png' is not an image"),
    "foreign file": (lambda r: (r / "HR/readme.txt").write_text("x"), "warning", r"readme\.txt"),
    "alpha": (lambda r: Image.fromarray(photo(9)).convert("RGBA").save(r / "HR/b.png"), "error", "alpha"),
    "cmyk": (lambda r: Image.fromarray(photo(9)).convert("CMYK").save(r / "HR/z.jpg"), "error", "CMYK"),
    "palette": (lambda r: Image.fromarray(photo(1)).quantize(32).save(r / "HR/b.png"), "warning", "palette"),
    "sixteen bits": (lambda r: write_image(r / "HR/b.png", photo(1).astype(np.uint16) * 257), "warning", "16 bits"),
    "grey": (grey, "error", r"b\.png' is grey"),
    "grey partner": (lambda r: write_image(r / "HR/b.png", photo(1)[..., 0]), "warning", r"bx2\.png' is in colour"),
    "empty folder": (lambda r: (r / "HR/nothing").mkdir(), "warning", r"nothing' is empty"),
    "same name": (lambda r: write_image(r / "HR/a.bmp", photo(7)), "error", r"a\.(png|bmp)' share a name"),
    "duplicate": (lambda r: write_image(r / "HR/b.png", photo(0)), "warning", "same pixels"),
    "no LR partner": (lambda r: (r / "LR_bicubic/X2/cx2.png").unlink(), "error", r"c\.png' has no x2 partner"),
    "no HR partner": (lambda r: (r / "HR/c.png").unlink(), "error", r"cx2\.png' has no HR partner"),
    "wrong size": (
        lambda r: write_image(r / "LR_bicubic/X2/ax2.png", photo(0, 20, 25)),
        "error",
        "25 x 20, not 26 x 20",
    ),
    "swapped": (swap, "error", "swapped"),
}


def test_a_good_folder_has_no_findings(good: Path) -> None:
    report = check_folder(good, "sr_x2")
    assert report.ok and report.findings == []
    assert (report.images, report.pairs, report.layout) == (6, 3, "benchmark")
    assert report.smallest == (26, 20) and report.largest == (52, 40)
    assert "6 images (6 RGB)" in report.to_text() and "nothing wrong" in report.to_text()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_found_in_one_sentence(good: Path, fault: str) -> None:
    import re

    plant, severity, pattern = FAULTS[fault]
    plant(good)
    report = check_folder(good, "sr_x2")
    found = [f for f in report.findings if re.search(pattern, f.sentence)]
    assert found, report.to_text()
    assert all(f.severity == severity and "\n" not in f.sentence for f in found)
    assert report.ok == (severity == "note")
    assert found[0].sentence in report.to_text()


def test_pairs_without_partner_are_all_named(tmp_path: Path) -> None:
    for seed, name in enumerate(("rain/a", "rain/b", "norain/a", "norain/c")):
        write_image(tmp_path / f"{name}.png", photo(seed))
    sentences = [f.sentence for f in check_folder(tmp_path, "derain").findings if f.severity == "error"]
    assert len(sentences) == 2 and "b.png" in sentences[0] and "c.png" in sentences[1]


def test_an_empty_folder_and_no_folder(tmp_path: Path) -> None:
    report = check_folder(tmp_path, "sr_x2")
    assert not report.ok and "no images" in report.to_text()
    with pytest.raises(UsageError, match="no folder"):
        check_folder(tmp_path / "gone")


def test_files_that_may_not_be_read(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Image.open

    def locked(path: Path, *rest: object) -> object:
        if Path(path).name == "a.png":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Image, "open", locked)
    report = check_folder(good, "sr_x2")
    assert [f.sentence for f in report.findings if "cannot be read" in f.sentence]
    with pytest.raises(NasError, match=r"a\.png' cannot be read"):
        read_image(good / "HR/a.png")


def test_a_folder_that_may_not_be_entered_is_a_finding(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, real = good / "LR_bicubic/X2", Path.is_dir

    def locked(path: Path) -> bool:
        if path == inner:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "is_dir", locked)
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: iter([path / "HR/a.png"]))
    report = check_folder(good, "sr_x2")
    assert [f.sentence for f in report.findings] == [f"{str(inner)!r} cannot be read; change its permissions"]


def test_pairs_with_an_error_are_not_counted_as_usable(good: Path) -> None:
    assert check_folder(good, "sr_x2").pairs == 3
    cut(good)
    (good / "LR_bicubic/X2/cx2.png").unlink()
    assert check_folder(good, "sr_x2").pairs == 1


def test_synthetic_training_is_pointed_out(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", photo(0))
    assert "synthetic" in check_folder(tmp_path, "derain").to_text()


def test_checking_writes_nothing(good: Path) -> None:
    before = sorted((p, p.stat().st_mtime_ns) for p in good.rglob("*"))
    check_folder(good, "sr_x2")
    assert sorted((p, p.stat().st_mtime_ns) for p in good.rglob("*")) == before


def test_prepared_pieces_cover_the_image_and_match_the_whole(tmp_path: Path) -> None:
    write_image(tmp_path / "in/a.png", photo(0, 61, 83))
    result = prepare_folder(tmp_path / "in", "sr_x2", tmp_path / "out", sub_image=32)
    pairs = find_pairs(tmp_path / "out", "sr_x2")
    assert result.images == len(pairs) > 4 and result.cached
    clean = photo(0, 60, 82)[:60, :82]
    whole = photo(0, 61, 83)[:60, :82]
    low = get_task("sr_x2").degrade(whole)
    seen = np.zeros(whole.shape[:2], bool)
    assert clean.shape == whole.shape
    for pair in pairs:
        sample = load_pair(pair, "sr_x2")
        assert pair.degraded is not None and sample.target.shape == (32, 32, 3)
        places = [
            (t, x)
            for t in range(0, 29, 2)
            for x in range(0, 51, 2)
            if np.array_equal(whole[t : t + 32, x : x + 32], sample.target)
        ]
        top, left = places[0]
        np.testing.assert_array_equal(low[top // 2 : top // 2 + 16, left // 2 : left // 2 + 16], sample.degraded)
        seen[top : top + 32, left : left + 32] = True
    assert seen.all()


@pytest.mark.parametrize("task", ["sr_x3_bd", "sr_x3_dn", "denoise_gray_25", "jpeg_q10", "derain"])
def test_what_is_prepared_trains(tmp_path: Path, task: str) -> None:
    if task == "derain":
        write_image(tmp_path / "in/rain/a.png", photo(1))
        write_image(tmp_path / "in/norain/a.png", photo(0))
    else:
        write_image(tmp_path / "in/a.png", photo(0))
    result = prepare_folder(tmp_path / "in", task, tmp_path / "out", sub_image=None)
    assert result.images == 1
    pairs = find_pairs(tmp_path / "out", task)
    made = PatchSource(pairs, task, patch=12, batch=2, cache=tmp_path / "out/cache")
    entries = len(list((tmp_path / "out/cache").iterdir()))
    assert made.batch(0)[1].shape[-1] == 12
    assert len(list((tmp_path / "out/cache").iterdir())) == entries  # the cache was already complete
    original = load_pair(find_pairs(tmp_path / "in", task)[0], task)
    np.testing.assert_array_equal(load_pair(pairs[0], task).target, original.target)


def test_preparing_resumes_and_mends_but_does_not_repeat(good: Path, tmp_path: Path) -> None:
    before = {p: p.read_bytes() for p in good.rglob("*.png")}
    out = tmp_path / "out"
    assert prepare_folder(good, "sr_x2", out, sub_image=24, cache=False).made == 3
    record = (out / RECORD).read_text()
    expected = {p.relative_to(out): p.read_bytes() for p in out.rglob("*.png")}
    assert prepare_folder(good, "sr_x2", out, sub_image=24, cache=False).made == 0
    lines = record.splitlines(keepends=True)
    (out / RECORD).write_text("".join(lines[:-1]) + lines[-1][:20])  # killed while writing the last line
    next(out.glob("HR/a*.png")).unlink()
    assert prepare_folder(good, "sr_x2", out, sub_image=24, cache=False).made == 2
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*.png")} == expected
    assert {p: p.read_bytes() for p in good.rglob("*.png")} == before
    with pytest.raises(UsageError, match="other settings"):
        prepare_folder(good, "sr_x2", out, sub_image=32)


@pytest.mark.parametrize("where", ["set", "set/inner", "."])
def test_preparing_into_the_source_is_refused(good: Path, where: str) -> None:
    with pytest.raises(UsageError, match="outside"):
        prepare_folder(good, "sr_x2", good.parent / where)
    assert not (good / "inner").exists()


def test_a_folder_with_other_images_is_not_written_to(good: Path, tmp_path: Path) -> None:
    shutil.copytree(good / "HR", tmp_path / "mine")
    with pytest.raises(UsageError, match="not prepared"):
        prepare_folder(good, "sr_x2", tmp_path / "mine")
    assert len(list((tmp_path / "mine").iterdir())) == 3


#: the dozen of the requirement, each by the fault that plants it
DOZEN = (
    "wrong size",
    "truncated",
    "zero bytes",
    "sixteen bits",
    "palette",
    "cmyk",
    "no LR partner",
    "swapped",
    "same name",
    "empty folder",
    "foreign file",
    "not an image",
)


def call(*words: str) -> int:
    from nas.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["data", *words])
    return int(ended.value.code or 0)


def test_all_faults_planted_at_once_are_named_on_the_command_line_with_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["check", str(tmp_path), "--task", "sr_x2"]
    for fault in DOZEN:  # each alone, in a folder of its own ...
        root = tmp_path / fault.replace(" ", "-")
        for seed, name in enumerate("abc"):
            write_image(root / f"HR/{name}.png", photo(seed))
            write_image(root / f"LR_bicubic/X2/{name}x2.png", get_task("sr_x2").degrade(photo(seed)))
        assert call("check", str(root), "--task", "sr_x2") == 0
        FAULTS[fault][0](root)
        capsys.readouterr()
        assert call("check", str(root), "--task", "sr_x2") == 1, fault
        import re

        assert re.search(FAULTS[fault][2], capsys.readouterr().out), fault
    real = Image.open

    def locked(path: Path, *rest: object) -> object:
        if Path(path).name == "cx2.png":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Image, "open", locked)  # as root reads everything
    capsys.readouterr()
    assert call(*words) == 1  # ... and together, with one that may not be read
    out = capsys.readouterr().out
    assert "cx2.png' cannot be read" in out and "truncated" in out and "CMYK" in out and "readme.txt" in out


def test_preparing_on_the_command_line_shows_its_progress_and_resumes(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import nas.progress

    class Eager(nas.progress.Progress):
        """Writes a line after every image, not only every ten seconds."""

        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, **{**more, "every_s": 0.0})  # type: ignore[arg-type]

    monkeypatch.setattr(nas.progress, "Progress", Eager)
    words = ("prepare", str(good), "--task", "sr_x2", "--out", str(tmp_path / "out"), "--sub-image", "24")
    assert call(*words) == 0
    seen = capsys.readouterr()
    assert "prepare sr_x2: 3/3" in seen.err and "cache sr_x2: " in seen.err
    assert "from 3 sources, cached" in seen.out and seen.out.splitlines()[-1] == f"wrote {tmp_path / 'out'}"
    assert call(*words) == 0
    assert "from 0 sources" in capsys.readouterr().out
    assert call("check", str(tmp_path / "out"), "--task", "sr_x2") == 0  # the cache and the record are no foreign files
