"""Compiled gates are built where they were asked for, once, and what hinders it is said in a sentence."""

from __future__ import annotations

import importlib.metadata
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nas.errors import NasError, UsageError
from nas.supernet import form
from nas.supernet.fused.native import build

#: stands for a compiler: takes a note of every call and writes what is asked for
STAND_IN = """#!/bin/sh
[ "$1" = --version ] && { echo "stand-in 1"; exit 0; }
echo "$*" >> "$(dirname "$0")/calls"
while [ $# -gt 0 ]; do [ "$1" = -o ] && echo made > "$2"; shift; done
"""
FAILING = """#!/bin/sh
echo "gates.cpp:1:1: error: that is not C++" >&2
exit 1
"""

needs_ninja = pytest.mark.skipif(
    build.obstacle({"CXX": sys.executable}) is not None, reason="ninja is not installed: pip install 'jsnas[native]'"
)


def stand_in(folder: Path, text: str = STAND_IN) -> dict[str, str]:
    """An environment with a compiler and a cache of its own."""
    script = folder / "compiler"
    script.write_text(text)
    script.chmod(0o755)
    return {"CXX": str(script), "TORCH_EXTENSIONS_DIR": str(folder / "cache")}


@needs_ninja
def test_it_is_compiled_once_however_many_ask_for_it_at_once(tmp_path: Path) -> None:
    environment = stand_in(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        files = set(pool.map(lambda _: build.built(environment), range(4)))
    assert len(files) == 1
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == len(build.SOURCES) + 1  # and the linker
    assert [p.suffix for p in files] == [".so"] and all(p.read_text() == "made\n" for p in files)


@needs_ninja
def test_another_processor_or_compiler_gets_a_library_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = stand_in(tmp_path)
    files = [build.built(environment)]
    monkeypatch.setattr(build, "processor", lambda: "flags : another one")
    files.append(build.built(environment))
    files.append(build.built(stand_in(tmp_path, STAND_IN.replace("stand-in 1", "stand-in 2"))))
    assert len(set(files)) == 3


@needs_ninja
def test_what_the_compiler_says_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NasError, match=r"compiler.*cannot make the gates.*error: that is not C\+\+.*native=false"):
        build.built(stand_in(tmp_path, FAILING))
    assert not list((tmp_path / "cache" / "jsnas_gates").glob("*.so"))


def test_without_the_extra_or_a_compiler_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1")
    reason = build.obstacle({"CXX": str(tmp_path / "none")})
    assert reason is not None and "no C++ compiler found" in reason

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(NasError, match=r"jsnas\[native\]"):
        build.built(stand_in(tmp_path))
    assert not (tmp_path / "cache").exists()


def test_a_description_of_the_processor_does_not_depend_on_how_many_cores_it_has(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nmodel name : X\nflags : avx\n" * 2)
    two = build.processor(file)
    file.write_text("processor : 0\nmodel name : X\nflags : avx\n")
    assert build.processor(file) == two and "flags : avx" in two


# ------------------------------------------------------------------ which form a search takes


def missing() -> Any:
    raise NasError("gates cannot be compiled (no C++ compiler found)")


@pytest.mark.parametrize(
    ("native", "fused", "device", "reduced", "words"),
    [
        ("auto", True, "cpu", False, "fused, torch gates (gates cannot be compiled (no C++ compiler found))"),
        ("auto", False, "cpu", False, "plain"),
        ("auto", True, "cuda:0", False, "fused, torch gates (compiled ones are for CPUs)"),
        ("auto", True, "cpu", True, "fused, torch gates (compiled ones are for 32 bits)"),
        (False, True, "cpu", False, "fused, torch gates"),
        (False, False, "cpu", False, "plain"),
    ],
)
def test_the_form_says_why_it_is_not_the_fastest(
    native: Any, fused: bool, device: str, reduced: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "library", missing)
    assert form.choose(native, fused, device, reduced) == (False, words)


def test_compiled_gates_that_were_asked_for_are_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "library", missing)
    with pytest.raises(NasError, match="no C"):
        form.choose(True, True, "cpu", False)
    for fused, device, reduced in ((False, "cpu", False), (True, "cuda", False), (True, "cpu", True)):
        with pytest.raises(UsageError, match=r"search\.native=false"):
            form.choose(True, fused, device, reduced)


def test_compiled_gates_are_taken_where_they_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "library", lambda: None)
    for native in ("auto", True):
        assert form.choose(native, True, "cpu", False) == (True, "fused, compiled gates")  # type: ignore[arg-type]
