"""Imports run one way: a package of nas/ imports only those that stand above it in the list of the design."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.import_graph import circles, imports_of, modules_of, upward_imports

ROOT = Path(__file__).parents[1]
#: single files that everything may import and that import no package
GROUND = ("documents", "errors", "files", "keywords", "machine", "names", "progress", "registry", "signals", "versions")
#: an arrow runs from a package only to those before it
ORDER = (
    "config",
    "statistics",
    "images",
    "space",
    "tasks",
    "models",
    "data",
    "supernet",
    "profiling",
    "evaluation",
    "objectives",
    "train",
    "restoration",
    "strategies",
    "estimators",
    "engines",
    "experiments",
    "report",
    "bench",
    "cli",
)
#: found through entry points, never imported by name
PLUGGED_IN = ("search_spaces", "baselines", "results")
#: what models may not know: how they are trained, searched and measured
BEYOND_MODELS = ORDER[ORDER.index("profiling") :]


def test_no_package_imports_one_that_stands_below_it_in_the_design() -> None:
    assert upward_imports(ROOT, "nas", ORDER, GROUND) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(ROOT, "nas") == []


@pytest.mark.parametrize("package", PLUGGED_IN[:2])
def test_models_import_in_no_circle_either(package: str) -> None:
    assert circles(ROOT, package) == []


def test_every_package_stands_in_the_design() -> None:
    found = {p.name for p in (ROOT / "nas").iterdir() if (p / "__init__.py").is_file()}
    files = {p.stem for p in (ROOT / "nas").glob("*.py")} - {"__init__", "__main__"}
    assert found == set(ORDER)
    assert files == set(GROUND)


def test_the_platform_finds_models_and_spaces_by_entry_points_only() -> None:
    modules = modules_of(ROOT, "nas")
    wrong = [
        f"{name}:{line} {imported}"
        for name, file in modules.items()
        for imported, line in imports_of(file, ROOT, modules)
        if imported.split(".")[0] in PLUGGED_IN
    ]
    assert wrong == []


def test_the_space_language_imports_no_torch() -> None:
    modules = modules_of(ROOT, "nas")
    wrong = [
        f"{name}:{line}"
        for name, file in modules.items()
        if name.startswith("nas.space")
        for imported, line in imports_of(file, ROOT, modules)
        if imported.split(".")[0] == "torch"
    ]
    assert wrong == []


@pytest.mark.parametrize("package", PLUGGED_IN[:2])
def test_models_know_nothing_of_training_searching_and_evaluating(package: str) -> None:
    modules = modules_of(ROOT, package) | modules_of(ROOT, "nas")
    wrong = [
        f"{name}:{line} {imported}"
        for name, file in modules_of(ROOT, package).items()
        for imported, line in imports_of(file, ROOT, modules)
        if imported.startswith("nas.") and imported.split(".")[1] in BEYOND_MODELS
    ]
    assert wrong == []


def _planted(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / "nas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        (path.parent / "__init__.py").touch()
    return root


UPWARD = {
    "at the top": "from nas.train.loop import train\n",
    "as a module": "import nas.train.loop\n",
    "a module from its package": "from nas.train import loop\n",
    "the package itself": "from nas import train\n",
    "in a function": "def f():\n    from nas.train.loop import train\n    return train\n",
    "for type checking": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nas.train.loop import train\n",
    "relative": "from ..train.loop import train\n",
}


@pytest.mark.parametrize("text", UPWARD.values(), ids=UPWARD)
def test_a_planted_upward_import_is_found(tmp_path: Path, text: str) -> None:
    files = {"data/patches.py": text, "train/loop.py": "train = 1\n", "train/run.py": "import nas.data.patches\n"}
    (found,) = upward_imports(_planted(tmp_path, files), "nas", ORDER, GROUND)
    assert "nas/data/patches.py" in found and "train" in found


def test_an_import_from_the_ground_is_upward(tmp_path: Path) -> None:
    files = {"files.py": "import nas.config.sections\n", "config/sections.py": ""}
    assert len(upward_imports(_planted(tmp_path, files), "nas", ORDER, GROUND)) == 1


CIRCLES = {
    "two files": {"a/one.py": "import nas.a.two\n", "a/two.py": "from nas.a.one import x\n"},
    "in functions": {"a/one.py": "def f():\n    import nas.a.two\n", "a/two.py": "def g():\n    import nas.a.one\n"},
    "for type checking": {
        "a/one.py": "from nas.a import two\n",
        "a/two.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from nas.a.one import x\n",
    },
    "over three packages": {
        "a/one.py": "import nas.b.two\n",
        "b/two.py": "import nas.c.three\n",
        "c/three.py": "import nas.a.one\n",
    },
}


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_a_planted_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    (found,) = circles(_planted(tmp_path, files), "nas")
    assert found == sorted(f"nas.{name[:-3].replace('/', '.')}" for name in files)


def test_a_tree_without_circles_has_none(tmp_path: Path) -> None:
    files = {"a/one.py": "import nas.b.two\nimport nas.b.three\n", "b/two.py": "import nas.b.three\n", "b/three.py": ""}
    assert circles(_planted(tmp_path, files), "nas") == []
