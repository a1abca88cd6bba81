"""Nothing in nas/ knows the strategies, estimators and skeletons by name: it finds them in their registries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.registry import ESTIMATORS, STRATEGIES
from nas.space.blocks import SKELETONS

ROOT = Path(__file__).parents[1]
#: where a name may stand, and why
ALLOWED = {
    ("nas/config/runs.py", "pc_darts"): "default of the settings",
    ("nas/config/search.py", "train"): "default of the settings",
    ("nas/space/genotype.py", "jsnet"): "default of old documents",
    ("nas/space/schema.py", "jsnet"): "default of old documents",
    ("nas/estimators/inherited_weights.py", "single_path"): "default of the settings",
    ("nas/engines/nni/engine.py", "nni"): "logger and folder of NNI itself",
}
#: names that are words of other things too (a section of the settings, kinds of events, keys of a state); they are
#: looked for only where a strategy or an estimator is named
WORDS = {"train", "supernet", "random", "table", "residual"}
NAMES = {*STRATEGIES.names(), *ESTIMATORS.names(), *SKELETONS.names()}
#: what the settings that hold such a name are called
FIELDS = ("strategy", "estimator", "skeleton")
FILES = sorted((ROOT / "nas").rglob("*.py"))


def docstrings(tree: ast.Module) -> set[int]:
    holders = [n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)]
    first = [n.body[0] for n in holders if n.body]
    return {id(s.value) for s in first if isinstance(s, ast.Expr)}


def is_name_field(node: ast.expr | None) -> bool:
    """Whether an expression is ``settings.strategy``, ``"estimator"``, ``STRATEGIES`` and the like."""
    text = {ast.Attribute: "attr", ast.Name: "id", ast.Constant: "value"}.get(type(node), "")
    word = str(getattr(node, text, "")).lower()
    return word.endswith(FIELDS) or word in ("strategies", "estimators", "skeletons")


def naming_places(tree: ast.Module) -> Iterator[ast.expr]:
    """Expressions that stand where a strategy, an estimator or a skeleton is named."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and (node.arg or "").endswith(FIELDS):
            yield node.value
        elif isinstance(node, ast.Dict):
            yield from (v for k, v in zip(node.keys, node.values, strict=True) if is_name_field(k))
        elif isinstance(node, ast.Compare) and any(map(is_name_field, sides := [node.left, *node.comparators])):
            yield from sides
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_name_field(node.func.value):
            yield from node.args
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(map(is_name_field, targets)):
                yield node.value


def names_in(source: str) -> set[str]:
    """The names of strategies, estimators and skeletons that a module has as strings outside its docstrings."""
    tree = ast.parse(source)
    passed = docstrings(tree)
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in passed]
    found = {str(n.value) for n in strings if n.value in NAMES - WORDS}
    for place in naming_places(tree):
        found |= {str(n.value) for n in ast.walk(place) if isinstance(n, ast.Constant) and n.value in NAMES}
    return found


def test_names_of_strategies_estimators_and_skeletons_stand_in_the_stated_places_only() -> None:
    found = {(f.relative_to(ROOT).as_posix(), name) for f in FILES for name in names_in(f.read_text(encoding="utf-8"))}
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('if settings.strategy == "random": pass', {"random"}),
        ('build(estimator="train")', {"train"}),
        ('plain = {"estimator": "train"}', {"train"}),
        ('STRATEGIES.get("random")', {"random"}),
        ('x = "gdas" if y else z', {"gdas"}),
        ('def f():\n    "gdas"\n', set()),
        ('events.write("train")', set()),
    ],
)
def test_a_name_in_the_code_is_found_and_other_words_are_not(source: str, found: set[str]) -> None:
    assert names_in(source) == found
