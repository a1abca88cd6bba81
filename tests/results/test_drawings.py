"""The drawings of the manual are made of the shapes of a derived cell."""

from __future__ import annotations

from pathlib import Path

from results.drawings import DRAWINGS, main
from results.make import FIGURES


def test_every_drawing_is_written_as_svg_under_the_name_of_the_committed_one(tmp_path: Path) -> None:
    main(["--out", str(tmp_path)])
    written = sorted(p.name for p in tmp_path.iterdir())
    assert written == sorted(f"{name}.svg" for name in DRAWINGS)
    assert written == sorted(p.name for p in (FIGURES / "explanation").iterdir())
    assert all(b"</svg>" in p.read_bytes() for p in tmp_path.iterdir())
