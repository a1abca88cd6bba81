"""``nas profile`` prints for each full model what its publication or specification states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import baselines
from nas.models.weights import save_weights
from tests.cli.running import run, succeed

BIAS = "convolutions and one addition for each bias"


def profile(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, int, dict[str, float]]:
    """What is printed: the name of the model, its parameters, and every number of 10^9 multiply-adds by its label."""
    lines = succeed(capsys, "profile", *words).splitlines()
    heads = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines if line[0] != " ")
    figures = {}
    for line in lines:
        for amount, label in re.findall(r"([\d,]+\.\d\d) G (?:\([\d.]+ T\) )?(.+?)(?=, [\d,]+\.\d\d G|$)", line):
            figures[label] = float(amount.replace(",", ""))
    return heads["model"], int(heads["parameters"].replace(",", "")), figures


@pytest.mark.parametrize(
    ("words", "named", "parameters", "figures"),
    [
        ("jsnet --task sr_x2", "jsnet, sr_x2", 476_467, {"convolutions": 104.75, "with matrix products, at 1280x720 output": 104.75}),
        ("jsnet --task sr_x3", "jsnet, sr_x3", 522_707, {"convolutions": 51.64}),
        ("jsnet --task sr_x4", "jsnet, sr_x4", 513_459, {"convolutions": 35.28}),
        ("mspan --task sr_x2", "mspan, sr_x2", 596_364, {"convolutions": 129.88, BIAS: 130.68}),
        ("mspan --task sr_x3", "mspan, sr_x3", 602_859, {"convolutions": 58.30, BIAS: 58.65}),
        ("mspan --task sr_x4", "mspan, sr_x4", 611_952, {"convolutions": 33.37, BIAS: 33.57}),
        ("dlsn", "dlsn, sr_x2", 69_842_588, {"with matrix products, at 1280x720 output": 16_994.90,
                                     "learned score after sorting, as published, at 1280x720 output": 17_900.87}),
        ("jdnet", "jdnet, derain", 4_681_859, {"convolutions": 208.95, "with matrix products, at 480x320 output": 208.95}),
        ("dsrir --task all_in_one", "dsrir, all_in_one", 3_516_837, {"convolutions": 138.35, "with matrix products, at 256x256 output": 138.35}),
        ("dsrir --task derain", "dsrir, derain", 3_516_837, {"at 256x256 output, as published": 138.35}),
    ],
)  # fmt: skip
def test_full_models_have_their_stated_size_and_work(
    words: str, named: str, parameters: int, figures: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    model, counted, found = profile(capsys, *words.split())
    assert (model, counted) == (named, parameters)
    assert {label: found.get(label) for label in figures} == figures


def test_a_latency_is_printed_only_when_asked_for_and_at_the_size_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert "latency" not in succeed(capsys, "profile", "bicubic")
    line = succeed(capsys, "profile", "bicubic", "--latency", "--size", "24x16").splitlines()[-1]
    assert re.fullmatch(r"latency +[\d.,]+ ms median, [\d.,]+ ms spread \(IQR\), input 24x16, .*, float32", line)


def test_weights_of_another_scale_are_not_profiled_under_a_foreign_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x2.safetensors"
    save_weights(file, baselines.create("jsnet", layers=1), kind="baseline", task="sr_x2")
    outcome = run(capsys, "profile", file, "--task", "sr_x3")
    assert outcome.code == 2 and "enlarges by 2" in outcome.err
    assert profile(capsys, str(file))[0] == f"{file}, sr_x2"
