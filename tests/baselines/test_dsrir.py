"""DSRIR as a baseline of the platform: sizes, tasks, conversion, loss options, schedule, recipes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import baselines
from baselines.dsrir.criterion import DSRIRCriterion
from baselines.dsrir.extractor import load_extractor, seeded_extractor
from baselines.dsrir.sizes import crop8, pad8
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data.stages import Stage, last_epochs, timeline
from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore
from nas.profiling.costs import count_costs
from nas.registry import BASELINES
from nas.train.recipes import recipe
from nas.train.schedules import learning_rate

MANIFEST: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "dsrir" / "manifest.json").read_text())
NARROW: dict[str, Any] = MANIFEST["train"]["constructor"]
SCHEDULES = MANIFEST["schedules"]
TINY = {"extractor_width": 0.0625}


@pytest.fixture
def narrow() -> torch.nn.Module:
    return baselines.create("dsrir", **NARROW).eval()


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (13, 18), (5, 30), (1, 9)])
def test_any_size_comes_back_in_every_output(narrow: torch.nn.Module, size: tuple[int, int]) -> None:
    with torch.no_grad():
        found = narrow(torch.rand(2, 3, *size))
    assert list(found) == ["restored", "stages", "variances"]
    assert found["restored"] is found["stages"][0]
    for image in (*found["stages"], *found["variances"]):
        assert image.shape == (2, 3, *size) and image.isfinite().all()


@pytest.mark.parametrize("size", [(13, 18), (3, 40)])
def test_harness_and_network_pad_alike(narrow: torch.nn.Module, size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size) * 255
    with torch.no_grad():
        inside = narrow(image / 255)["restored"] * 255
    torch.testing.assert_close(restore(narrow, image), inside, atol=1e-3, rtol=1e-5)


def test_network_is_deterministic_and_survives_copying(narrow: torch.nn.Module) -> None:
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        first, again = narrow(image)["restored"], narrow(image)["restored"]
        copied = copy.deepcopy(narrow)(image)["restored"]
    assert torch.equal(first, again) and torch.equal(first, copied)


def test_descriptor_rebuilds_the_network(narrow: torch.nn.Module) -> None:
    descriptor = narrow.descriptor
    assert (descriptor.name, descriptor.scale, descriptor.channels) == ("dsrir", 1, 3)
    assert (descriptor.value_range, descriptor.size_multiple, descriptor.min_size) == (1.0, 8, 8)
    assert NARROW.items() <= descriptor.config.items()
    baselines.load_strict(baselines.create("dsrir", **descriptor.config), narrow.state_dict())


def test_published_network_costs_what_the_paper_says() -> None:
    costs = count_costs(baselines.create("dsrir"), 256, 256)
    assert costs.exact and costs.parameters == 3_516_837
    assert costs.multiply_adds_conv / 1e9 == pytest.approx(138.35, abs=0.01)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"reduction": 40}, "reduction 40"),
        ({"kernel_size": 4}, "kernel_size 4"),
        ({"feats_step1": -1}, "feats_step1"),
        ({"out_c": 1}, "must be equal"),
    ],
)
def test_impossible_configurations_are_refused(config: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        baselines.create("dsrir", **config)


@pytest.mark.parametrize("task", ["denoise_color_15", "denoise_color_50", "derain", "dehaze", "all_in_one"])
def test_supported_tasks_have_a_configuration(task: str) -> None:
    config = BASELINES.get("dsrir").config_for_task(task)
    assert baselines.create("dsrir", **{**NARROW, **config}).descriptor.channels == 3


@pytest.mark.parametrize("task", ["sr_x2", "denoise_gray_25", "jpeg_q10"])
def test_other_tasks_are_refused_with_the_supported_ones(task: str) -> None:
    with pytest.raises(UsageError, match=r"denoise_color_\*, derain, dehaze, all_in_one"):
        BASELINES.get("dsrir").config_for_task(task)


@pytest.mark.parametrize("prefix", ["", "state.", "module."])
def test_official_keys_are_converted_and_loaded_strictly(narrow: torch.nn.Module, prefix: str) -> None:
    official = {prefix + key: value for key, value in narrow.state_dict().items()}
    converted = baselines.convert("dsrir", official)
    model = baselines.create("dsrir", **NARROW)
    baselines.load_strict(model, converted)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), converted.values(), strict=True))
    converted["ebd.extra"] = converted.pop("ebd.weight")
    with pytest.raises(NasError, match=r"missing ebd\.weight; surplus ebd\.extra"):
        baselines.load_strict(model, converted)


@pytest.mark.parametrize("config", [{}, NARROW, {**NARROW, "bias": True, "kernel_size": 5, "reduction": 8}])
def test_configuration_is_read_from_the_tensors(config: dict[str, Any]) -> None:
    model = baselines.create("dsrir", **config)
    found = BASELINES.get("dsrir").config_from_state(model.state_dict())
    assert found == model.descriptor.config


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(NasError, match="not a DSRIR"):
        BASELINES.get("dsrir").config_from_state({"head.weight": torch.zeros(1)})


def test_crop8_keeps_the_published_part() -> None:
    for entry in MANIFEST["pipeline"]["crop8"]:
        h, w = entry["in"]
        image = (torch.arange(h)[:, None] * 1000 + torch.arange(w)).expand(3, h, w)
        cropped = crop8(image)
        assert list(cropped.shape[-2:]) == entry["out"]
        first = int(cropped[0, 0, 0])
        assert [first // 1000, first % 1000] == entry["first_row_col"]


def test_pad8_mirrors_and_repeats_where_too_short() -> None:
    image = torch.arange(3.0).expand(1, 1, 10, 3)
    padded = pad8(image)
    assert padded.shape == (1, 1, 16, 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 2, 2, 2, 2, 2]
    rows = torch.arange(10.0)[:, None].expand(1, 1, 10, 8)
    assert pad8(rows)[0, 0, :, 0].tolist() == [*range(10), 8, 7, 6, 5, 4, 3]
    assert pad8(padded) is padded


def outputs(requires_grad: bool = False) -> dict[str, Any]:
    stages = [torch.rand(1, 3, 16, 16, requires_grad=requires_grad) for _ in range(3)]
    variances = [torch.rand(1, 3, 16, 16, requires_grad=requires_grad) for _ in range(3)]
    return {"restored": stages[0], "stages": stages, "variances": variances}


def own(model: torch.nn.Module, **options: Any) -> DSRIRCriterion:
    return BASELINES.get("dsrir").criterion(model, {"loss": "l1", **options})


def test_contrast_is_off_only_when_asked(narrow: torch.nn.Module) -> None:
    found, x, target = outputs(), torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    loss, parts = own(narrow, **TINY)(found, x, target, 0)
    assert parts["contrast"] > 0
    expected = parts["uncertainty"] + parts["psnr"] + 0.2 * parts["contrast"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    for off in ("off", False):
        without = own(narrow, contrast=off)
        _, rest = without(found, x, target, 0)
        assert without.identity == "contrast off"
        assert rest == {k: pytest.approx(parts[k]) for k in ("uncertainty", "psnr")} | {
            "total": pytest.approx(parts["uncertainty"] + parts["psnr"], rel=1e-5)
        }
        with pytest.raises(UsageError, match="is off"):
            without.levels(found["stages"], x, target)


def test_seeded_extractor_of_a_quarter_is_the_default(narrow: torch.nn.Module) -> None:
    assert own(narrow).identity == "seeded vgg19 front, width 0.25, seed 1234"
    buffers = list(seeded_extractor().buffers())
    assert sum(b.numel() for b in buffers) == 810_128 and not list(seeded_extractor().parameters())


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_users_vgg_weights_come_first(narrow: torch.nn.Module, tmp_path: Path, suffix: str) -> None:
    seeded = seeded_extractor(0.0625, seed=7)
    indices = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)
    state = {"classifier.0.weight": torch.zeros(2)}
    for i, n in enumerate(indices):
        state[f"features.{n}.weight"] = seeded.get_buffer(f"weight{i}")
        state[f"features.{n}.bias"] = seeded.get_buffer(f"bias{i}")
    file = tmp_path / f"vgg19{suffix}"
    save_file(state, file) if suffix == ".safetensors" else torch.save(state, file)
    given = own(narrow, vgg_weights=str(file), **TINY)
    assert given.identity.startswith(f"vgg19 weights vgg19{suffix}, sha256 ")
    batch = (outputs(), torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), 0)
    assert given(*batch)[1] == own(narrow, extractor_seed=7, **TINY)(*batch)[1]


def test_unusable_vgg_weights_are_errors_never_a_silent_zero(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_extractor(tmp_path / "absent.pth")
    broken, other = tmp_path / "broken.pth", tmp_path / "other.safetensors"
    broken.write_bytes(b"no weights")
    save_file({"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4)}, other)
    with pytest.raises(NasError, match="not a readable file"):
        load_extractor(broken)
    with pytest.raises(NasError, match=r"no VGG-19: features\.2"):
        load_extractor(other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vgg_weight": "x"}, "did you mean 'vgg_weights'"),
        ({"contrast": "maybe"}, "give on or off"),
        ({"extractor_width": 0}, "must be positive"),
        ({"contrast_eps": -1}, "must not be negative"),
    ],
)
def test_wrong_loss_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DSRIRCriterion.from_options(options)


def test_contrast_needs_sixteen_pixels() -> None:
    with pytest.raises(UsageError, match="16 x 16 pixels at least"):
        seeded_extractor(0.0625)(torch.rand(1, 3, 8, 32))


def test_contrast_floor_bounds_the_term_at_the_identity() -> None:
    x, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    found = {"stages": [x, x, x], "variances": [torch.zeros_like(x)] * 3}
    values = [
        DSRIRCriterion.from_options({**TINY, "contrast_eps": eps})(found, x, target, 0)[1]["contrast"]
        for eps in (1e-7, 1.0)
    ]
    assert values[0] > 1e4 > 1e2 > values[1]


def test_loss_reaches_every_stage_and_uncertainty_but_not_the_extractor() -> None:
    found, criterion = outputs(requires_grad=True), DSRIRCriterion.from_options(TINY)
    loss, _ = criterion(found, torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16), 0)
    loss.backward()
    for tensor in (*found["stages"], *found["variances"]):
        assert tensor.grad is not None and tensor.grad.abs().max() > 0


def test_reduced_precision_outputs_are_judged_in_float32() -> None:
    found, criterion = outputs(), DSRIRCriterion.from_options(TINY)
    low = {k: [t.bfloat16() for t in found[k]] for k in ("stages", "variances")}
    high = {k: [t.float() for t in low[k]] for k in low}
    x, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    assert criterion(low, x, target, 0)[1] == criterion(high, x, target, 0)[1]


def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(1)
    model, criterion = baselines.create("dsrir", **NARROW), DSRIRCriterion.from_options(TINY)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    target = torch.rand(1, 3, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    x = target + 0.1 * torch.randn_like(target)
    totals = []
    for step in range(4):
        optimizer.zero_grad()
        loss, parts = criterion(model(x), x, target, step)
        loss.backward()
        optimizer.step()
        totals.append(parts["total"])
    assert totals[-1] < totals[0] - 0.5


def published_stages() -> list[Stage]:
    data = build(RetrainSettings, recipe("dsrir", "published")).data
    return [Stage(s.patch, s.batch, s.steps) for s in data.stages]


@pytest.mark.parametrize("images", sorted(SCHEDULES["epoch_chg"]))
def test_stage_boundaries_are_the_reference_ones(images: str) -> None:
    assert list(last_epochs(int(images), published_stages())) == SCHEDULES["epoch_chg"][images]


def test_stages_change_in_the_epoch_after_the_boundary() -> None:
    line = timeline(15_144, 400_000, published_stages(), whole_epochs=True)
    first = {line.epoch(s.first) + 1: s.patch for s in line.phases}
    assert first == {1: 128, 136: 160, 239: 192, 315: 256} and line.epochs == 347


def test_updates_drop_incomplete_batches() -> None:
    line = timeline(15_144, 400_000, published_stages(), whole_epochs=True)
    epochs = [s.end_epoch - s.first_epoch for s in line.phases]
    assert [s.end - s.first for s in line.phases] == [127_710, 111_343, 95_912, 62_469]
    # the published run: the boundaries of 15,144 images, of which its reader lost the first
    made = [count * (15_143 // s.batch) for count, s in zip(epochs, line.phases, strict=True)]
    assert made == [127_710, 111_343, 95_836, 62_436] and sum(made) == 397_325


def test_a_scaled_schedule_keeps_its_proportions_or_is_refused() -> None:
    stages = published_stages()
    half = last_epochs(1000, stages, scale=0.5)
    assert half == tuple(e // 2 for e in last_epochs(1000, stages))
    with pytest.raises(UsageError, match="less than one epoch"):
        last_epochs(15_144, stages, scale=0.001)


@pytest.mark.parametrize("epochs", [347, 12])
def test_learning_rate_of_an_epoch_is_the_reference_one(epochs: int) -> None:
    train = build(RetrainSettings, recipe("dsrir", "published")).train
    assert train.schedule.unit == "epoch"
    found = [learning_rate(train.schedule, train.optimizer.lr, epoch, epochs) for epoch in range(epochs)]
    assert found == pytest.approx(SCHEDULES[f"lr_{epochs}"], abs=1e-12, rel=0)


def test_published_recipe_trains_as_published() -> None:
    settings = build(RetrainSettings, recipe("dsrir", "published"))
    assert [(s.patch, s.batch) for s in published_stages()] == [(128, 16), (160, 14), (192, 12), (256, 8)]
    chosen = settings.train.optimizer
    assert (chosen.name, chosen.lr, chosen.betas, chosen.eps, chosen.weight_decay) == (
        "adamw",
        2e-4,
        (0.9, 0.999),
        1e-8,
        1e-4,
    )
    assert settings.data.whole_epochs and settings.train.steps == sum(s.updates for s in published_stages())


@pytest.mark.parametrize("preset", ["published", "small"])
def test_recipe_is_a_valid_configuration_of_a_network(preset: str) -> None:
    settings = build(RetrainSettings, recipe("dsrir", preset))
    model = baselines.create("dsrir", **settings.network)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == {"published": 3_516_837, "small": 227_191}[preset]
    for patch in [s.patch for s in settings.data.stages] or [settings.data.patch]:
        assert patch % model.descriptor.size_multiple == 0


def test_weights_that_claim_more_than_they_hold_are_no_extractor(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(1).expand(100_000, 100_000)}, tmp_path / "vgg.pth")
    with pytest.raises(NasError, match="claims"):
        load_extractor(tmp_path / "vgg.pth")
