"""The baseline dlsn: independence of grouping and batch, projections, small images, refusals, recipes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import yaml

import baselines
from baselines.dlsn.attention import GLA
from baselines.dlsn.chop import chop_forward, self_ensemble
from baselines.dlsn.hashing import bucket_count, cut_chunks, hash_codes
from baselines.dlsn.infer import transfer
from baselines.dlsn.projections import draw
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.config.training import ScheduleSettings
from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore
from nas.profiling.costs import count_costs
from nas.registry import BASELINES, TASKS
from nas.train.schedules import learning_rate

DLSN = BASELINES.get("dlsn")
SMALL: dict[str, Any] = {"n_resgroups": 2, "n_resblocks": 1, "n_feats": 16, "chunk_size": 16, "n_hashes": 2}


def small(**options: Any) -> torch.nn.Module:
    model = baselines.create("dlsn", **{**SMALL, **options}).eval()
    with torch.no_grad():  # far from uniform attention, so that a wrong order would show
        for parameter in model.body.parameters():
            parameter.mul_(2)
    return model


def run(model: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(x)


@pytest.mark.parametrize(
    ("positions", "buckets"),
    [(2304, 18), (4096, 32), (8192, 64), (8320, 66), (16256, 128), (10**6, 128), (127, 2)],
)
def test_bucket_count_is_even_and_bounded(positions: int, buckets: int) -> None:
    assert bucket_count(positions, 128) == buckets


def test_equal_responses_take_the_first_bucket() -> None:
    codes = hash_codes(torch.zeros(1, 5, 4), draw((4, 2, 6)), rows=2)
    assert torch.equal(codes, torch.zeros(1, 2, 5, dtype=torch.int16))


@pytest.mark.parametrize(("c", "b"), [(8, 4), (8, 8), (8, 20)])
def test_projections_are_orthogonal_where_they_can_be(c: int, b: int) -> None:
    p = draw((c, 3, b), torch.Generator().manual_seed(1))
    assert p.shape == (c, 3, b)
    for one in p.unbind(1):
        gram = one.T @ one if b <= c else one @ one.T
        torch.testing.assert_close(gram, torch.eye(min(b, c)), atol=1e-5, rtol=0)
    stacked = draw((c, 1, b), torch.Generator().manual_seed(1), stacked=True)[:, 0]
    torch.testing.assert_close(stacked.norm(dim=0), torch.ones(b))


@pytest.mark.parametrize("size", [(9, 7), (4, 4), (12, 10)])
def test_groups_of_chunks_do_not_change_the_result(size: tuple[int, int]) -> None:
    gla = GLA(16, 4, 16, 3).double()  # float32 could hash a query between two buckets either way
    x = torch.randn(2, 16, *size, dtype=torch.float64)
    p = draw(gla.projection_shape(*size))
    outputs = []
    for step in (1, 2, 5, 1000):
        gla.chunks_per_step = step
        outputs.append(run(lambda t: gla(t, p), x))
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0])


def test_recomputing_scores_keeps_every_gradient() -> None:
    gla = GLA(16, 4, 16, 2, chunks_per_step=2).double()
    x = torch.randn(1, 16, 9, 7, dtype=torch.float64)
    p = draw(gla.projection_shape(9, 7))
    gradients = []
    for gla.recompute in (False, True):
        gradients.append(torch.autograd.grad(gla(x, p).square().sum(), list(gla.parameters())))
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)


def test_a_batch_equals_its_single_images() -> None:
    model = small().double()
    x = torch.rand(3, 3, 13, 11, dtype=torch.float64)
    singles = torch.cat([run(model, one[None]) for one in x])
    torch.testing.assert_close(run(model, x), singles)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 5), (4, 4), (5, 3), (17, 1), (20, 33)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_any_size_works(size: tuple[int, int], scale: int) -> None:
    output = run(small(scale=scale, n_resgroups=1), torch.rand(1, 3, *size))
    assert output.shape == (1, 3, scale * size[0], scale * size[1])
    assert output.isfinite().all()


def test_images_below_one_chunk_attend_to_every_position() -> None:
    gla = GLA(8, 4, 16, 2)
    x = torch.randn(1, 8, 1, 3, requires_grad=True)  # 3 positions, 13 more to fill the chunk
    y = gla(x, draw(gla.projection_shape(1, 3)))
    (gradient,) = torch.autograd.grad(y[..., 0].sum(), x)
    assert y.isfinite().all()
    assert (gradient.abs().sum(1) > 0).all()


def test_slots_beyond_a_small_image_go_round() -> None:
    # 3 sorted positions, chunks of 8: place 3 + t copies (3 - 5 + t) mod 3
    order = torch.tensor([[[2, 0, 1]]])
    chunks = cut_chunks(order, 8)
    assert chunks.own.tolist() == [[[2, 0, 1, 0, 1, 2, 0, 1]]]
    assert chunks.keys.tolist() == [[chunks.own[0, 0].tolist() * 3]]
    assert chunks.inverse.tolist() == [[1, 2, 0]]


def test_small_images_are_refused_on_request() -> None:
    with pytest.raises(NasError, match="chunk_size 16 cannot restore 3x5"):
        run(small(small_input="error"), torch.rand(1, 3, 3, 5))


def test_evaluation_depends_on_nothing_but_the_input() -> None:
    model = small()
    x = torch.rand(1, 3, 13, 11)
    first = run(model, x)
    torch.manual_seed(99)
    run(model, torch.rand(1, 3, 20, 20))
    assert torch.equal(run(model, x), first)
    assert torch.equal(run(copy.deepcopy(model), x), first)
    other = small(projection_seed=1)
    other.load_state_dict(model.state_dict())
    assert not torch.equal(run(other, x), first)


def test_training_draws_anew_and_repeats_with_the_seed() -> None:
    model = small().train()
    x = torch.rand(1, 3, 13, 11)
    torch.manual_seed(5)
    one, two = run(model, x), run(model, x)
    torch.manual_seed(5)
    assert torch.equal(run(model, x), one)
    assert not torch.equal(one, two)
    model.use_projections("seeded")
    assert torch.equal(run(model, x), run(model, x))
    model.eval().use_projections("random")
    assert not torch.equal(run(model, x), run(model, x))


def test_random_mode_follows_the_published_order_of_draws() -> None:
    model = small()
    x = torch.rand(1, 3, 13, 11)  # 143 positions: 8 buckets
    torch.manual_seed(7)
    columns = [[torch.nn.init.orthogonal_(torch.empty(4, 8)) for _ in range(2)] for _ in range(2)]
    model.use_projections([torch.stack(c, 1) for c in columns])
    expected = run(model, x)
    assert torch.equal(run(model, x), expected)  # the list begins again
    model.use_projections("random")
    torch.manual_seed(7)
    assert torch.equal(run(model, x), expected)


def test_projections_that_do_not_fit_are_refused() -> None:
    model = small()
    with pytest.raises(UsageError, match="2 for every forward"):
        model.use_projections([draw((4, 2, 8))])
    with pytest.raises(UsageError, match="not one of auto, seeded, random"):
        model.use_projections("fixed")
    model.use_projections([draw((4, 2, 8))] * 2)
    with pytest.raises(NasError, match=r"instead of \(4, 2, 2\)"):
        run(model, torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_feats": 30}, "divisible by reduction"),
        ({"chunk_size": 0}, "positive sizes"),
        ({"scale": 5}, "scale 5"),
        ({"n_colors": 1}, "RGB"),
        ({"n_resgroups": 0}, "n_resgroups"),
        ({"small_input": "crop"}, "small_input"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        baselines.create("dlsn", **{**SMALL, **options})


@pytest.mark.parametrize(
    "options", [{}, {"scale": 3, "rgb_range": 255}, {"scale": 4, "chunk_size": 24, "reduction": 2}]
)
def test_configuration_is_read_back_from_the_weights(options: dict[str, Any]) -> None:
    model = baselines.create("dlsn", **{**SMALL, **options}).eval()
    official = {f"module.{k}": v for k, v in model.state_dict().items()}
    config = DLSN.config_from_state(official)
    again = baselines.create("dlsn", **config, n_hashes=2).eval()
    state = baselines.convert("dlsn", official)
    baselines.load_strict(again, state)
    x = torch.rand(1, 3, 9, 8)
    assert torch.equal(run(again, x), run(model, x))
    assert again.descriptor == model.descriptor
    assert baselines.create("dlsn", **model.descriptor.config).descriptor == model.descriptor


def test_weights_that_do_not_fit_are_refused() -> None:
    model = small()
    with pytest.raises(NasError, match="fc"):
        baselines.load_strict(model, small(chunk_size=32).state_dict())
    state = model.state_dict()
    del state["a"]
    with pytest.raises(NasError, match="missing a"):
        baselines.load_strict(model, state)
    with pytest.raises(NasError, match="not a DLSN"):
        DLSN.config_from_state({"head.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("scale", "kept"),
    [(3, ["tail.0.0.bias", "tail.0.0.weight"]), (4, ["tail.0.2.bias", "tail.0.2.weight"])],
)
def test_weights_carry_over_to_another_scale(scale: int, kept: list[str]) -> None:
    source, model = small(), small(scale=scale)
    before = {k: model.state_dict()[k].clone() for k in kept}
    assert transfer(model, source.state_dict()) == kept
    after = model.state_dict()
    assert all(torch.equal(after[k], before[k]) for k in kept)
    assert all(torch.equal(after[k], v) for k, v in source.state_dict().items() if k not in kept)
    with pytest.raises(NasError, match="head"):
        transfer(model, small(n_feats=32).state_dict())


@pytest.mark.parametrize("task", DLSN.tasks)
def test_every_supported_task_has_a_configuration(task: str) -> None:
    assert DLSN.config_for_task(task) == {"scale": TASKS.get(task).scale}


def test_other_tasks_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"sr_x2, sr_x3, sr_x4, sr_x3_bd, sr_x3_dn"):
        DLSN.config_for_task("derain")


@pytest.mark.parametrize("preset", ["published", "finetune", "small"])
def test_recipe_is_a_valid_configuration(preset: str) -> None:
    settings = build(RetrainSettings, yaml.safe_load((DLSN.folder / "recipe.yaml").read_text())[preset])
    scale = 3 if preset == "finetune" else 2
    assert settings.data.patch % scale == 0
    with torch.device("meta"):
        assert baselines.create("dlsn", **settings.network, scale=scale).descriptor.scale == scale


@pytest.mark.parametrize(
    ("preset", "rates"),
    [
        ("published", {1: 1e-4, 300: 1e-4, 301: 5e-5, 601: 2.5e-5, 901: 1.25e-5, 1201: 6.25e-6}),
        ("finetune", {1: 1e-4, 50: 1e-4, 51: 5e-5, 101: 2.5e-5, 151: 1.25e-5, 200: 1.25e-5}),
    ],
)
def test_recipe_follows_the_published_learning_rates(preset: str, rates: dict[int, float]) -> None:
    settings = build(RetrainSettings, yaml.safe_load((DLSN.folder / "recipe.yaml").read_text())[preset]).train
    assert isinstance(settings.schedule, ScheduleSettings)
    for epoch, rate in rates.items():  # an epoch is 1000 steps
        for step in ((epoch - 1) * 1000, epoch * 1000 - 1):
            actual = learning_rate(settings.schedule, settings.optimizer.lr, step, settings.steps)
            assert actual == pytest.approx(rate)


def test_training_lowers_the_loss_and_leaves_the_frozen_values() -> None:
    model = small(n_resgroups=1).train()
    model.use_projections("seeded")
    frozen = {k: v.clone() for k, v in model.state_dict().items() if "mean" in k or k == "a"}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    x = torch.rand(1, 3, 8, 8)
    target = torch.nn.functional.interpolate(x, scale_factor=2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (model(x) - target).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(torch.equal(model.state_dict()[k], v) for k, v in frozen.items())


def test_half_precision_runs_and_hashes_in_float32() -> None:
    model = small()
    x = torch.rand(1, 3, 13, 11)
    with torch.autocast("cpu", torch.bfloat16):
        output = run(model, x)
    assert output.isfinite().all()
    assert run(model.double(), x.double()).dtype == torch.float64
    assert run(model.bfloat16(), x.bfloat16()).dtype == torch.bfloat16


def test_costs_are_counted_without_running_the_network() -> None:
    # 9 C^2 (2 + 1/r) L convolutions, c b h L hashing, (C k + k^2) L learned score, 3 h k (c + C) L' attention
    C, c, k, h, L, b = 16, 4, 16, 2, 256, 16
    per_gla = 9 * C * C * 2.25 * L + c * b * h * L + (C * k + k * k) * L + 3 * h * k * (c + C) * L
    ends = 9 * (3 * C + C * C + 4 * C * C) * L + 9 * 3 * C * 4 * L + 9 * L + 9 * 4 * L
    costs = count_costs(small(), 16, 16)
    assert costs.exact
    assert costs.multiply_adds_total == 2 * (per_gla + 27 * C * C * L) + ends
    assert costs.parameters == sum(p.numel() for p in small().parameters())


def test_the_harness_restores_in_0_to_255() -> None:
    model = small().double()
    x = torch.rand(1, 3, 13, 11, dtype=torch.float64) * 255
    torch.testing.assert_close(restore(model, x, dtype=torch.float64), run(model, x / 255) * 255)


@pytest.mark.parametrize("size", [(10, 8), (24, 20), (23, 40), (24, 32)])
def test_chop_falls_back_to_the_whole_image_where_quadrants_are_larger(size: tuple[int, int]) -> None:
    model = small(n_resgroups=1)
    x = torch.rand(1, 3, *size)
    assert torch.equal(run(lambda t: chop_forward(model, t, 2, min_size=1), x), run(model, x))


def test_self_ensemble_keeps_the_batch_and_undoes_every_view() -> None:
    x = torch.rand(2, 3, 5, 4)
    torch.testing.assert_close(self_ensemble(lambda t: t, x), x)
