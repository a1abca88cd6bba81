"""A run goes on as it was told to: changes are applied or refused by name, and what it is made of is compared."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nas
from nas.config.training import OptimizerSettings
from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.models.weights import load_weights
from nas.train.events import read_events
from nas.train.optimizers import make_optimizer, restore_optimizer
from nas.train.resuming import open_resumption
from nas.train.retrain import RetrainResult
from nas.train.run import Run
from nas.train.state import load_state, save_state
from tests.cli.running import run as command

TINY = {
    "model": "mspan",
    "task": "sr_x2",
    "network": {"width": 8, "distilled": 4, "n_blocks": 1},
    "data__batch": 2,
    "data__patch": 32,
    "data__validation": 1,
    "train__validate_every": 100,
    "train__log_every": 1,
    "train__checkpoint_every": 1,
    "train__schedule__name": "constant",
    "threads": 1,
}


def picture(path: Path, seed: int, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    write_image(path, np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)))


def photos_in(folder: Path, first: int = 0) -> Path:
    for seed in range(first, first + 5):
        picture(folder / f"p{seed:02}.png", seed)
    return folder


def train(folder: Path, photos: Path | str, **changes: Any) -> RetrainResult:
    return nas.retrain(out=folder, **{**TINY, "data__path": [str(photos)], "train__steps": 2, **changes})


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds photos/ and run/, a finished training of two steps on them; for copies only."""
    folder = tmp_path_factory.mktemp("begun")
    photos_in(folder / "photos")
    before = Path.cwd()
    os.chdir(folder)
    try:
        train(Path("run"), "photos")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def place(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``begun``, which is the current folder; its run stands at step 2 of 3."""
    shutil.copytree(begun, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    record = Path("run/made_of.json")
    record.write_text(record.read_text().replace(str(begun), str(tmp_path / "place")))
    unfinished(Path("run"))
    return tmp_path / "place"


def unfinished(run: Path) -> None:
    (run / "summary.json").unlink()
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("steps: 2\n", "steps: 3\n"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_finished_training_that_gets_more_steps_ends_as_if_it_had_had_them(tmp_path: Path) -> None:
    photos = photos_in(tmp_path / "photos")
    whole = train(tmp_path / "whole", photos, train__steps=4, train__ema=0.9, train__optimizer__weight_decay=0.01)
    short = train(tmp_path / "cut", photos, train__steps=2, train__ema=0.9, train__optimizer__weight_decay=0.01)
    assert nas.retrain(resume=short.run).seconds == 0  # unchanged: there is nothing to do
    longer = nas.retrain(resume=short.run, train__steps=4)
    assert (longer.weights_hash, longer.scores) == (whole.weights_hash, whole.scores)
    assert longer.weights_hash != short.weights_hash
    trained = [e for e in read_events(longer.run) if e["kind"] == "train"]
    assert trained == [e for e in read_events(whole.run) if e["kind"] == "train"]
    assert Run.open(longer.run).settings.train.steps == 4 and Run.open(longer.run).finished


def test_changes_are_applied_and_remembered(place: Path) -> None:
    nas.retrain(
        resume="run",
        assign=["train.optimizer.lr=0.125", "train.clip=1"],
        data__batch=1,
        data__workers=0,
        train__steps=5,
    )
    settings = Run.open("run").settings
    assert (settings.train.optimizer.lr, settings.train.clip, settings.data.batch) == (0.125, 1.0, 1)
    (entry,) = Run.open("run").history()
    assert entry["step"] == 2 and entry["forced"] == []
    assert entry["changes"] == {
        "data.batch": [2, 1],
        "train.steps": [3, 5],
        "train.optimizer.lr": [1e-3, 0.125],
        "train.clip": [None, 1.0],
    }
    rates = [e["lr"] for e in read_events(place / "run") if e["kind"] == "train"]
    assert rates == [1e-3, 1e-3, 0.125, 0.125, 0.125]
    assert load_weights("run/weights.safetensors").training["resumed_with"][0]["changes"]["data.batch"] == [2, 1]


def test_an_unchanged_resume_leaves_settings_and_record_as_they_were(place: Path) -> None:
    kept = ("config.yaml", "data.json", "made_of.json")
    before = [Path("run", name).read_bytes() for name in kept]
    nas.retrain(resume="run")
    assert [Path("run", name).read_bytes() for name in kept] == before
    assert not Path("run/history.jsonl").exists() and not Path("run/run.lock").exists()


def test_a_changed_decay_reaches_the_optimiser_and_its_moments_stay() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    before = make_optimizer([weight], OptimizerSettings(lr=0.1))
    weight.grad = torch.ones(2)
    before.step()
    after = make_optimizer([weight], OptimizerSettings(lr=0.5, weight_decay=0.25, betas=(0.5, 0.6), eps=1e-3))
    restore_optimizer(after, before.state_dict())
    group = after.param_groups[0]
    assert (group["lr"], group["weight_decay"], group["betas"], group["eps"]) == (0.5, 0.25, (0.5, 0.6), 1e-3)
    assert torch.equal(after.state[weight]["exp_avg"], before.state[weight]["exp_avg"])


def test_a_stretched_schedule_is_said(place: Path) -> None:
    found = open_resumption(
        "run", nas.config.runs.RetrainSettings, {"train__steps": 20}, ["train.schedule.name=cosine"]
    )
    (sentence,) = found.notes
    assert "step 2" in sentence and "20 steps" in sentence and "0.001" in sentence


#: words beside --resume -> what the refusal names
REFUSED = {
    ("--task", "sr_x3"): "task",
    ("mspan_other",): "model",
    ("--patch", "48"): "data.patch",
    ("--width", "16"): "network.width",
    ("--cells", "2"): "network.cells",
    ("--seed", "7"): "seed",
    ("--space", "osm"): "space",
    ("--preset", "small"): "preset",
    ("--init-from", "other.safetensors"): "init_from",
    ("--config", "/nowhere.yaml"): "--config",
    ("--out", "elsewhere"): "--out",
    ("--set", "train.nonsense=1"): "train.nonsense",
    ("--set", "train.loss=l2"): "train.loss",
    ("--set", "train.ema=0.9"): "train.ema",
    ("--set", "train.optimizer.name=adamw"): "train.optimizer.name",
    ("--set", "data.split_seed=4"): "data.split_seed",
    ("--set", "data.validation=2"): "data.validation",
    ("--set", "network.n_blocks=2"): "network.n_blocks",
    ("--set", "steps"): "steps",
    ("--steps", "1"): "2",
    ("--data", "/nowhere"): "/nowhere",
    ("--device", "abacus"): "abacus",
    ("--plugin", "/nowhere/blocks.py"): "/nowhere/blocks.py",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["train", "dry-run"])
def test_what_cannot_change_is_refused_by_name_and_nothing_is_touched(
    words: tuple[str, ...], dry: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(place / "run")
    outcome = command(capsys, "retrain", "--resume", "run", *words, *dry)
    assert outcome.code == 2 and REFUSED[words] in outcome.err
    assert contents(place / "run") == before


@pytest.mark.parametrize("words", [("--lr", "1e-9"), ("--batch", "16"), ("--workers", "1"), ("--data", "/nowhere")])
def test_a_finished_run_refuses_changes_without_more_steps(
    words: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("run/summary.json").write_text("{}")
    before = contents(place / "run")
    outcome = command(capsys, "retrain", "--resume", "run", *words)
    assert outcome.code == 2 and "--steps" in outcome.err and contents(place / "run") == before


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--steps", "9"),
        ("--lr", "1e-4", "--batch", "1"),
        ("--data", "photos"),
        ("--time", "1h"),
        ("--threads", "1"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("ended", [False, True], ids=["unfinished", "finished"])
def test_a_dry_run_trains_nothing_and_says_where_the_run_stands(
    words: tuple[str, ...], ended: bool, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if ended:
        Path("run/summary.json").write_text("{}")
    before = contents(place / "run")
    outcome = command(capsys, "retrain", "--resume", "run", *words, "--dry-run")
    assert contents(place / "run") == before
    if outcome.code == 2:  # a finished run that gets no more steps
        assert ended and "--steps" in outcome.err
    else:
        assert "step 2" in outcome.out and "parameters" in outcome.out


def add(place: Path) -> None:
    picture(place / "photos" / "a.png", 50)


def rename(place: Path) -> None:
    (place / "photos" / "p00.png").rename(place / "photos" / "z.png")


def move_the_run(place: Path) -> None:
    (place / "elsewhere").mkdir()
    (place / "run").rename(place / "elsewhere" / "run")
    os.chdir(place / "elsewhere")


def move_the_run_beside_other_photos(place: Path) -> None:
    move_the_run(place)
    photos_in(place / "elsewhere" / "photos", 70)


def forget_the_digests(place: Path) -> None:
    (place / "run" / "made_of.json").unlink()


def forget_the_digests_and_add(place: Path) -> None:
    forget_the_digests(place)
    add(place)


def lose_the_names(place: Path) -> None:
    (place / "run" / "data.json").unlink()


def lose_both(place: Path) -> None:
    lose_the_names(place)
    forget_the_digests(place)


def leave_a_dead_lock(place: Path) -> None:
    (place / "run" / "run.lock").write_text('{"pid": 999999999, "host": "here"}')
    os.utime(place / "run" / "run.lock", (1, 1))


HARMLESS: list[Callable[[Path], None]] = [
    *(add, rename, move_the_run, move_the_run_beside_other_photos, forget_the_digests, forget_the_digests_and_add),
    *(lose_the_names, lose_both, leave_a_dead_lock),
]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
def test_a_run_ends_in_the_same_weights_whatever_was_added_renamed_moved_or_lost(
    change: Callable[[Path], None], place: Path
) -> None:
    shutil.copytree("run", "plain")
    expected = nas.retrain(resume="plain").weights_hash
    names = json.loads(Path("run/data.json").read_text())
    change(place)
    result = nas.retrain(resume="run")
    assert result.weights_hash == expected
    assert json.loads((result.run / "data.json").read_text()) == names
    assert (result.run / "made_of.json").is_file()


def remove(place: Path) -> str:
    (place / "photos" / "p00.png").unlink()
    return "p00"


def edit(place: Path) -> str:
    picture(place / "photos" / "p01.png", 99)
    return "p01"


def other_torch(place: Path) -> str:
    return _other_version("torch")


def other_numpy(place: Path) -> str:
    return _other_version("numpy")


def other_jsnas(place: Path) -> str:
    return _other_version("jsnas")


def _other_version(package: str) -> str:
    record = json.loads(Path("run/made_of.json").read_text())
    record["versions"][package] = "0.0.1"
    Path("run/made_of.json").write_text(json.dumps(record))
    return f"{package} is "


HARMFUL = [remove, edit, other_torch, other_numpy, other_jsnas]


@pytest.mark.parametrize("change", HARMFUL, ids=lambda f: f.__name__)
def test_what_differs_is_named_and_needs_force(change: Callable[[Path], str], place: Path) -> None:
    words = change(place)
    before = contents(place / "run")
    with pytest.raises(UsageError, match="--force") as refused:
        nas.retrain(resume="run")
    assert words in str(refused.value) and contents(place / "run") == before
    result = nas.retrain(resume="run", force=True)
    (entry,) = Run.open("run").history()
    assert any(words in clause for clause in entry["forced"])
    held = set(json.loads(Path("run/data.json").read_text())["validation"])
    assert not held & set(json.loads(Path("run/data.json").read_text())["weights"])
    (result.run / "summary.json").unlink()
    nas.retrain(resume="run")  # what was forced once is the record now


def test_a_folder_named_by_data_is_compared_and_remembered(place: Path) -> None:
    photos_in(place / "other", 70)
    shutil.move("photos", "moved")
    with pytest.raises(UsageError, match="not found at photos"):
        nas.retrain(resume="run")
    with pytest.raises(UsageError, match="5 images are missing"):
        nas.retrain(resume="run", data__path=["other"])
    nas.retrain(resume="run", data__path=["moved"])
    assert Run.open("run").settings.data.path == ["moved"]
    record = json.loads(Path("run/made_of.json").read_text())
    assert record["paths"]["data.path"] == [str(place / "moved")]


def test_training_on_other_images_is_not_forced_either(place: Path) -> None:
    photos_in(place / "other", 70)
    with pytest.raises(UsageError, match="start a new run"):
        nas.retrain(resume="run", data__path=["other"], force=True)


@pytest.mark.parametrize("wrong", ["wider", "empty", "no learner", "half a generator", "a list", "other names"])
def test_a_state_that_does_not_fit_is_refused_in_a_sentence(wrong: str, place: Path) -> None:
    state = load_state(Path("run/state"))
    assert state is not None
    model = state["learner"]["model"]
    if wrong == "wider":
        state["learner"]["model"] = {k: v.repeat(2, *[1] * (v.dim() - 1)) if v.dim() else v for k, v in model.items()}
    elif wrong == "empty":
        state["learner"] = {}
    elif wrong == "no learner":
        del state["learner"]
    elif wrong == "half a generator":
        state["random"]["numpy"] = [1]
    elif wrong == "a list":
        state["scores"] = [1, 2]
    else:
        state["learner"]["model"] = {f"x.{k}": v for k, v in model.items()}
    step = state.pop("step")
    save_state(Path("run/state"), step, state)
    with pytest.raises(NasError) as refused:
        nas.retrain(resume="run")
    assert "saved state" in str(refused.value) and "weights_only" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"data__patch": 64}, "too small"),
        ({"data__validation": 9}, "too few"),
        ({"data__path": ["/nowhere"]}, "/nowhere"),
        ({"network": {"wdth": 8}}, "wdth"),
        ({"train__criterion": {"los": "mae"}}, "los"),
        ({"init_from": "/nowhere.safetensors"}, "/nowhere"),
        ({"device": "cuda:99"}, "cuda"),
        ({"model": "mspam"}, "mspan"),
        ({"task": "sr_x9"}, "sr_x9"),
        ({"plugins": ["/nowhere.py"]}, "/nowhere.py"),
        ({"data__patch": 33}, "multiple"),
    ],
)
def test_a_failed_start_leaves_no_folder(wrong: dict[str, Any], words: str, place: Path) -> None:
    with pytest.raises((UsageError, NasError, TypeError), match=words):
        train(place / "new", "photos", **wrong)
    assert not (place / "new").exists()


def test_a_run_that_died_before_its_first_state_is_made_anew_by_the_corrected_command(place: Path) -> None:
    shutil.rmtree("run/state")
    Path("run/weights.safetensors").unlink()
    train(Path("run"), "photos", data__batch=1)
    assert Run.open("run").settings.data.batch == 1
    with pytest.raises(UsageError, match="already contains a run"):
        train(Path("run"), "photos")


@pytest.mark.parametrize("lost", ["space.json", "genotype.json", "data.json", "made_of.json", "all"])
def test_missing_pieces_of_a_derived_training_are_made_again(lost: str, place: Path) -> None:
    derived = {"model": "jsnet_released", "network": {"cells": 1, "width": 8}, "train__steps": 1}
    names = ["space.json", "genotype.json", "data.json", "made_of.json"] if lost == "all" else [lost]
    train(place / "derived", "photos", **derived)
    before = {name: Path("derived", name).read_bytes() for name in names}
    for name in [*names, "summary.json"]:
        Path("derived", name).unlink()
    nas.retrain(resume="derived")
    assert {name: Path("derived", name).read_bytes() for name in names} == before


def test_a_training_goes_on_without_the_file_of_its_genotype(place: Path) -> None:
    nas.space.load_genotype("jsnet_released").save("mine.json")
    derived = {"model": "mine.json", "network": {"cells": 1, "width": 8}}
    short = train(place / "derived", "photos", **derived)
    Path("mine.json").unlink()
    assert nas.retrain(resume=short.run, train__steps=3).weights_hash != short.weights_hash
