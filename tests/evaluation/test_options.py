"""The options of an evaluation: built from keywords, checked before any work."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from nas.errors import UsageError
from nas.evaluation.harness import evaluate
from nas.evaluation.options import EvaluationOptions


@pytest.mark.parametrize(
    ("keyword", "meant"), [("ensembel", "ensemble"), ("save_image", "save_images"), ("with_cost", "with_costs")]
)
def test_an_unknown_keyword_is_refused_with_the_nearest_name(keyword: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"no option '{keyword}'; did you mean '{meant}'"):
        evaluate("bicubic", "sr_x2", "sample", out=tmp_path / "rows.csv", **{keyword: True})
    assert not (tmp_path / "rows.csv").exists()


def test_keywords_take_precedence_over_the_options_they_are_given_with() -> None:
    base = EvaluationOptions(seed=3, tile=64)
    assert EvaluationOptions.from_keywords({"tile": None}, base) == EvaluationOptions(seed=3, tile=None)
    assert EvaluationOptions.from_keywords({}) == EvaluationOptions()


def test_every_field_is_documented() -> None:
    text = EvaluationOptions.__doc__ or ""
    assert [f.name for f in fields(EvaluationOptions) if f"\n        {f.name}: " not in text] == []


def test_options_and_keywords_evaluate_alike() -> None:
    options = EvaluationOptions(with_costs=False, with_ssim=False, seed=5)
    given = evaluate("identity", "denoise_color_25", "sample", options=options)
    assert given == evaluate("identity", "denoise_color_25", "sample", with_costs=False, with_ssim=False, seed=5)
    assert given[0].seed == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, "negative"),
        ({"dtype": "int8"}, "unknown dtype 'int8'"),
        ({"tile": "large"}, "neither a side in pixels nor 'auto'"),
        ({"tile": 0}, "are not sizes"),
        ({"overlap": -1}, "are not sizes"),
        ({"device": "abacus"}, "device 'abacus' is not one"),
    ],
)
def test_values_that_make_no_sense_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        EvaluationOptions.from_keywords(options).check()
