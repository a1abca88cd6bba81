"""Every baseline refuses unknown settings in a sentence with the nearest name; a smaller JSNet can be asked for."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import baselines
from nas.errors import UsageError
from nas.models.baseline import Baseline
from nas.registry import BASELINES
from tests.cli.running import run, succeed

NAMES = BASELINES.names()
UNKNOWN = ("foo", "", "n-feats", "Scale", "layer", "__class__", "self", "kwargs")


def task_of(name: str) -> str:
    """The task that the default network of a baseline is for."""
    return "derain" if "derain" in BASELINES.get(name).tasks else "sr_x2"


@pytest.mark.parametrize("setting", UNKNOWN)
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_wrong_use_in_a_sentence_with_the_known_ones(name: str, setting: str) -> None:
    with pytest.raises(UsageError) as caught:
        baselines.create(name, **{setting: 1})
    assert f"{name} has no setting {setting!r}" in str(caught.value) and "known: " in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_the_nearest_setting_is_offered_and_all_are_known_without_building_anything(name: str) -> None:
    settings = list(inspect.signature(BASELINES.get(name).create).parameters)
    assert settings and not {"args", "kwargs", "keywords", "config"} & set(settings)
    with pytest.raises(UsageError) as caught:
        baselines.create(name, **{f"{settings[-1]}x": 1})
    assert f"did you mean {settings[-1]!r}?" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_number_is_asked_for_where_one_is_needed(name: str) -> None:
    parameters = inspect.signature(BASELINES.get(name).create).parameters.values()
    whole = next(p.name for p in parameters if p.annotation == "int")
    for value in ("two", 1.5, True, None, [1]):
        with pytest.raises(UsageError, match=f"{name}: {whole} must be a whole number, not"):
            baselines.create(name, **{whole: value})


@pytest.mark.parametrize("flag", [("--cells", "3"), ("--width", "8"), ("--set", "network.foo=1")])
@pytest.mark.parametrize("name", [n for n in NAMES if BASELINES.get(n).trainable])
def test_on_the_command_line_a_setting_is_taken_or_refused_with_exit_code_2(
    name: str, flag: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    known = {**inspect.signature(BASELINES.get(name).create).parameters, **BASELINES.get(name).aliases}
    setting = flag[0].lstrip("-") if flag[0] != "--set" else "foo"
    if setting in known:
        pytest.skip("taken; see below")
    ended = run(capsys, "retrain", name, "--task", task_of(name), *flag, "--dry-run")
    assert ended.code == 2 and f"{name} has no setting {setting!r}" in ended.err and "Error" not in ended.err


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ({"cells": 3}, {"layers": 3}),
        ({"width": 8}, {"C": 8}),
        ({"cells": 1, "width": 8}, {"layers": 1, "C": 8}),
        ({"cells": 2, "layers": 2}, {"layers": 2}),
    ],
)
def test_a_smaller_jsnet_keeps_its_genotype(settings: dict[str, Any], own: dict[str, Any]) -> None:
    small, meant = baselines.create("jsnet", **settings), baselines.create("jsnet", **own)
    assert small.descriptor == meant.descriptor
    assert small.descriptor.config["genotype"] == baselines.create("jsnet", layers=1).descriptor.config["genotype"]
    assert {k: v.shape for k, v in small.state_dict().items()} == {k: v.shape for k, v in meant.state_dict().items()}


def test_a_setting_under_both_names_is_refused_where_they_differ() -> None:
    with pytest.raises(UsageError, match="'cells' and 'layers' are one setting, given as 3 and 2"):
        baselines.create("jsnet", cells=3, layers=2)


@pytest.mark.parametrize("preset", [(), ("--preset", "small")])
def test_a_smaller_jsnet_is_trained_from_the_command_line(
    preset: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = succeed(
        capsys,
        "retrain",
        "jsnet",
        "--task",
        "sr_x2",
        *preset,
        "--cells",
        "3",
        "--width",
        "8",
        "--patch",
        "48",
        "--dry-run",
    )
    parameters = sum(p.numel() for p in baselines.create("jsnet", layers=3, C=8).parameters())
    assert f"parameters      {parameters:,} " in out


def test_a_baseline_of_another_package_needs_no_checks_of_its_own() -> None:
    def create(depth: int = 2, slope: float = 1, name: str = "x", bias: bool = True) -> Any:
        return depth, slope, name, bias

    other = Baseline("other", "", (), create, lambda task: {}, folder=None)  # type: ignore[arg-type]
    assert other.create(depth=3, slope=0.5) == (3, 0.5, "x", True)
    for wrong, words in (
        ({"dept": 1}, "did you mean 'depth'"),
        ({"bias": 1}, "true or false"),
        ({"name": 3}, "a word"),
    ):
        with pytest.raises(UsageError, match=words):
            other.create(**wrong)
