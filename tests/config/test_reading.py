"""Settings: one tree, read from YAML, flags and dotted assignments; faults name the setting."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nas.config.reading import build, to_yaml
from nas.config.runs import RetrainSettings, SearchSettings
from nas.errors import UsageError
from nas.strategies.base import GradientSettings


def test_assignments_beat_flags_beat_the_file_beat_defaults(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("train: {steps: 7, optimizer: {lr: 5e-4}}\ndata: {batch: 3}\n")
    settings = build(SearchSettings, file, ["data.batch=5"], train__steps=9, seed=None)
    assert (settings.train.steps, settings.data.batch, settings.train.optimizer.lr) == (9, 5, 5e-4)
    assert settings.data.patch == SearchSettings().data.patch


def test_a_flag_for_one_part_keeps_the_siblings_defaults() -> None:
    settings = build(RetrainSettings, train__steps=3)
    assert build(RetrainSettings).train.optimizer == settings.train.optimizer
    searched = build(SearchSettings, None, ["search.optimizer.lr=5e-3"]).search.own(GradientSettings)
    assert searched.optimizer.lr == 5e-3
    assert searched.optimizer.weight_decay == GradientSettings().optimizer.weight_decay > 0


@pytest.mark.parametrize("kind", [SearchSettings, RetrainSettings])
def test_the_written_configuration_reads_back_equal(kind: type, tmp_path: Path) -> None:
    settings = build(kind, None, ["train.optimizer.betas=[0.8, 0.9]", "seed=4"])
    (tmp_path / "c.yaml").write_text(to_yaml(settings))
    assert build(kind, tmp_path / "c.yaml") == settings
    assert set(yaml.safe_load(to_yaml(settings))) == set(kind.model_fields)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.stepz=3", "did you mean 'steps'"),
        ("trian.steps=3", "did you mean 'train'"),
        ("train.steps=-1", "train.steps"),
        ("data.batch=many", "data.batch"),
        ("train.loss=3", "setting 'train.loss': input should be a valid string"),
        ("train.loss={l1: much}", "train.loss"),
        ("train.steps", "key.subkey=value"),
        ("seed=[", "not valid YAML"),
        ("train.steps.more=1", "train.steps"),
        (f"data.batch={10**80}", "data.batch.*no setting is that large"),
        ("seed\nx=[", r"^--set 'seed\\nx', line 1: not valid YAML"),
    ],
)
def test_a_wrong_setting_is_named(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(SearchSettings, None, [assignment])


def test_overrides_of_the_space_keep_their_dots() -> None:
    settings = build(SearchSettings, None, ["overrides.network.cells=3"], overrides={"network.width": 16})
    assert settings.overrides == {"network.width": 16, "network.cells": 3}


@pytest.mark.parametrize("text", ["- a\n", "a: [", "\x00"])
def test_a_malformed_file_is_one_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"c\.yaml"):
        build(SearchSettings, tmp_path / "c.yaml")


@pytest.mark.parametrize("value", [2**63, 10**80])
def test_a_flag_beyond_any_library_is_refused(value: int) -> None:
    with pytest.raises(UsageError, match=r"data\.batch.*digits; the largest is"):
        build(SearchSettings, None, [], data__batch=value)
