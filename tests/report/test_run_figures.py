"""The files that ``nas show RUN --figures`` writes, and the events and moments that they are made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.report.run_figures import write_run_figures
from nas.train.events import Events, read_events, read_timing
from tests.report.run_examples import trial_events, weight_events


def test_every_figure_of_a_run_is_written_as_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "events.jsonl").write_text(
        "".join(json.dumps(e) + "\n" for e in [*trial_events(), *weight_events()]), encoding="utf-8"
    )
    names = {p.name for p in write_run_figures(run, tmp_path / "out")}
    assert names >= {"trials.pdf", "archive.svg", "weights_operation.png", "weights_filmstrip.pdf", "weights.gif"}
    assert all((tmp_path / "out" / n).stat().st_size > 0 for n in names)
    (run / "events.jsonl").unlink()
    with pytest.raises(NasError, match="nothing to draw"):
        write_run_figures(run, tmp_path / "none")


def test_events_keep_their_moments_beside_them_and_stay_free_of_time(tmp_path: Path) -> None:
    for resumed in (0, 1):
        events = Events(tmp_path, resumed)
        events.write(resumed + 1, "train", loss=1.0)
        events.close()
    assert read_events(tmp_path) == [{"step": s, "kind": "train", "loss": 1.0} for s in (1, 2)]
    moments = read_timing(tmp_path)
    assert [(t["step"], t["kind"]) for t in moments] == [(0, "start"), (1, "train"), (1, "start"), (2, "train")]
    assert all(t["time"] > 1e9 for t in moments)
