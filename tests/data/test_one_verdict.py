"""``nas data check``, the first step of training, and evaluation agree on any folder: usable or not, how many pairs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data import PatchSource, benchmark_set, load_pair
from nas.data.check import check_folder
from nas.errors import NasError
from nas.images import write_image
from nas.tasks import get_task
from nas.train.training_data import open_training_data
from tests.data.folders import fill, picture

PATCH = 16
#: (clean, degraded or "" for none, scale of the degraded ones)
LAYOUTS = {
    "sr_x2": [
        ("HR/{}", "LR_bicubic/X2/{}x2", 2),
        ("hr/{}", "lr/{}", 2),
        ("GTmod12/{}", "LRbicx2/{}", 2),
        ("DIV2K_train_HR/{}", "DIV2K_train_LR_unknown/X2/{}x2", 2),
        ("image_SRF_2/{}_SRF_2_HR", "image_SRF_2/{}_SRF_2_LR", 2),
        ("{}", "x2/{}", 2),
        ("{}", "", 0),
        ("deep/er/{}", "", 0),
        ("A/{}", "B/{}", 2),
        ("LR/{}", "HR/{}", 2),
        ("HR/{}", "LR_bicubic/X4/{}x4", 4),
    ],
    "derain": [
        ("norain/norain-{}", "rain/rain-{}", 1),
        ("gt/{}", "in/{}_1", 1),
        ("train/clean/{}", "train/rainy/{}", 1),
        ("{}_GT", "{}_rain", 1),
        ("one/{}", "two/{}", 1),
        ("gt/{}", "input/{}", 2),
    ],
    "denoise_color_25": [
        ("{}", "", 0),
        ("clean/{}", "noisy/{}", 1),
        ("norain/{}", "rain/{}", 1),
        ("000/{}", "001/{}", 1),
        ("HR/{}", "LR_bicubic/X2/{}x2", 2),
    ],
}


@dataclass(frozen=True)
class Layout:
    """One data set: the two sides, the names of its images, and what is wrong with some of them."""

    task: str
    clean: str
    degraded: str
    scale: int
    names: tuple[str, ...]
    faults: tuple[tuple[str, int], ...]


def first(root: Path, template: str, name: str) -> Path:
    return next(p for p in root.rglob("*") if p.is_file() and p.stem == Path(template.format(name)).name)


def damage(change: Callable[[Path], None]) -> Callable[[Path, Layout, str], None]:
    return lambda root, layout, name: change(first(root, layout.clean, name))


def damage_input(change: Callable[[Path], None]) -> Callable[[Path, Layout, str], None]:
    return lambda root, layout, name: change(first(root, layout.degraded, name)) if layout.degraded else None


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: len(file.read_bytes()) * 2 // 3])


def alpha(file: Path) -> None:
    Image.fromarray(picture("alpha")).convert("RGBA").save(file)


FAULTS: dict[str, Callable[[Path, Layout, str], None]] = {
    "clean image lost": damage(lambda f: f.unlink()),
    "clean image grey": damage(lambda f: write_image(f, picture(f.stem)[..., 0]) and None),
    "clean image small": damage(lambda f: write_image(f, picture(f.stem, 12, 14)) and None),
    "clean image cut": damage(cut),
    "clean image empty": damage(lambda f: f.write_bytes(b"") and None),
    "clean image with alpha": damage(alpha),
    "clean image no image": damage(lambda f: f.write_text("x") and None),
    "clean image twice": damage(lambda f: write_image(f.with_suffix(".bmp"), picture("twice")) and None),
    "clean image in capitals": damage(lambda f: f.rename(f.with_suffix(".PNG")) and None),
    "input lost": damage_input(lambda f: f.unlink()),
    "input cut": damage_input(cut),
    "input of another size": damage_input(lambda f: write_image(f, picture(f.stem, 10, 14)) and None),
    "input as a link": damage_input(
        lambda f: f.rename(f.parent.parent / "kept") and f.symlink_to(f.parent.parent / "kept")
    ),
    "input too many": damage_input(lambda f: write_image(f.with_name(f"zz_{f.name}"), picture("more")) and None),
    "foreign file": lambda root, layout, name: (root / "notes.txt").write_text("x") and None,
    "broken link": lambda root, layout, name: (root / "gone.png").symlink_to("nowhere"),
    "folder of other pictures": lambda root, layout, name: fill(root, "more/p_{}", ["77"]),
    "folder of the same names": lambda root, layout, name: fill(root, "copy/{}", layout.names),
    "lmdb beside": lambda root, layout, name: (root / "x.lmdb").mkdir(),
    "empty folder": lambda root, layout, name: (root / "nothing").mkdir(),
}


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    task = draw(st.sampled_from(sorted(LAYOUTS)))
    clean, degraded, scale = draw(st.sampled_from(LAYOUTS[task]))
    names = tuple(f"{i:04d}" for i in range(draw(st.integers(1, 4))))
    faults = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, len(names) - 1)),
            max_size=3,
            unique_by=lambda fault: fault[0],
        )
    )
    return Layout(task, clean, degraded, scale, names, tuple(faults))


def build_folder(root: Path, layout: Layout) -> None:
    fill(root, layout.clean, layout.names)
    if layout.degraded:
        fill(root, layout.degraded, layout.names, layout.scale)
    for fault, index in layout.faults:
        try:
            FAULTS[fault](root, layout, layout.names[index])
        except StopIteration:  # another fault took the file away
            continue


def trained(root: Path, task: str, skip: bool) -> int | None:
    """How many pairs a training draws from; None where it does not begin."""
    words = {"task": task, "data__path": [str(root)], "data__patch": PATCH, "data__validation": 0, "data__batch": 2}
    wanted = build(RetrainSettings, None, [], **words, data__skip_unfit=skip)
    try:
        opened = open_training_data(wanted, get_task(task), {"weights": 1.0})
    except NasError:
        return None
    degraded, target = next(opened.batches("weights")(0))  # from here on nothing may fail
    assert target.shape[-1] == PATCH == degraded.shape[-1] * get_task(task).scale
    PatchSource(opened.parts["weights"], task, PATCH, 1).prepare()
    return len(opened.parts["weights"])


def evaluated(root: Path, task: str) -> int | None:
    """How many pairs an evaluation scores; None where it fails."""
    try:
        pairs = benchmark_set(root.name, task, root.parent)
        samples = [load_pair(pair, task) for pair in pairs]
    except NasError:
        return None
    assert all(np.isfinite(s.degraded).all() for s in samples)
    return len(samples)


def assert_agreement(root: Path, task: str) -> str:
    report = check_folder(root, task, patch=PATCH)
    errors = [f for f in report.findings if f.severity == "error"]
    assert trained(root, task, skip=False) == (None if errors or not report.pairs else report.pairs), report.to_text()
    assert trained(root, task, skip=True) == (report.pairs or None), report.to_text()
    for_tests = check_folder(root, task, split="test")
    wrong = any(f.severity == "error" for f in for_tests.findings) or not for_tests.pairs
    assert evaluated(root, task) == (None if wrong else for_tests.pairs), for_tests.to_text()
    return "good" if not errors and report.pairs else "mixed" if report.pairs else "bad"


@settings(max_examples=40, report_multiple_bugs=False)
@given(layout=layouts())
def test_check_training_and_evaluation_agree_on_any_folder(layout: Layout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        root.mkdir()
        build_folder(root, layout)
        assert_agreement(root, layout.task)


@pytest.mark.parametrize("fault", [None, *sorted(FAULTS)])
@pytest.mark.parametrize("task", sorted(LAYOUTS))
def test_they_agree_on_every_fault_alone(fault: str | None, task: str, tmp_path: Path) -> None:
    clean, degraded, scale = LAYOUTS[task][0]
    layout = Layout(task, clean, degraded, scale, ("0", "1", "2"), () if fault is None else ((fault, 1),))
    root = tmp_path / "photos"
    root.mkdir()
    build_folder(root, layout)
    verdict = assert_agreement(root, task)
    assert fault is not None or verdict == "good"


@pytest.mark.parametrize(("task", "index"), [(task, i) for task in sorted(LAYOUTS) for i in range(len(LAYOUTS[task]))])
def test_they_agree_on_every_layout(task: str, index: int, tmp_path: Path) -> None:
    clean, degraded, scale = LAYOUTS[task][index]
    root = tmp_path / "photos"
    root.mkdir()
    build_folder(root, Layout(task, clean, degraded, scale, ("0", "1", "2"), ()))
    refused = clean.startswith(("A/", "LR/", "one/", "000/")) or (task, degraded) in (
        ("derain", "input/{}"),
        ("denoise_color_25", "rain/{}"),
    )
    assert assert_agreement(root, task) == ("bad" if refused else "good")
