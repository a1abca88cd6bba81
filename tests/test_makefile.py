"""make sets up its environment with the first interpreter that suits, and says what it lacks."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
SUITABLE = '[ "$1" = -c ] || { mkdir -p "$3/bin"; echo made by NAME > "$3/bin/python"; }'
UNSUITABLE = "exit 1"  # a version outside 3.11 to 3.14, or one without venv: the check that it is asked to run fails
SHIM = "echo 'command not found' >&2; exit 127"  # found on the PATH, but there is nothing behind it


def environment(folder: Path, interpreters: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Lets make set up a virtual environment where only these interpreters (name -> script) are on the PATH."""
    path = folder / "path"
    path.mkdir()
    for tool in ("sh", "mkdir", "grep"):
        (path / tool).symlink_to(str(shutil.which(tool)))
    for name, script in interpreters.items():
        (path / name).write_text(f"#!{path}/sh\n{script.replace('NAME', name)}\n")
        (path / name).chmod(0o755)
    venv = folder / "venv"
    return subprocess.run(
        [str(shutil.which("make")), "-C", str(ROOT), f"VENV={venv}", *arguments, f"{venv}/bin/python"],
        env={"PATH": str(path)}, capture_output=True, text=True,
    )  # fmt: skip


def maker(folder: Path) -> str:
    return (folder / "venv/bin/python").read_text().split()[-1]


def test_the_first_interpreter_that_runs_and_suits_makes_the_environment(tmp_path: Path) -> None:
    found = {"python3": UNSUITABLE, "python3.14": SHIM, "python3.13": SUITABLE, "python3.11": SUITABLE}
    done = environment(tmp_path, found)
    assert done.returncode == 0, done.stderr
    assert maker(tmp_path) == "python3.13"


def test_the_interpreter_that_is_named_wins(tmp_path: Path) -> None:
    done = environment(tmp_path, {"python3": SUITABLE, "python3.12": SUITABLE}, "PYTHON=python3.12")
    assert done.returncode == 0, done.stderr
    assert maker(tmp_path) == "python3.12"


@pytest.mark.parametrize("arguments", [(), ("PYTHON=python3.14",)], ids=["search", "named"])
def test_without_a_suitable_interpreter_one_sentence_says_what_is_missing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = environment(tmp_path, {"python3": UNSUITABLE, "python3.14": SHIM}, *arguments)
    assert done.returncode != 0
    said = done.stderr.splitlines()[0]
    assert said.startswith("jsnas needs Python 3.11 to 3.14")
    assert said.endswith("make PYTHON=/path/to/python")
    assert not (tmp_path / "venv").exists()


def test_makefile_and_metadata_name_the_same_versions_of_python() -> None:
    makefile = (ROOT / "Makefile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    classified = {int(c.rpartition(".")[2]) for c in project["classifiers"] if re.search(r":: Python :: 3\.\d+$", c)}
    tried = {int(minor) for minor in re.findall(r"python3\.(\d+)", re.findall(r"^PYTHONS := .*$", makefile, re.M)[0])}
    (low, high) = map(int, re.findall(r"\(3, (\d+)\)", makefile))
    assert classified == tried == set(range(low, high))
    assert project["requires-python"] == f">=3.{low}"


@pytest.mark.parametrize(("goal", "extras"), [("demo", []), ("lint", ["dev"]), ("test", ["dev", "all"])])
def test_make_installs_the_extras_that_a_goal_needs(tmp_path: Path, goal: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plan = subprocess.run(
        ["make", "-C", str(ROOT), "-n", f"VENV={tmp_path}", goal], capture_output=True, text=True, check=True
    )
    core, *installed = re.findall(r"-e '(.*)'", plan.stdout)
    assert core == "."
    every = set(project["optional-dependencies"])
    assert [set(found.removeprefix(".[").removesuffix("]").split(",")) for found in installed] == [
        every if extra == "all" else {extra} for extra in extras
    ]


def test_no_dependency_has_an_upper_bound_on_torch_or_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (torch,) = (d for d in project["dependencies"] if re.match(r"torch\b", d))
    assert re.fullmatch(r"torch>=\d+\.\d+", torch)
    assert "<" not in project["requires-python"]
