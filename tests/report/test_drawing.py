"""``nas.draw`` draws genotypes and spaces by object and by name."""

from __future__ import annotations

import pytest

import nas
from nas.errors import UsageError
from nas.report.figures.style import figure_bytes


@pytest.mark.parametrize("what", ["jsnet_released", "jsm", "modern_small"])
@pytest.mark.parametrize("dark", [False, True])
def test_names_are_drawn(what: str, dark: bool) -> None:
    assert figure_bytes(nas.draw(what, dark=dark), "png", 50).startswith(b"\x89PNG")


def test_a_space_names_every_decision() -> None:
    space = nas.load_space("osm")
    written = {text.get_text() for text in nas.draw(space).texts}
    assert {decision.name for decision in space.decisions} <= written


def test_other_things_are_refused() -> None:
    with pytest.raises(UsageError, match="int is not drawn"):
        nas.draw(3)  # type: ignore[arg-type]
