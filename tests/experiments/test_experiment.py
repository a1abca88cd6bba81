"""Experiments: seeds and a random-search baseline at equal cost in one folder, resumable, with intervals."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nas
from nas.cli import main
from nas.errors import UsageError
from nas.evaluation.rows import read_rows
from nas.experiments import variants as variants_module
from nas.experiments.budget import Cost, cost_of, fit_to_budget, measure_cost, rescaled, with_search
from nas.experiments.cpu_time import CpuTime, cpu_seconds
from nas.experiments.experiment import run_experiment
from nas.experiments.plan import is_experiment
from nas.experiments.resume import resume_experiment
from nas.experiments.runs import retraining_run
from nas.space import Genotype
from nas.statistics import intervals as s
from nas.statistics.two_way import two_way_components
from nas.train.events import read_events
from tests.cli.running import run as command
from tests.experiments.experiment_examples import Stage, psnr_of, tiny_settings


def test_each_seed_has_a_search_a_baseline_and_their_trainings(stage: Stage, tmp_path: Path) -> None:
    result = run_experiment(tiny_settings(tmp_path), seeds=3, control="random", out=tmp_path / "c")
    names = [
        f"{variant}-seed{k}{end}"
        for k in (1, 2, 3)
        for variant in ("pc_darts", "control")
        for end in ("", "-retrained")
    ]
    assert [name for _, name in stage.calls] == [*names, "random-genotype1", "random-genotype1-retrained"]
    assert is_experiment(tmp_path / "c") and result.table.read_text() == result.text
    for name in ("campaign.yaml", "rows.csv", "statistics.json", "table.csv"):
        assert (tmp_path / "c" / name).is_file()
    assert json.loads((tmp_path / "c/statistics.json").read_text()) == json.loads(json.dumps(result.statistics))


def shape(content: Any) -> Any:
    """Names and types of a JSON document."""
    return {k: shape(v) for k, v in content.items()} if isinstance(content, dict) else type(content).__name__


@pytest.mark.parametrize("strategy", ["pc_darts", "random"])
def test_the_stage_leaves_what_real_runs_leave(strategy: str, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, "retrain.validate_every=1", strategy=strategy, search__trials=2)
    made, genuine, stage = tmp_path / "made", tmp_path / "genuine", Stage()
    stage.search(settings, out=made / "search")
    nas.search(settings, out=genuine / "search")
    training = retraining_run("training", settings, genuine / "search", 1).settings
    stage.retrain(training, out=made / "training")
    nas.retrain(training, out=genuine / "training")
    for kind in ("search", "training"):
        one, other = made / kind, genuine / kind
        assert {p.name for p in one.iterdir()} <= {p.name for p in other.iterdir()}
        wanted, found = (shape(json.loads((run / "summary.json").read_text())) for run in (other, one))
        assert found == {key: wanted[key] for key in found}
        assert resumable(one) and resumable(other)
    events = [[shape(e) for e in read_events(run / "training") if e["kind"] == "validation"] for run in (made, genuine)]
    assert events[0] and all(made_up.items() <= real.items() for made_up, real in zip(*events, strict=True))


def resumable(run: Path) -> bool:
    """Whether a whole state lies in the folder."""
    return any((run / "state").glob("step-*.sha256"))


def test_every_figure_is_recomputed_from_the_runs(stage: Stage, tmp_path: Path) -> None:
    found = run_experiment(tiny_settings(tmp_path), seeds=3, control="random", out=tmp_path / "c").statistics
    values = {}
    for variant in ("pc_darts", "control"):
        genotypes = [Genotype.load(tmp_path / f"c/{variant}-seed{k}/genotype.json") for k in (1, 2, 3)]
        values[variant] = [psnr_of(g, k) for g, k in zip(genotypes, (1, 2, 3), strict=True)]
    by_name = {a["name"]: a for a in found["arms"]}
    for variant, expected in values.items():
        assert by_name[variant]["psnr_values"] == pytest.approx(expected)
        assert by_name[variant]["psnr"]["mean"] == pytest.approx(np.mean(expected))
        assert by_name[variant]["psnr"]["sd"] == pytest.approx(np.std(expected, ddof=1))
    comparison = found["comparisons"][0]
    expected = s.paired(values["pc_darts"], values["control"])  # the seeds are shared
    assert comparison["model"] == "two-way (paired by seed)"
    assert comparison["paired"]["low"] == pytest.approx(expected.low) and comparison["decided"] == expected.decided
    noise = two_way_components([values["pc_darts"], values["control"]])
    assert found["noise"]["components"]["residual_sd"] == pytest.approx(noise.residual_sd)
    assert any("two-way (variant + seed): residual SD" in said for said in found["conclusions"])
    assert "95 % interval" in comparison["verdict"] and "n = 3 each" in comparison["verdict"]
    gaps = by_name["pc_darts"]["gap"]
    assert gaps["n"] == 3 and gaps["mean"] == pytest.approx(0.7) and by_name["control"]["gap"] is None
    rows = read_rows(tmp_path / "c/rows.csv")
    assert {r.model: r.psnr for r in rows if r.model.startswith("control")} == {
        f"control-seed{k}": v for k, v in zip((1, 2, 3), values["control"], strict=True)
    }
    assert all(r.set == "validation" and r.images == 2 and r.parameters and r.multiply_adds for r in rows)
    entry = found["ranking"][0]
    assert entry["correlation"]["n"] == len({p["genotype"] for p in found["points"]})
    table = list(csv.DictReader((tmp_path / "c/table.csv").open()))
    assert [line["variant"] for line in table] == ["pc_darts", "control"]
    assert float(table[0]["difference"]) == pytest.approx(np.mean(values["pc_darts"]) - np.mean(values["control"]))


def test_the_baseline_may_spend_what_the_search_spends(stage: Stage, tmp_path: Path) -> None:
    found = run_experiment(tiny_settings(tmp_path, train__steps=20), seeds=1, control="random", out=tmp_path / "c")
    search, baseline = found.statistics["arms"]
    # 4 steps of warm-up at 0.5 s, 16 at 1 s, one report at 0.25 s; a trial of 2 steps costs 1.5 s
    assert search["budget_seconds"] == pytest.approx(18.25) and search["budget_multiply_adds"] == pytest.approx(52e9)
    assert baseline["trials"] == 12 and 18.25 - 1.5 < baseline["budget_seconds"] <= 18.25
    assert "12 trials of 2 steps" in found.text and "tera multiply-adds" in found.text


def test_an_interrupted_experiment_continues_where_it_was(stage: Stage, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    whole = run_experiment(settings, seeds=2, control="random", out=tmp_path / "whole")
    stage.fail = lambda name: name == "control-seed1-retrained"
    with pytest.raises(KeyboardInterrupt):
        run_experiment(settings, seeds=2, control="random", out=tmp_path / "cut")
    stage.fail, before = (lambda name: False), len(stage.calls)
    kept = (tmp_path / "cut/pc_darts-seed1/summary.json").stat().st_mtime_ns
    resumed = resume_experiment(tmp_path / "cut")
    assert stage.calls[before] == ("retrain", "control-seed1-retrained")  # continued; nothing is redone
    assert (tmp_path / "cut/pc_darts-seed1/summary.json").stat().st_mtime_ns == kept
    for key in ("comparisons", "ranking", "points", "conclusions"):
        assert resumed.statistics[key] == whole.statistics[key]
    again = len(stage.calls)
    assert resume_experiment(tmp_path / "cut").statistics["points"] == whole.statistics["points"]
    assert len(stage.calls) == again


def test_a_run_killed_before_its_first_state_starts_again(stage: Stage, tmp_path: Path) -> None:
    run_experiment(tiny_settings(tmp_path), seeds=1, out=tmp_path / "c")
    run = tmp_path / "c/pc_darts-seed1"
    (run / "summary.json").unlink()
    (run / "state/step-000000001.sha256").unlink()
    before = len(stage.calls)
    resume_experiment(tmp_path / "c")
    assert stage.calls[before:] == [("search", "pc_darts-seed1")] and (run / "summary.json").is_file()


def test_cpu_time_is_summed_over_sessions_and_unknown_after_a_killed_one(tmp_path: Path) -> None:
    readings = iter([10.0, 12.5, 100.0, 101.0, 200.0, 300.0, 301.0])  # each session begins where it likes
    work = CpuTime(tmp_path, clock=lambda: next(readings, 999.0))
    assert work.seconds("a") is None
    with work.measured("a"):
        pass
    with pytest.raises(KeyboardInterrupt), work.measured("a"):
        raise KeyboardInterrupt
    assert work.seconds("a") == 2.5 + 1.0
    killed = work.measured("b")
    killed.__enter__()  # and never left
    with work.measured("b"):
        pass
    assert CpuTime(tmp_path).seconds("b") is None and CpuTime(tmp_path).seconds("a") == 3.5


def test_cpu_seconds_are_those_of_this_process_and_of_its_finished_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "times", lambda: os.times_result((1.0, 2.0, 4.0, 8.0, 99.0)))
    monkeypatch.setattr(time, "process_time", lambda: 3.0625)  # finer than the ticks in which os.times counts
    assert cpu_seconds() == 3.0625 + 4.0 + 8.0


def test_one_seed_states_no_interval_and_claims_nothing(stage: Stage, tmp_path: Path) -> None:
    result = run_experiment(tiny_settings(tmp_path), seeds=1, control="random", out=tmp_path / "c")
    assert "nothing follows" in result.text and "is better than" not in result.text


@pytest.mark.parametrize(
    ("assignments", "arguments", "message"),
    [
        ((), {"seeds": 0}, "at least one seed"),
        ((), {"seeds": 1, "control": "rnadom"}, "did you mean 'random'"),
        (("data.validation=0",), {"seeds": 1}, "validation images"),
        (("retrain.network.image_residul=true",), {"seeds": 1}, "image_residul"),
        (("retrain.sets=[Set6]", "retrain.benchmarks=."), {"seeds": 1}, "Set6"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(
    stage: Stage,
    tmp_path: Path,
    assignments: tuple[str, ...],
    arguments: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message):
        run_experiment(tiny_settings(tmp_path, *assignments), out=tmp_path / "c", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "c").exists() and not stage.calls


def test_an_experiment_is_never_overwritten(stage: Stage, tmp_path: Path) -> None:
    run_experiment(tiny_settings(tmp_path), seeds=1, out=tmp_path / "c")
    with pytest.raises(UsageError, match="already contains"):
        run_experiment(tiny_settings(tmp_path), seeds=1, out=tmp_path / "c")
    with pytest.raises(UsageError, match="not the folder of an experiment"):
        resume_experiment(tmp_path)


COST = Cost("step", 2.0, 6e9, 1.0, 2e9, 3.0)


def test_the_cost_of_a_search_counts_warm_up_and_reports(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, "search.warmup=0.25", "train.validate_every=50", train__steps=100)
    found = cost_of(settings, COST)
    assert found.seconds == 25 * 1.0 + 75 * 2.0 + 2 * 3.0 and found.multiply_adds == 25 * 2e9 + 75 * 6e9


@pytest.mark.parametrize("seconds", [10.0, 77.7, 1000.0])
def test_the_steps_of_a_budget_are_the_most_that_it_pays_for(seconds: float, tmp_path: Path) -> None:
    settings = fit_to_budget(tiny_settings(tmp_path), COST, seconds)
    more = settings.model_copy(update={"train": settings.train.model_copy(update={"steps": settings.train.steps + 1})})
    assert cost_of(settings, COST).seconds <= seconds < cost_of(more, COST).seconds


def test_a_budget_for_less_than_two_trials_shortens_them(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, "search.trial_steps=100")
    cost = Cost("trial", 101.0, 1e9, validation_seconds=1.0)
    made = fit_to_budget(settings, cost, 60.0)
    assert (made.search.trials, made.search.trial_steps) == (2, 29)  # 2 x (29 + 1) s
    assert cost_of(made, rescaled(cost, 100, 29)).seconds == pytest.approx(60.0)
    with pytest.raises(UsageError, match="does not pay"):
        fit_to_budget(settings, cost, 2.5)
    with pytest.raises(UsageError, match="does not pay"):
        fit_to_budget(settings, COST, 1.0)


@pytest.fixture
def passes() -> Iterator[Callable[[], float]]:
    """A clock that advances by one second whenever a network, derived or searched, is run forwards."""
    counted = [0.0]

    def tick(module: nn.Module, inputs: Any, output: Any) -> None:
        counted[0] += hasattr(module, "descriptor") or hasattr(module, "arch_parameters")

    hook = nn.modules.module.register_module_forward_hook(tick)
    yield lambda: counted[0]
    hook.remove()


def test_measured_costs_are_what_the_clock_says_and_leave_the_random_state_alone(
    passes: Callable[[], float], tmp_path: Path
) -> None:
    settings = tiny_settings(tmp_path, "search.trial_steps=5")
    before = torch.get_rng_state()
    first = measure_cost(settings, 1, passes)
    second = measure_cost(with_search(settings, order="second"), 1, passes)
    trial = measure_cost(settings.model_copy(update={"strategy": "random"}), 1, passes)
    assert torch.equal(before, torch.get_rng_state())
    assert first.unit == "step" and trial.unit == "trial"
    # a step of the weights passes one batch, one of the architecture another; the supernet is validated on two
    # images, mixed and discretised; a trial trains for five steps and validates once
    assert (first.warmup_seconds, first.seconds, first.validation_seconds) == (1, 2, 4)
    assert (trial.seconds, trial.validation_seconds) == (5 + 2, 2)
    assert second.seconds > first.seconds
    # an architecture step passes two batches through the supernet, a warm-up step one; without the gradient of the
    # input to the first layer the pass of the architecture costs about as much
    assert 1.4 < first.multiply_adds / first.warmup_multiply_adds < 2.6
    assert second.multiply_adds > 1.3 * first.multiply_adds
    assert trial.multiply_adds > 0


def test_a_real_experiment_from_the_command_line_resumes_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants_module, "measure_cost", Stage().measure_cost)  # the same plan on a busy machine
    settings = tiny_settings(tmp_path)
    words = [
        "search",
        "--space",
        settings.space,
        "--task",
        "sr_x2",
        "--data",
        settings.data.path[0],
        "--batch",
        "1",
        "--patch",
        "32",
        "--steps",
        "3",
        "--threads",
        "1",
        "--seeds",
        "2",
        "--control",
        "random",
        "--out",
        str(tmp_path / "c"),
    ]
    for text in ("data.validation=1", "search.trial_steps=1", "retrain.steps=1", "retrain.random_genotypes=0"):
        words += ["--set", text]
    with pytest.raises(SystemExit) as ended:
        main(words)
    out = capsys.readouterr()
    assert ended.value.code == 0, out.err
    assert out.out.splitlines()[-1] == f"wrote {tmp_path / 'c/table.md'}" and "random-search baseline" in out.out
    for seed in (1, 2):
        (tmp_path / f"c/control-seed{seed}-retrained/summary.json").unlink()
    before = (tmp_path / "c/statistics.json").read_text()
    with pytest.raises(SystemExit) as ended:
        main(["ablate", "--resume", str(tmp_path / "c"), "--jobs", "2"])  # each in a process of its own
    assert ended.value.code == 0, capsys.readouterr().err
    points = [json.loads(text)["points"] for text in (before, (tmp_path / "c/statistics.json").read_text())]
    assert points[0] == points[1]
    with pytest.raises(SystemExit) as ended:
        main(["search", "--resume", str(tmp_path / "c")])
    assert ended.value.code == 0 and "random-search baseline" in capsys.readouterr().out
    scores = json.loads((tmp_path / "c/pc_darts-seed1/supernet_scores.json").read_text())
    assert scores and all(5 < value < 60 for value in scores.values())


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("search", "--steps", "9"), "--steps"),
        (("search", "--seeds", "2"), "--seeds"),
        (("search", "--set", "seed=3"), "--set"),
        (("search", "--force"), "--force"),
        (("ablate", "--time", "4m"), "--time"),
        (("ablate", "--out", "elsewhere"), "--out"),
        (("ablate", "--vary", "search.warmup=0"), "--vary"),
        (("noise", "--lr", "1e-3"), "--lr"),
        (("noise", "--genotypes", "9"), "--genotypes"),
        (("noise", "--data", "/nowhere"), "--data"),
    ],
)
def test_flags_beside_the_resume_of_an_experiment_are_refused_by_name_and_a_dry_run_trains_nothing(
    words: tuple[str, ...], name: str, stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_experiment(tiny_settings(tmp_path), seeds=1, out=tmp_path / "c")
    (tmp_path / "c" / "pc_darts-seed1" / "summary.json").unlink()
    done = list(stage.calls)
    outcome = command(capsys, *words, "--resume", tmp_path / "c")
    assert outcome.code == 2 and f"{name} cannot be given with --resume" in outcome.err
    shown = command(capsys, words[0], "--resume", tmp_path / "c", "--dry-run")
    assert shown.code == 0 and "pc_darts-seed1 goes on" in shown.out and stage.calls == done
