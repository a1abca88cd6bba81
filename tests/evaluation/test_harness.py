"""The harness makes every number in the same way, keeps what is finished, and refuses what would mislead."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nas
from nas.errors import NasError, UsageError
from nas.evaluation import metrics
from nas.evaluation.harness import evaluate
from nas.evaluation.rows import read_rows
from nas.evaluation.scoring import score, to_image, to_tensor, validate
from nas.images import imresize, read_image, write_image
from nas.models.descriptor import ModelDescriptor
from nas.tasks import get_task


class Repeat(nn.Module):
    """Enlarges by repeating pixels, plus one learnt constant; counts its calls."""

    def __init__(self, scale: int = 2, channels: int = 3, offset: float = 0.0, **facts: Any) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("repeat", scale=scale, channels=channels, **facts)
        self.offset = nn.Parameter(torch.tensor(offset))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        s = self.descriptor.scale
        return x.repeat_interleave(s, -1).repeat_interleave(s, -2) + self.offset


class Matlab(nn.Module):
    """``imresize`` as MATLAB applies it to 8-bit images: rounded after each pass."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("matlab", scale=scale)

    def forward(self, x: Tensor) -> Tensor:
        image = x[0].permute(1, 2, 0).numpy().astype(np.uint8)
        return torch.from_numpy(imresize(image, self.descriptor.scale)).permute(2, 0, 1)[None].float()


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two benchmark sets, the second with a one-channel image; sides that x2 does not divide."""
    rng = np.random.default_rng(0)
    for name, shapes in {"A": [(25, 28, 3), (24, 31, 3)], "B": [(26, 26)]}.items():
        for index, shape in enumerate(shapes):
            smooth = rng.uniform(30, 220, (8, 8, *shape[2:])).repeat(4, 0).repeat(4, 1)
            write_image(tmp_path / "sets" / name / "HR" / f"{index}.png", smooth[: shape[0], : shape[1]])
    return tmp_path / "sets"


def test_a_row_holds_the_mean_of_the_per_image_figures_and_how_they_were_made(sets: Path) -> None:
    model = Repeat(offset=1.25)
    (row,) = evaluate(("mine", model), "sr_x2", "A", sets, command="nas evaluate", seed=3)
    psnrs, ssims = [], []
    for file in sorted((sets / "A" / "HR").iterdir()):
        clean = read_image(file)
        clean = clean[: clean.shape[0] // 2 * 2, : clean.shape[1] // 2 * 2]
        enlarged = imresize(clean, 1 / 2).repeat(2, 0).repeat(2, 1) + 1.25
        restored = np.floor(enlarged.clip(0, 255) + 0.5).astype(np.uint8)
        psnrs.append(metrics.psnr(restored, clean, luma=True, border=2))
        ssims.append(metrics.ssim(restored, clean, luma=True, border=2))
    assert row.psnr == pytest.approx(np.mean(psnrs), abs=1e-9)
    assert row.ssim == pytest.approx(np.mean(ssims), abs=1e-9)
    assert (row.model, row.task, row.set, row.images, row.seed) == ("mine", "sr_x2", "A", 2, 3)
    assert (row.parameters, row.multiply_adds, row.cost_output) == (1, 0, "1280x720")
    assert row.protocol.startswith("Y, border 2")
    assert (row.command, row.torch, row.source) == ("nas evaluate", torch.__version__, "measured")


def test_the_public_function_is_that_of_the_harness(sets: Path) -> None:
    assert nas.evaluate(Repeat(), "sr_x2", "A", sets, with_costs=False) == evaluate(
        Repeat(), "sr_x2", "A", sets, with_costs=False
    )


def test_a_one_channel_image_is_compared_as_it_is(sets: Path) -> None:
    (row,) = evaluate(Repeat(), "sr_x2", "B", sets, with_costs=False)
    clean = read_image(sets / "B" / "HR" / "0.png")
    restored = imresize(clean, 1 / 2).repeat(2, 0).repeat(2, 1)
    assert clean.ndim == 2
    assert row.psnr == pytest.approx(metrics.psnr(restored, clean, border=2), abs=1e-9)


def test_without_data_the_sample_set_is_used() -> None:
    (row,) = evaluate("bicubic", "sr_x4", with_costs=False, with_ssim=False)
    assert (row.model, row.set, row.ssim) == ("bicubic", "sample", None)
    assert row.psnr is not None and 20 < row.psnr < 40


def test_rows_go_to_the_table_at_once_and_are_not_made_again(sets: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "rows.csv", Repeat()
    (first,) = evaluate(model, "sr_x2", ["A"], sets, out, with_costs=False)
    calls = model.calls
    both = evaluate(model, "sr_x2", ["A", "B"], sets, out, with_costs=False, command="later")
    assert model.calls == calls + 1  # only the one image of B
    assert both[0] == first
    assert read_rows(out) == both
    again = evaluate(model, "sr_x2", ["A"], sets, out, with_costs=False, command="again", again=True)
    assert model.calls == calls + 1 + 2
    assert [(r.set, r.command) for r in read_rows(out)] == [("B", "later"), ("A", "again")]
    assert again[0].psnr == first.psnr


def test_other_weights_or_another_protocol_are_another_row(sets: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    evaluate(Repeat(), "sr_x2", "A", sets, out, with_costs=False)
    evaluate(Repeat(offset=2.0), "sr_x2", "A", sets, out, with_costs=False)
    evaluate(Repeat(), "sr_x2", "A", sets, out, with_costs=False, ensemble=True)
    evaluate(Repeat(), "sr_x2", "A", sets, out, with_costs=False, tile=8)
    assert len(read_rows(out)) == 4


def test_two_networks_of_one_name_get_two_names(sets: Path) -> None:
    rows = evaluate([Repeat(), Repeat(offset=9.0)], "sr_x2", "A", sets, with_costs=False)
    assert [r.model for r in rows] == ["repeat", "repeat (2)"]
    assert rows[0].psnr != rows[1].psnr


def test_an_ensemble_is_named_so_and_costs_eight_times(sets: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
    model.descriptor = ModelDescriptor("small", scale=2)  # type: ignore[assignment]
    (one,) = evaluate(model, "sr_x2", "A", sets)
    (eight,) = evaluate(model, "sr_x2", "A", sets, ensemble=True)
    assert eight.model == "small+"
    assert one.multiply_adds == 640 * 360 * 324
    assert eight.multiply_adds == 8 * one.multiply_adds
    assert eight.parameters == one.parameters
    assert "ensemble" in eight.protocol


def test_images_are_saved_as_the_8_bit_values_that_were_scored(sets: Path, tmp_path: Path) -> None:
    evaluate(Repeat(offset=400.0), "sr_x2", ["A"], sets, save_images=tmp_path / "out", with_costs=False)
    saved = read_image(tmp_path / "out" / "repeat" / "sr_x2" / "A" / "0.png")
    assert saved.shape == (24, 28, 3)
    assert saved.min() == 255


def test_a_failed_measurement_is_named_and_the_others_are_finished(sets: Path, tmp_path: Path) -> None:
    class Moody(Repeat):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[-1] == 13:  # the image of set B
                raise RuntimeError("no thirteen")
            return super().forward(x)

    out = tmp_path / "rows.csv"
    with pytest.raises(NasError, match=r"1 of 4 measurements failed: moody on B .*no thirteen") as caught:
        evaluate([("moody", Moody()), Repeat()], "sr_x2", ["B", "A"], sets, out, with_costs=False)
    assert not isinstance(caught.value, UsageError)
    assert [(r.model, r.set) for r in read_rows(out)] == [("moody", "A"), ("repeat", "B"), ("repeat", "A")]


@pytest.mark.parametrize(
    ("model", "task", "words"),
    [
        (Repeat(scale=3), "sr_x2", "enlarges by 3"),
        (Repeat(channels=1), "sr_x2", "1 channel"),
        (Repeat(tasks=("denoise_*",)), "sr_x2", "not meant for"),
        ("bicubic", "denoise_color_15", "does not serve"),
        ("jsnet", "sr_x2", "no weights"),
        ("bicubik", "sr_x2", "did you mean 'bicubic'"),
        ("nowhere/weights.safetensors", "sr_x2", "does not exist"),
        ("official.pt", "sr_x2", "nas import"),
        (nn.Conv2d(3, 3, 1), "sr_x2", "descriptor"),
        ("bicubic", "sr_x22", "unknown task"),
    ],
)
def test_a_model_that_would_give_a_wrong_figure_is_refused_before_any_work(
    model: Any, task: str, words: str, sets: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate(["bicubic", model] if task == "sr_x2" else model, task, ["A"], sets, tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.parametrize("selection", ["a", ["x", "A"], {"set": "A", "step": 3}])
def test_weights_selected_on_a_benchmark_are_refused_on_it_only(
    selection: Any, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nas.evaluation.resolve as resolving

    def load(path: Path) -> Any:
        from nas.models.weights import LoadedWeights

        model = Repeat()
        training = {"selection": selection, "steps": 7}
        return LoadedWeights(model, model.descriptor, "sr_x2", None, training, str(path))

    monkeypatch.setattr(resolving, "load_weights", load)
    with pytest.raises(UsageError, match="selected on A"):
        evaluate("run/weights.safetensors", "sr_x2", ["B", "A"], sets)
    (row,) = evaluate("run/weights.safetensors", "sr_x2", ["B"], sets, with_costs=False)
    assert row.training == "steps=7"
    assert row.weights.startswith("run/weights.safetensors#")


def test_the_name_of_a_baseline_wins_over_a_folder_of_that_name(
    sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bicubic").mkdir()
    monkeypatch.chdir(tmp_path)
    assert evaluate("bicubic", "sr_x2", "A", sets, with_costs=False)[0].model == "bicubic"


def test_progress_goes_to_the_given_stream_and_changes_no_figure(sets: Path, capsys: Any) -> None:
    stream = io.StringIO()
    rows = evaluate(Repeat(), "sr_x2", "A", sets, with_costs=False, progress=stream)
    assert rows == evaluate(Repeat(), "sr_x2", "A", sets, with_costs=False)
    assert capsys.readouterr() == ("", "")


def test_latency_is_measured_when_asked_for(sets: Path) -> None:
    task = replace(get_task("sr_x2"), cost_output=(32, 48))
    (row,) = evaluate(Repeat(), task, "A", sets, with_latency=True)
    assert row.latency_size == "24x16"
    assert row.latency_median_ms is not None and row.latency_median_ms > 0


def test_noise_depends_on_the_seed_and_the_name_only(sets: Path) -> None:
    def psnr(seed: int, names: list[str]) -> float | None:
        return evaluate("identity", "denoise_color_25", names, sets, seed=seed, with_costs=False)[-1].psnr

    assert psnr(0, ["A"]) == psnr(0, ["B", "A"])
    assert psnr(0, ["A"]) != psnr(1, ["A"])


def test_validation_is_the_mean_psnr_of_the_protocol_and_leaves_the_model_alone() -> None:
    task = get_task("sr_x2")
    rng = np.random.default_rng(0)
    pairs = [
        (rng.integers(0, 256, (9, 8, 3), dtype=np.uint8), rng.integers(0, 256, (18, 16, 3), dtype=np.uint8))
        for _ in range(2)
    ]
    model = Repeat().train()
    expected = [metrics.psnr(x.repeat(2, 0).repeat(2, 1), y, luma=True, border=2) for x, y in pairs]
    assert validate(model, pairs, task) == pytest.approx(np.mean(expected))
    assert model.training
    with pytest.raises(UsageError, match="no images"):
        validate(model, [], task)


def test_rounding_is_half_up_after_clamping_and_can_be_left_out() -> None:
    image = torch.tensor([[[-3.0, 0.5, 1.49, 254.5, 300.0]]])
    assert to_image(image).tolist() == [[0, 1, 1, 255, 255]]
    assert to_image(image, rounded=False)[0, 1] == 0.5
    assert to_image(image.expand(3, 1, 5)).shape == (1, 5, 3)


def test_a_grey_image_is_repeated_for_a_colour_network_and_colour_for_a_grey_one_refused() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert torch.equal(to_tensor(grey, 3), torch.from_numpy(grey).float().expand(1, 3, 2, 3))
    with pytest.raises(UsageError, match="is no input"):
        to_tensor(np.zeros((2, 3, 3), np.uint8), 1)


def test_a_reference_of_another_size_is_refused_but_its_surplus_below_the_scale_is_cropped() -> None:
    task = get_task("sr_x2")
    restored = np.full((16, 16, 3), 7, np.uint8)
    assert score(restored, np.full((17, 16, 3), 7, np.uint8), task).psnr == math.inf
    for shape in ((18, 16, 3), (15, 16, 3)):
        with pytest.raises(NasError, match="do not belong together"):
            score(restored, np.zeros(shape, np.uint8), task)


@pytest.mark.parametrize(("kind", "metric"), [("uniform 7", "ssim_uniform"), ("columnwise 7", "ssim_columnwise")])
def test_the_protocol_names_the_ssim(kind: str, metric: str) -> None:
    task = get_task("derain")
    task = replace(task, protocol=replace(task.protocol, ssim=kind))
    a, b = (np.random.default_rng(s).integers(0, 256, (16, 18, 3), dtype=np.uint8) for s in (0, 1))
    assert score(a, b, task).ssim == pytest.approx(getattr(metrics, metric)(a, b, luma=True))


def test_an_unknown_ssim_in_the_protocol_is_refused() -> None:
    task = get_task("derain")
    image = np.zeros((16, 18, 3), np.uint8)
    with pytest.raises(UsageError, match="unknown SSIM"):
        score(image, image, replace(task, protocol=replace(task.protocol, ssim="wavelet")))


@pytest.mark.shared
@pytest.mark.parametrize(("scale", "set5", "set14"), [(2, 33.673, 30.232), (3, 30.403, 27.539), (4, 28.429, 25.997)])
def test_bicubic_has_the_reference_figures(shared: Path, scale: int, set5: float, set14: float) -> None:
    names, task = ["Set5", "Set14"], f"sr_x{scale}"
    exact = evaluate(Matlab(scale), task, names, shared / "data", with_costs=False, with_ssim=False)
    assert [r.psnr for r in exact] == pytest.approx([set5, set14], abs=6e-4)
    baseline = evaluate("bicubic", task, names, shared / "data", with_costs=False, with_ssim=False)
    # the baseline may differ in whether it rounds between the passes
    assert [r.psnr for r in baseline] == pytest.approx([set5, set14], abs=6e-3)


@pytest.mark.shared
def test_degraded_inputs_have_the_reference_figures(shared: Path) -> None:
    rows = evaluate("identity", "jpeg_q10", ["Classic5", "LIVE1"], shared / "data", with_costs=False)
    assert [r.psnr for r in rows] == pytest.approx([27.82, 26.75], abs=6e-3)
    assert all(r.psnr_b is not None and r.psnr is not None and r.psnr_b < r.psnr - 1 for r in rows)
    rows = evaluate("identity", "dehaze", "haze", shared / "data", with_costs=False, with_ssim=False)
    assert rows[0].psnr == pytest.approx(13.32, abs=6e-3)
    rows = evaluate("identity", "derain", "rain", shared / "data", with_costs=False, with_ssim=False)
    assert rows[0].psnr == pytest.approx((5 * 13.85 + 13 * 14.15) / 18, abs=1e-2)


@pytest.mark.shared
def test_the_released_network_has_its_reproduced_figure_on_butterfly(shared: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    import baselines

    genotype = {
        "normal": [["rb", 0], ["lrb", 0], ["rb", 1], ["rb", 0], ["srb", 1], ["rb", 2]],
        "attention": [["esab", 0], ["cea", 0], ["cea", 1], ["esab", 0], ["skip_connect", 1], ["cea", 2]],
    }
    model = baselines.create("jsnet", genotype=genotype, C=16, layers=5, op_nodes=3, at_nodes=3, scale=2)
    state = load_file(shared / "fixtures" / "jsnet" / "x2_checkpoint.safetensors")
    state = {k.removeprefix("state."): v for k, v in state.items()}
    baselines.load_strict(model, baselines.convert("jsnet", state))
    source = shared / "data" / "benchmarks" / "Set5"
    # one image: the whole set (37.932 dB, 0.9603) takes a minute
    for file in ("HR/butterfly.png", "LR_bicubic/X2/butterflyx2.png"):
        (tmp_path / "Set5" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "Set5" / file).symlink_to((source / file).resolve())
    (row,) = evaluate(model, "sr_x2", "Set5", tmp_path)
    assert row.psnr == pytest.approx(35.141, abs=0.001)
    assert (row.parameters, row.cost_output) == (476_467, "1280x720")
