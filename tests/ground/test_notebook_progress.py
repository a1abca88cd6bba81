"""In a notebook progress is a bar that replaces itself, not a growing list of lines."""

from __future__ import annotations

import sys
from io import StringIO
from types import ModuleType, SimpleNamespace

import pytest

from nas.progress import progress


def test_the_bar_of_a_notebook_ends_full_and_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    shell = SimpleNamespace(kernel=object())
    python, display = ModuleType("IPython"), ModuleType("IPython.display")
    python.get_ipython = lambda: shell  # type: ignore[attr-defined]
    display.HTML = str  # type: ignore[attr-defined]
    display.display = lambda html, display_id: SimpleNamespace(update=shown.append)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    stream = StringIO()
    with progress("<train>", 3, stream) as bar:
        for _ in range(3):
            bar.advance(detail="loss 1.000")
        bar.note("a line that stays")
    assert '<progress value="3" max="3"' in shown[-1] and "&lt;train&gt;: 3/3" in shown[-1]
    assert stream.getvalue() == "a line that stays\n"


def test_outside_of_notebooks_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    with progress("train", 1, stream) as bar:
        bar.advance()
    assert stream.getvalue() == ""
