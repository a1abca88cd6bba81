"""A network learns from a teacher: frozen, in its own value range, and refused where it does another task."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import nas
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.models.weights import read_metadata
from nas.tasks import get_task
from nas.train.events import read_events
from nas.train.losses import task_criterion
from nas.train.retrain import RetrainResult
from nas.train.teacher import Teacher, taught, teacher_of
from tests.train.test_finite import Pixel
from tests.train.test_resume import photos_in, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RetrainResult]:
    folder = tmp_path_factory.mktemp("teacher")
    photos = photos_in(folder / "photos")
    return photos, train(folder / "teacher", photos)


def test_the_loss_is_that_of_the_target_and_that_of_the_teacher() -> None:
    student, model = Pixel(), Pixel()
    with torch.no_grad():
        model.weight.mul_(2)
    chosen = TrainSettings(teacher_weight=0.25, teacher_loss="l2")
    teacher = Teacher(model, "pixel", chosen, "cpu")
    criterion = taught(task_criterion("l1"), teacher, 255.0)
    degraded, target = torch.full((2, 1, 2, 2), 3.0), torch.zeros(2, 1, 2, 2)
    loss, parts = criterion(student(degraded), degraded, target, 0)
    # student 2 * 3 = 6, teacher 4 * 3 = 12
    assert float(loss.detach()) == pytest.approx(6 + 0.25 * 36) and parts == {"teacher": pytest.approx(9.0)}
    loss.backward()  # type: ignore[no-untyped-call]
    assert student.weight.grad is not None and model.weight.grad is None
    assert criterion.identity == "l1 on 0..255, and 0.25 l2 to the teacher"


def test_a_training_learns_from_a_run_and_records_it(trained: tuple[Path, RetrainResult], tmp_path: Path) -> None:
    photos, teacher = trained
    alone = train(tmp_path / "alone", photos, seed=5)
    result = train(tmp_path / "run", photos, seed=5, train__teacher=str(teacher.run))
    assert result.weights_hash != alone.weights_hash
    assert all(e["teacher"] > 0 for e in read_events(result.run) if e["kind"] == "train")
    record = json.loads(read_metadata(result.weights)["training"])
    assert record["teacher"] == f"mspan#{teacher.weights_hash}" and "to the teacher" in record["criterion"]
    weightless = train(tmp_path / "zero", photos, seed=5, train__teacher=str(teacher.weights), train__teacher_weight=0)
    assert weightless.weights_hash == alone.weights_hash


def test_it_resumes_to_the_same_weights_from_elsewhere_too(
    trained: tuple[Path, RetrainResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, teacher = trained
    named = os.path.relpath(teacher.run)
    whole = train(tmp_path / "whole", photos, train__steps=4, train__teacher=named)
    train(tmp_path / "cut", photos, train__teacher=named)
    monkeypatch.chdir(tmp_path)
    again = nas.retrain(resume=tmp_path / "cut", train__steps=4)
    assert again.weights_hash == whole.weights_hash


@pytest.mark.parametrize(("task", "words"), [("sr_x3", "enlarges by 2"), ("sr_gray_x2", "works on 3 channel")])
def test_a_teacher_of_another_task_is_refused(trained: tuple[Path, RetrainResult], task: str, words: str) -> None:
    settings = build(RetrainSettings, task=task, train__teacher=str(trained[1].weights))
    with pytest.raises(UsageError, match=words):
        teacher_of(settings, get_task(task))


def test_one_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    settings = build(RetrainSettings, train__teacher=str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"teacher .* does not exist; give a \.safetensors file"):
        teacher_of(settings, get_task("sr_x2"))
