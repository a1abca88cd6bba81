"""Lists of names are read in every way in which people separate them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.cli.names import comma_separated, named_model, set_names


def test_commas_and_blanks_around_them_separate_names() -> None:
    assert comma_separated("psnr, params,,macs ") == ["psnr", "params", "macs"]
    assert comma_separated(None) == comma_separated("") == []


def test_a_set_whose_name_holds_a_blank_is_one_name_where_its_folder_is(tmp_path: Path) -> None:
    (tmp_path / "My Set").mkdir()
    (tmp_path / "benchmarks/Your Set").mkdir(parents=True)
    texts = ["A B,My Set", "Your Set"]
    assert set_names(texts, tmp_path) == ["A", "B", "My Set", "Your Set"]
    assert set_names(texts) == ["A", "B", "My", "Set", "Your", "Set"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("mine=runs/a", ("mine", "runs/a")),
        ("runs/a", "runs/a"),
        ("=runs/a", "=runs/a"),
        ("mine=", "mine="),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_a_model_may_be_given_a_name(text: str, read: object) -> None:
    assert named_model(text) == read


def test_a_file_whose_own_name_has_an_equals_sign_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("width=8.safetensors").touch()
    assert named_model("width=8.safetensors") == "width=8.safetensors"
