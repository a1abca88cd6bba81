"""The weights of a search as an animation and as a filmstrip."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from nas.errors import NasError
from nas.report.figures.animation import weight_animation, weight_filmstrip
from tests.report.run_examples import trial_events, weight_events


def test_the_animation_has_a_frame_a_moment_and_the_filmstrip_a_panel_a_cell_and_moment(tmp_path: Path) -> None:
    names = {"candidates": {"operation": ("none", "skip_connect", "rb", "lrb")}, "edges": {"attention": ["0→1"]}}
    animation = weight_animation(weight_events(), tmp_path / "deep" / "weights.gif", frames=4, **names)
    with Image.open(animation) as picture:
        assert (picture.format, picture.n_frames) == ("GIF", 4)  # type: ignore[attr-defined]
    filmstrip = weight_filmstrip(weight_events(), moments=3, **names)
    assert len(filmstrip.axes) == 6 + 1, "panels and a colour bar"
    assert [t.get_text() for t in filmstrip.axes[0].get_xticklabels()] == ["none", "skip", "rb", "lrb"]
    assert filmstrip.axes[2].get_title(loc="left") == "step 50"
    with pytest.raises(NasError, match="no architecture weights"):
        weight_animation(trial_events(), tmp_path / "x.gif")


def test_the_animation_is_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = (weight_animation(weight_events(2), tmp_path / f"{i}.gif").read_bytes() for i in range(2))
    assert first == second
