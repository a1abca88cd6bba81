"""``nas profile`` prints for each full model, line by line, what its publication or specification states."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import baselines
from nas.models.weights import save_weights
from tests.cli.running import run, succeed

#: words -> parameters; what the lines of multiply-adds hold, in their order
FULL = {
    "jsnet --task sr_x2": ("476,467", ["104.75 G convolutions, .* at 1280x720 output"]),
    "jsnet --task sr_x3": ("522,707", ["51.64 G convolutions"]),
    "jsnet --task sr_x4": ("513,459", ["35.28 G convolutions"]),
    "mspan --task sr_x2": (
        "596,364",
        ["129.88 G convolutions", "130.68 G convolutions and one addition for each bias"],
    ),
    "mspan --task sr_x3": (
        "602,859",
        ["58.30 G convolutions", "58.65 G convolutions and one addition for each bias"],
    ),
    "mspan --task sr_x4": (
        "611,952",
        ["33.37 G convolutions", "33.57 G convolutions and one addition for each bias"],
    ),
    "dlsn": (
        "69,842,588",
        [
            "16,994.90 G with matrix products",
            r"17,90\d\.\d\d G \(17\.90 T\) learned score after sorting, as published",
        ],
    ),
    "jdnet": ("4,681,859", ["208.95 G convolutions"]),
    "dsrir --task all_in_one": ("3,516,837", ["138.35 G convolutions, .* at 256x256 output"]),
    "dsrir --task derain": ("3,516,837", ["138.35 G at 256x256 output, as published"]),
}


def blocks(text: str) -> dict[str, list[str]]:
    """The lines below each label; a line without a label belongs to the one before."""
    found: dict[str, list[str]] = {}
    label = ""
    for line in text.splitlines():
        label = line[:16].strip() or label
        found.setdefault(label, []).append(line[16:])
    return found


@pytest.mark.parametrize("words", FULL)
def test_full_models_have_their_stated_size_and_work(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    parameters, work = FULL[words]
    printed = blocks(succeed(capsys, "profile", *words.split()))
    assert printed["model"][0].startswith(words.split()[0])
    assert printed["parameters"] == [parameters]
    places = [next(i for i, line in enumerate(printed["multiply-adds"]) if re.search(w, line)) for w in work]
    assert places == sorted(places)
    assert float(printed["activations"][0].split()[0].replace(",", "")) > 0
    assert int(printed["convolutions"][0]) > 0


def test_a_latency_is_printed_only_when_asked_for_and_at_the_size_given(capsys: pytest.CaptureFixture[str]) -> None:
    assert "latency" not in blocks(succeed(capsys, "profile", "bicubic"))
    (line,) = blocks(succeed(capsys, "profile", "bicubic", "--latency", "--size", "24x16"))["latency"]
    assert re.fullmatch(r"[\d.,]+ ms median, [\d.,]+ ms spread \(IQR\), input 24x16, .*, float32", line)


def test_weights_of_another_scale_are_not_profiled_under_a_foreign_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x2.safetensors"
    save_weights(file, baselines.create("jsnet", layers=1), kind="baseline", task="sr_x2")
    outcome = run(capsys, "profile", file, "--task", "sr_x3")
    assert outcome.code == 2 and "enlarges by 2" in outcome.err
    assert "sr_x2" in succeed(capsys, "profile", file).splitlines()[0]
