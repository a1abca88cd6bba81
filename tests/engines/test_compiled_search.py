"""A search with compiled gates records its form, goes on in it to the same bytes, and in no other one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from nas.engines.search import search
from nas.errors import NasError
from nas.supernet.fused.native import build
from tests.engines.test_search_resume import by_gradient
from tests.supernet.compiled import compiled


def begin(folder: Path, steps: int, **changes: Any) -> Any:
    return by_gradient(folder, space="jsm", train__steps=steps, search__warmup=0.0, search__native=True, **changes)


def recorded(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())["search"]
    return found


@compiled
def test_a_search_that_was_interrupted_ends_in_the_bytes_of_one_that_was_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = begin(tmp_path / "whole", 3).run
    told = capsys.readouterr()
    assert "supernet: fused, compiled gates" in told.out + told.err
    begin(tmp_path / "parts", 2)
    parts = search(resume=tmp_path / "parts", train__steps=3).run
    assert recorded(whole)["native"] is True
    one, other = (load_file(run / "weights.safetensors") for run in (whole, parts))
    assert all(bool((one[name] == other[name]).all()) for name in one)


@pytest.mark.parametrize("native", ["auto", False])
def test_without_compiled_gates_a_search_records_that_it_has_none(
    native: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise NasError("gates cannot be compiled (no C++ compiler found)")

    monkeypatch.setattr(build, "library", missing)
    run = by_gradient(tmp_path / "run", train__steps=1, search__native=native).run
    assert recorded(run)["native"] is False


@compiled
def test_a_search_with_compiled_gates_does_not_go_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path / "run", 1)

    def missing() -> Any:
        raise NasError("gates cannot be compiled (no C++ compiler found)")

    monkeypatch.setattr(build, "library", missing)
    with pytest.raises(NasError, match=r"begun with compiled gates, to go on as it was: .*\(no C"):
        search(resume=tmp_path / "run", train__steps=2)
