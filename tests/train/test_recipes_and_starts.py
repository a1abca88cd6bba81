"""Recipes fit their tasks, progressive stages are a function of the step, and trainings start where they are told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import nas
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.config.training import ScheduleSettings
from nas.data.stages import Stage, timeline
from nas.errors import NasError, UsageError
from nas.images import write_image
from nas.models.weights import load_weights
from nas.registry import BASELINES
from nas.tasks import get_task
from nas.train.optimizers import make_optimizer
from nas.train.recipes import recipe
from nas.train.schedules import learning_rate
from nas.train.training_data import check_settings, open_training_data
from tests.train.test_model_task import TINY, TRAINABLE, command, supported

MSPAN = {"width": 8, "distilled": 4, "n_blocks": 1}
DSRIR = {"sn1_feats": 8, "sn2_feats": 8, "sn3_feats": 8, "feats_step1": 4, "feats_step2": 4, "reduction": 4}
PRESETS = {
    m: [p for p in yaml.safe_load((BASELINES.get(m).folder / "recipe.yaml").read_text()) if " for " not in p]
    for m in TRAINABLE
}
#: recipes that are meant for some of a model's tasks only
NARROW = {("mspan", "derain_reference"): ("derain",)}
RECIPES = [(m, preset) for m in TRAINABLE for preset in PRESETS[m]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skimage.data

    folder, image = tmp_path_factory.mktemp("photos"), skimage.data.astronaut()
    for i in range(5):
        write_image(folder / f"{i}.png", np.ascontiguousarray(image[60 * i : 60 * i + 48, 100:164]))
    return folder


def settings_of(model: str, preset: str, task: str) -> RetrainSettings:
    return build(RetrainSettings, recipe(model, preset, task), model=model, task=task)


@pytest.mark.parametrize(("model", "preset"), RECIPES, ids=[f"{m}-{p}" for m, p in RECIPES])
def test_every_recipe_fits_every_task_it_is_for(model: str, preset: str) -> None:
    baseline = BASELINES.get(model)
    least: dict[str, int] = {}
    for task in NARROW.get((model, preset), supported(model)):
        settings = settings_of(model, preset, task)
        check_settings(settings, get_task(task))
        config = {**baseline.config_for_task(task), **settings.network}
        if str(config) not in least:
            with torch.device("meta"):
                least[str(config)] = baseline.create(**config).descriptor.min_size
        for patch in [s.patch for s in settings.data.stages] or [settings.data.patch]:
            assert patch // get_task(task).scale >= least[str(config)], task
    assert {"published", "small"} <= set(PRESETS[model])


def test_published_patches_of_dlsn_are_48_pixels_before_enlargement() -> None:
    for task in BASELINES.get("dlsn").tasks:
        assert settings_of("dlsn", "published", task).data.patch == 48 * get_task(task).scale


@pytest.mark.parametrize(("preset", "falls"), [("published", (90_000, 120_000)), ("published_light", (3750, 5000))])
def test_jdnet_falls_twice_and_one_step_early(preset: str, falls: tuple[int, int]) -> None:
    train = settings_of("jdnet", preset, "derain").train
    for fall, before in zip(falls, (5e-4, 5e-5), strict=True):
        rates = [learning_rate(train.schedule, train.optimizer.lr, step, train.steps) for step in (fall - 2, fall - 1)]
        assert rates == pytest.approx([before, before / 10])


def test_milestones_multiply_once_each_and_the_offset_brings_them_forward() -> None:
    schedule = ScheduleSettings(name="milestones", milestones=[4, 6], gamma=0.1)
    assert [learning_rate(schedule, 1.0, s, 9) for s in (3, 4, 5, 6, 8)] == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])
    sooner = schedule.model_copy(update={"offset": 2})
    assert [learning_rate(sooner, 1.0, s, 9) for s in (1, 2, 4)] == pytest.approx([1, 0.1, 0.01])


def test_adamw_shrinks_the_weights_and_adam_does_not() -> None:
    from nas.config.training import OptimizerSettings

    found = {}
    for name in ("adam", "adamw"):
        weight = torch.nn.Parameter(torch.ones(1))
        optimizer = make_optimizer([weight], OptimizerSettings(name=name, lr=0.1, weight_decay=0.5))  # type: ignore
        weight.grad = torch.zeros(1)
        optimizer.step()
        found[name] = float(weight.detach())
    # Adam normalises the decay like any gradient: a step of lr; AdamW multiplies by 1 - lr * decay
    assert found["adam"] == pytest.approx(0.9, abs=1e-4) and found["adamw"] == pytest.approx(0.95)


def test_shares_of_a_shortened_training_are_kept_without_gaps() -> None:
    line = timeline(10, 7, [Stage(8, 4, 300), Stage(16, 2, 100)])
    assert [(s.first, s.end, s.patch, s.batch) for s in line.phases] == [(0, 5, 8, 4), (5, 7, 16, 2)]
    assert [line.at(step).patch for step in (0, 4, 5, 6, 99)] == [8, 8, 16, 16, 16]
    assert [line.epoch(step) for step in range(7)] == [0, 0, 1, 1, 2, 3, 3] and line.epochs == 4
    assert timeline(10, 0, [Stage(8, 4, 5)]).steps == 0


STAGES = [{"steps": 2, "patch": 24, "batch": 2}, {"steps": 1, "patch": 32, "batch": 1}]


def test_batches_of_stages_are_a_function_of_the_step(photos: Path) -> None:
    settings = build(
        RetrainSettings, task="sr_x2", data__path=[str(photos)], data__validation=1, data__stages=STAGES, train__steps=6
    )
    stream = open_training_data(settings, get_task("sr_x2"), {"weights": 1.0}).batches("weights")
    straight = [batch for batch, _ in zip(stream(0), range(7), strict=False)]
    assert [tuple(target.shape[::3]) for _, target in straight] == [(2, 24)] * 4 + [(1, 32)] * 3
    for start in (0, 3, 4, 6):
        degraded, target = next(iter(stream(start)))
        assert torch.equal(degraded, straight[start][0]) and torch.equal(target, straight[start][1])


def test_an_image_too_small_for_a_later_stage_is_refused_at_once(photos: Path) -> None:
    stages = [*STAGES, {"steps": 1, "patch": 64, "batch": 1}]
    settings = build(RetrainSettings, task="sr_x2", data__path=[str(photos)], data__stages=stages, train__steps=8)
    with pytest.raises(UsageError, match="too small for patch 64"):
        open_training_data(settings, get_task("sr_x2"), {"weights": 1.0}).batches("weights")


@pytest.mark.parametrize("change", [{"data__stages": STAGES}, {"train__schedule__unit": "epoch"}])
def test_stages_and_epochs_are_refused_in_a_search(change: dict[str, Any]) -> None:
    from nas.config.runs import SearchSettings

    with pytest.raises(UsageError, match="'nas retrain'"):
        check_settings(build(SearchSettings, **change), get_task("sr_x2"))


def test_a_progressive_training_resumes_exactly_across_its_stages(photos: Path, tmp_path: Path) -> None:
    """In whole epochs, with the rate of the epoch and AdamW, as DSRIR is trained."""
    whole = nas.retrain(
        model="dsrir",
        task="derain",
        network=DSRIR,
        data__path=[str(photos)],
        data__validation=0,
        data__stages=[{"steps": 13, "patch": 16, "batch": 2}, {"steps": 5, "patch": 24, "batch": 1}],
        data__whole_epochs=True,
        train__steps=18,
        train__optimizer={"name": "adamw", "weight_decay": 0.01},
        train__criterion={"contrast": "off"},
        train__schedule={"name": "cosine_after_warmup", "unit": "epoch", "warmup": 1},
        train__checkpoint_every=8,
        train__log_every=1,
        out=tmp_path / "whole",
    )
    training = load_weights(whole.weights).training
    # 5 images: 13 / 2.5 = 5.2, so five epochs of two whole batches, then one of five
    assert training["stages"] == [[10, 16, 2], [5, 24, 1]] and training["steps"] == 15
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    for late in (*(tmp_path / "cut" / "state").glob("*15.*"), tmp_path / "cut" / "summary.json"):
        late.unlink()
    assert nas.retrain(resume=tmp_path / "cut").weights_hash == whole.weights_hash


def tiny(model: str, task: str, photos: Path, out: Path, **more: Any) -> Any:
    pairs = (text.removeprefix("network.").split("=") for text in TINY[model] if text.startswith("network."))
    network = {key: yaml.safe_load(value) for key, value in pairs}
    data = {"data__path": [str(photos)], "data__validation": 0, "data__patch": 24, "data__batch": 1}
    return nas.retrain(model=model, task=task, out=out, **{"network": network, "train__steps": 1, **data, **more})


@pytest.mark.parametrize(
    ("model", "source", "target", "fresh"),
    [
        ("dlsn", "sr_x2", "sr_x3", "tail.0."),
        ("mspan", "sr_x2", "sr_x4", "reconstruction.1."),
        ("jsnet", "sr_x2", "sr_x3", "up."),
    ],
)
def test_another_scale_starts_from_all_but_the_upsampler(
    model: str, source: str, target: str, fresh: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patch = {"data__patch": 32} if model == "jsnet" else {}
    first = tiny(model, source, photos, tmp_path / "first", **patch)
    command(
        "retrain",
        model,
        "--task",
        target,
        "--init-from",
        str(first.weights),
        "--data",
        str(photos),
        "--steps",
        "0",
        "--patch",
        "48",
        "--out",
        str(tmp_path / "second"),
    )
    before, after = load_file(first.weights), load_file(tmp_path / "second" / "weights.safetensors")
    kept = [name for name in after if not name.startswith(fresh)]
    assert kept and all(torch.equal(after[name], before[name]) for name in kept)
    printed = capsys.readouterr().out
    record = load_weights(tmp_path / "second" / "weights.safetensors").training["init_from"]
    assert record["weights"] == first.weights_hash and record["task"] == source
    assert record["fresh"] and all(name.startswith(fresh) for name in record["fresh"])
    assert "started from weights.safetensors" in printed and record["fresh"][0] in printed


def test_the_same_network_is_tuned_further_and_resumes_without_the_file(photos: Path, tmp_path: Path) -> None:
    first = tiny("mspan", "sr_x2", photos, tmp_path / "first")
    again = tiny(
        "mspan",
        "sr_x2",
        photos,
        tmp_path / "again",
        network={},
        init_from=str(first.weights),
        train__steps=4,
        train__checkpoint_every=2,
    )
    assert again.notes == (f"started from weights.safetensors ({len(load_file(first.weights))} tensors)",)
    folder = tmp_path / "again"
    for late in (*(folder / "state").glob("*4.*"), folder / "summary.json", Path(first.weights)):
        late.unlink()
    assert nas.retrain(resume=tmp_path / "again").weights_hash == again.weights_hash


def test_weights_that_cannot_be_a_start_are_refused_by_name(photos: Path, tmp_path: Path) -> None:
    first = tiny("mspan", "sr_x2", photos, tmp_path / "first")
    with pytest.raises(UsageError, match="contains weights of mspan"):
        tiny("dlsn", "sr_x2", photos, tmp_path / "other", init_from=str(first.weights))
    with pytest.raises(NasError, match=r"head\.weight is \(8, 3, 3, 3\) instead of \(16, 3, 3, 3\)"):
        tiny("mspan", "sr_x2", photos, tmp_path / "wide", init_from=str(first.weights), network={"width": 16})
    with pytest.raises(UsageError, match="does not exist"):
        tiny("mspan", "sr_x2", photos, tmp_path / "none", init_from=str(tmp_path / "none.safetensors"))


def vgg(folder: Path) -> str:
    from baselines.dsrir.extractor import seeded_extractor

    made = seeded_extractor(0.0625, seed=3)
    indices = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
    state = {}
    for i, n in enumerate(indices):
        state |= {f"features.{n}.{kind}": made.get_buffer(f"{kind}{i}") for kind in ("weight", "bias")}
    save_file(state, folder / "vgg.safetensors")
    return str(folder / "vgg.safetensors")


@pytest.mark.parametrize(
    ("model", "options", "identity"),
    [
        ("dsrir", {"extractor_width": 0.0625, "extractor_seed": 5}, "seeded vgg19 front, width 0.0625, seed 5"),
        ("dsrir", {"contrast": "off"}, "contrast off"),
        ("dsrir", {"vgg_weights": "FILE"}, "vgg19 weights vgg.safetensors, sha256 "),
        ("jdnet", {}, "neg_ssim"),
        ("jdnet", {"loss": "mae"}, "mae"),
        ("mspan", {}, "l1 on 0..255"),
        ("mspan", {"ssim": 1.1, "l1": 0.75}, "-1.1 SSIM + 0.75 l1"),
    ],
)
def test_the_weights_file_says_what_the_loss_was(
    model: str, options: dict[str, Any], identity: str, photos: Path, tmp_path: Path
) -> None:
    chosen = {k: vgg(tmp_path) if v == "FILE" else v for k, v in options.items()}
    result = tiny(model, "derain", photos, tmp_path / "run", train__criterion=chosen)
    assert load_weights(result.weights).training["criterion"].startswith(identity)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("jsnet", {"loss": "mae"}, "has no loss of its own"),
        ("jdnet", {"los": "mae"}, "unknown option 'los'"),
        ("mspan", {"sim": 1}, "did you mean 'ssim'"),
        ("mspan", {"ssim": -1}, "must be positive"),
    ],
)
def test_options_of_a_loss_that_is_not_there_are_refused(
    model: str, options: dict[str, Any], words: str, photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        tiny(model, "derain", photos, tmp_path / "run", train__criterion=options)


def test_size_flags_replace_the_stages_of_a_recipe(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(
        "retrain", "dsrir", "--task", "derain", "--preset", "small", "--patch", "32", "--data", str(photos), "--dry-run"
    )
    shown = yaml.safe_load(capsys.readouterr().out.split("\n\n", 1)[1])
    assert shown["data"]["stages"] == [] and shown["data"]["patch"] == 32
