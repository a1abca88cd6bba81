"""The live page: finished, running, silent, empty and odd runs, experiments; it shows what the events say."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.cli import main
from nas.errors import NasError
from nas.report.run_folder import read_run
from nas.report.watch.page import watch_page
from nas.report.watch.status import run_status
from nas.report.watch.text import format_duration, sparkline

NOW = 1_000_000.0


def make(folder: Path, steps: int = 4, finished: bool = False, more: list[dict[str, Any]] | None = None) -> Path:
    """A run of 10 steps, logged every step, a step every 30 s, the last one at NOW - 5."""
    folder.mkdir(parents=True, exist_ok=True)
    config = "kind: search\ntask: sr_x2\nseed: 3\nspace: jsm\nstrategy: pc_darts\ntrain: {steps: 10}\n"
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    events: list[dict[str, Any]] = [{"step": s, "kind": "train", "loss": 9.0 - s} for s in range(1, steps + 1)]
    sure, open_ = [0.0, 0.01, 0.01, 0.01, 0.95, 0.01, 0.01], [1 / 7] * 7
    architecture = {"operation": [sure, open_, [0.9, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]]}
    if steps:
        events.append({"step": steps, "kind": "architecture", "probabilities": architecture, "genotype": "abc123"})
        events.append({"step": steps, "kind": "validation", "psnr": 31.25})
    events += more or []
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    timing = [{"step": 0, "kind": "start", "time": NOW - 5 - 30 * steps}]
    timing += [{"step": s, "kind": "train", "time": NOW - 5 - 30 * (steps - s)} for s in range(1, steps + 1)]
    (folder / "timing.jsonl").write_text("".join(json.dumps(t) + "\n" for t in timing), encoding="utf-8")
    if finished:
        (folder / "summary.json").write_text("{}", encoding="utf-8")
    return folder


def text(folder: Path, now: float = NOW) -> str:
    file = io.StringIO()
    Console(file=file, width=100).print(watch_page(folder, now)[0])
    return file.getvalue()


def test_a_running_search_shows_loss_psnr_eta_genotype_and_entropy_of_each_edge(tmp_path: Path) -> None:
    shown = text(make(tmp_path / "run"))
    for part in ("running", "4/10", "ETA 3 min 00 s", "5.000", "31.250 dB", "abc123", "0→1", "0→2", "1→2"):
        assert part in shown, part
    lines = [x for x in shown.splitlines() if "→" in x]
    assert "rb" in lines[0] and "0.950" in lines[0] and lines[0].count("█") < 5
    assert "100%" in lines[1] and lines[1].count("█") == 20
    assert "skip_connect" in lines[2], "none never becomes part of a genotype"


@pytest.mark.parametrize(("age", "state"), [(0.0, "running"), (1000.0, "silent")])
def test_a_run_that_logs_nothing_for_a_while_is_called_silent(tmp_path: Path, age: float, state: str) -> None:
    assert run_status(read_run(make(tmp_path / "run")), NOW + age).state == state


def test_a_finished_run_ends_the_watch_page(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", 10, finished=True)
    assert watch_page(folder, NOW)[1] and "finished" in text(folder) and "ETA" not in text(folder)
    assert not watch_page(make(tmp_path / "other"), NOW)[1]


def test_empty_and_odd_folders_have_a_watch_page(tmp_path: Path) -> None:
    assert "no events yet" in text(make(tmp_path / "young", 0))
    (tmp_path / "bare").mkdir()
    assert "not begun" in text(tmp_path / "bare")
    odd = [{"step": 4, "kind": "architecture", "probabilities": {"operation": [["x"], [], 3], "attention": 5}}]
    odd += [{"step": 4, "kind": "warning", "message": "[red]look[/red] out"}]
    assert "[red]look[/red] out" in text(make(tmp_path / "odd [x]", more=odd))
    with pytest.raises(NasError, match="no run folder"):
        watch_page(tmp_path / "absent")


def test_trials_show_the_best_the_newest_and_the_archive(tmp_path: Path) -> None:
    more: list[dict[str, Any]] = [
        {"step": 1, "kind": "trial", "genotype": "aaa", "psnr": 30.5, "macs": 2e9, "state": "complete"},
        {"step": 2, "kind": "trial", "genotype": "bbb", "psnr": 33.0, "macs": 9e9, "state": "pruned"},
        {"step": 3, "kind": "trial", "genotype": "ccc", "state": "failed"},
        {"step": 3, "kind": "pareto", "points": [{"genotype": "aaa", "psnr": 30.5, "macs": 2e9}]},
    ]
    shown = text(make(tmp_path / "run", 0, more=more))
    assert "1 complete, 1 pruned, 1 failed" in shown
    assert "best: psnr 30.500, macs 2G, genotype aaa, trial 1" in shown
    assert "Pareto archive: 1 genotypes" in shown and "ccc" in shown


def test_an_experiment_shows_a_line_a_run_and_the_running_one_in_full(tmp_path: Path) -> None:
    (tmp_path / "campaign.yaml").write_text("kind: campaign\n", encoding="utf-8")
    assert "no run has begun" in text(tmp_path)
    make(tmp_path / "darts-seed1", 10, finished=True)
    make(tmp_path / "darts-seed2")
    shown = text(tmp_path)
    assert "1 of 2 runs begun are finished" in shown and "10/10" in shown and "ETA 3 min 00 s" in shown
    assert not watch_page(tmp_path, NOW)[1]
    (tmp_path / "statistics.json").write_text("{}", encoding="utf-8")
    assert watch_page(tmp_path, NOW)[1]


def test_the_command_prints_one_watch_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--once"], []):  # what is not a terminal gets one page in any case
        with pytest.raises(SystemExit) as ended:
            main(["watch", str(make(tmp_path / "run")), *words])
        assert ended.value.code == 0
        assert "abc123" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"), [(9.2, "9 s"), (75, "1 min 15 s"), (3725, "1 h 02 min"), (90_000, "25 h 00 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_sparklines_rise_with_their_values() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([2.0, 2.0]) == "▄▄" and sparkline([]) == "" and len(sparkline(list(range(500)))) == 24


@pytest.mark.parametrize("name", ["config.yaml", "genotype.json", "rows.csv", "space.json"])
@pytest.mark.parametrize("damage", ["pipe", "rubbish"])
def test_what_cannot_be_read_of_a_run_is_named(tmp_path: Path, name: str, damage: str) -> None:
    (tmp_path / "config.yaml").write_text("kind: search\nseed: 3\n")
    (tmp_path / name).unlink(missing_ok=True)
    if damage == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).write_text("{[")
    run = read_run(tmp_path)
    assert len(run.problems) == 1 and run.problems[0].startswith(f"{name} could not be shown: ")
    assert (run.setting("seed") == 3) == (name != "config.yaml")
