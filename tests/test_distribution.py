"""What is installed from the wheel and from the source distribution is what the source tree holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


PACKAGES = ("nas", "search_spaces", "baselines", "results")
# the repository's own record, which no code opens
NOT_INSTALLED = ("results/README.md", "results/figures/", "results/runs/")
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2])"
LOAD = """
import sys
from importlib.metadata import distributions
sys.path.insert(0, sys.argv[1])
(found,) = distributions(name="jsnas", path=[sys.argv[1]])
for point in found.entry_points:
    point.load()
    origin = sys.modules[point.module].__file__
    print(point.group, point.name, origin.startswith(sys.argv[1]))
"""


def source_files() -> list[str]:
    """Every file of the checkout that git tracks or would track, as paths from its root."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the files of the source tree are listed by git, and this is no checkout or git is not installed")
    return sorted(name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())


def build(kind: str, tree: Path, out: Path) -> Path:
    """Builds a "wheel" or an "sdist" of a source tree with the setuptools that is installed, so without network."""
    done = subprocess.run([sys.executable, "-c", BUILD, kind, str(out)], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = (p for p in out.iterdir() if p.suffix == {"wheel": ".whl", "sdist": ".gz"}[kind])
    return built


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, so that building leaves nothing in the tree itself."""
    try:
        installed = version("setuptools")
    except PackageNotFoundError:
        installed = "0"
    if int(installed.split(".")[0]) < 77:
        pytest.skip("building without network needs setuptools 77 or newer, which 'jsnas[dev]' installs")
    copy = tmp_path_factory.mktemp("tree")
    for name in source_files():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution."""
    out = tmp_path_factory.mktemp("sdist")
    shutil.unpack_archive(build("sdist", tree, out), out)
    (folder,) = (p for p in out.iterdir() if p.is_dir())
    return folder


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, as site-packages would hold it."""
    out = tmp_path_factory.mktemp("wheel")
    shutil.unpack_archive(build("wheel", tree, out), out / "site", format="zip")
    return out / "site"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        name for name in source_files() if name.split("/")[0] in PACKAGES and not name.startswith(NOT_INSTALLED)
    }
    installed = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert sorted(expected - installed) == [], "add the type of these files to [tool.setuptools.package-data]"
    assert sorted(installed - expected) == []


def test_every_installed_file_has_the_bytes_of_the_source_tree(wheel: Path) -> None:
    installed = {name: content for name, content in contents(wheel).items() if ".dist-info/" not in name}
    assert [name for name, content in installed.items() if content != (ROOT / name).read_bytes()] == []


def test_the_wheel_built_from_the_source_distribution_is_the_wheel_built_from_the_tree(
    wheel: Path, sdist: Path, tmp_path: Path
) -> None:
    shutil.unpack_archive(build("wheel", sdist, tmp_path), tmp_path / "site", format="zip")
    assert contents(tmp_path / "site") == contents(wheel)


def test_the_source_distribution_carries_pins_licence_and_changes_but_no_tests(sdist: Path) -> None:
    held = contents(sdist)
    assert {"LICENSE", "README.md", "CHANGELOG.md", "constraints.txt", "pyproject.toml"} <= set(held)
    assert [name for name in held if name.startswith("tests/")] == []


def test_every_entry_point_loads_from_the_wheel(wheel: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(wheel)], cwd=wheel.parent, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    declared = ConfigParser(delimiters=("=",))
    declared.read(next(wheel.glob("jsnas-*.dist-info")) / "entry_points.txt")
    expected = [f"{group} {name} True" for group in declared.sections() for name in declared[group]]
    assert sorted(done.stdout.split("\n")[:-1]) == sorted(expected)
    assert "console_scripts nas True" in expected
