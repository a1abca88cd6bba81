"""Ablations: variants that differ in one thing, at one budget, in one table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nas.cli import main
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError
from nas.experiments import variants as variants_module
from nas.experiments.ablation import ablate, ablation_variants, plan_ablation
from nas.experiments.budget import Cost
from nas.experiments.results import conclusions
from nas.experiments.variants import Variant, with_equal_budgets
from nas.statistics import intervals as statistics
from nas.statistics.intervals import Agreement
from nas.strategies.bilevel import BilevelSettings
from tests.experiments.experiment_examples import Stage, tiny_settings


def jsm(*assignments: str, **flags: object) -> SearchSettings:
    return build(SearchSettings, None, assignments, **{"overrides": {"network.cells": 1}, **flags})


def test_the_standard_ablation_varies_cells_channels_edge_weights_and_order() -> None:
    variants = {a.name: a for a in ablation_variants(jsm(), [], [])}
    assert list(variants) == ["jsm", "osm-only", "asm-only", "partial-channels-off", "edge-weights-off", "second-order"]
    spaces = {name: space_of(variant.settings) for name, variant in variants.items()}
    assert {n: sorted(s.cells) for n, s in spaces.items()} == {
        **{key: ["attention", "operation"] for key in variants},
        "osm-only": ["operation"],
        "asm-only": ["attention"],
    }
    relaxed = {n: s.cells["operation"].relaxation for n, s in spaces.items() if "operation" in s.cells}
    assert relaxed["partial-channels-off"].partial_channels == 1 and relaxed["partial-channels-off"].edge_weights
    assert relaxed["edge-weights-off"].partial_channels == 4 and not relaxed["edge-weights-off"].edge_weights
    assert [a.settings.search.own(BilevelSettings).order for a in variants.values()] == ["first"] * 5 + ["second"]
    assert len({s.network_settings.cells for s in spaces.values()}) == 1  # one depth,
    assert len({s.features for s in spaces.values()}) == 1  # and one width


def test_attention_alone_keeps_the_width_of_the_joint_space() -> None:
    variants = {
        a.name: a for a in ablation_variants(jsm(overrides={"network.width": 8, "network.cells": 1}), ["cells"], [])
    }
    assert space_of(variants["asm-only"].settings).features == space_of(variants["jsm"].settings).features == 32


def test_what_is_off_is_turned_on() -> None:
    overrides = {"cells.operation.relaxation.partial_channels": 1, "cells.operation.relaxation.edge_weights": False}
    variants = {a.name: a for a in ablation_variants(jsm("search.order=second", overrides=overrides), [], [])}
    assert {"partial-channels-on", "edge-weights-on", "first-order"} <= set(variants)


def test_factors_without_a_meaning_are_left_out_and_said_so(tmp_path: Path) -> None:
    notes: list[str] = []
    variants = ablation_variants(tiny_settings(tmp_path), [], notes)
    assert [a.name for a in variants] == ["tiny", "partial-channels-off", "edge-weights-off", "second-order"]
    assert len(notes) == 1 and "cells was left out" in notes[0]
    assert [a.name for a in ablation_variants(jsm(strategy="darts"), [], [])] == [
        "jsm",
        "osm-only",
        "asm-only",
        "second-order",
    ]


def test_gradient_variants_take_the_same_steps_unless_a_time_is_given(stage: Stage, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, train__steps=40)
    plan = plan_ablation(settings, factors=["order"])
    assert [a.settings.train.steps for a in plan.variants] == [40, 40]
    timed = plan_ablation(tiny_settings(tmp_path, train__steps=40, train__time=30.0), factors=["order"])
    first, second = timed.variants
    assert first.settings.train.steps > second.settings.train.steps > 0
    for variant in timed.variants:
        assert variant.budget is not None and 28 < variant.budget.seconds <= 30 and variant.settings.train.time is None


def test_strategies_of_both_kinds_get_the_same_cpu_time(stage: Stage, tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path, train__steps=40)
    plan = plan_ablation(settings, seeds=3, strategies=["random", "pc_darts", "darts"])
    assert plan.reference == "random" and plan.seeds == [1, 2, 3]
    budgets = {a.name: a.budget for a in plan.variants}
    assert budgets["pc_darts"] == budgets["darts"] and budgets["pc_darts"].steps == 40  # type: ignore[union-attr]
    wanted = budgets["pc_darts"].seconds  # type: ignore[union-attr]
    assert wanted - 1.5 < budgets["random"].seconds <= wanted  # type: ignore[union-attr]


def test_trials_of_equal_settings_are_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[str] = []

    def measure_cost(settings: SearchSettings, repeats: int = 3) -> Cost:  # as noisy as a busy machine
        timed.append(settings.strategy)
        return Cost("trial" if settings.strategy in ("evolution", "random") else "step", 1.0 + len(timed), 1e9, 1.0)

    monkeypatch.setattr(variants_module, "measure_cost", measure_cost)
    plan = plan_ablation(tiny_settings(tmp_path, train__time=60.0), strategies=["pc_darts", "evolution", "random"])
    assert timed == ["pc_darts", "evolution"]
    assert plan.variants[1].settings.search.trials == plan.variants[2].settings.search.trials == 20


def test_a_proxy_stops_by_time_as_its_cost_is_not_known_beforehand(stage: Stage, tmp_path: Path) -> None:
    base = tiny_settings(tmp_path, "search.estimator=zero_cost", "search.trials=7", strategy="random")
    variant = with_equal_budgets([Variant("random", "strategy", "random", base)], 12.0)[0]
    assert variant.settings.train.time == 12.0 and variant.settings.search.trials == 7
    assert "stops after 12 s" in variant.notes[0]


def test_several_comparisons_widen_the_intervals(stage: Stage, tmp_path: Path) -> None:
    result = ablate(tiny_settings(tmp_path), 3, strategies=["pc_darts", "darts", "random"], out=tmp_path / "a")
    found = result.statistics
    assert [c["arm"] for c in found["comparisons"]] == ["pc_darts", "darts"]
    assert all(c["welch"]["level"] == pytest.approx(0.975) for c in found["comparisons"])
    assert "97.5 % interval" in result.text and "Bonferroni" in result.text
    assert {e["arm"] for e in found["ranking"]} == {"pc_darts", "darts"} and len(found["ranking"]) == 6
    assert result.text.count("\n| ") == 2 + 3 - 1 + 1  # head, rule and one line per variant


def variant_of(name: str, values: list[float], multiply_adds: float, parameters: float) -> dict[str, Any]:
    """What the statistics say of a variant whose genotypes share no decisions."""
    return {
        "name": name,
        "seeds": list(range(len(values))),
        "psnr_values": values,
        "psnr": asdict(statistics.summary(values)),
        "gap": None,
        "multiply_adds": multiply_adds,
        "parameters": parameters,
        "agreement": asdict(Agreement(3, 0, 0, None, 0.0, None, None)),
    }


def test_ties_are_broken_by_cost() -> None:
    dear, cheap = variant_of("dear", [31.0, 31.2, 31.4], 9e9, 4e5), variant_of("cheap", [30.9, 31.2, 31.3], 3e9, 5e5)
    poor, smaller = variant_of("poor", [20, 20.1, 20.2], 1e9, 1e5), variant_of("smaller", [31.1, 31.1, 31.2], 3e9, 2e5)

    def said(*variants: dict[str, Any]) -> list[str]:
        return conclusions({"comparisons": [], "ranking": [], "arms": list(variants)})

    (sentence,) = said(dear, cheap, poor)
    assert sentence == (
        "dear, cheap tie: none can be told from the best mean, that of dear (paired, n = 3 each). The cheapest of them "
        "is cheap, with 3.00 G multiply-adds and 500 k parameters on average."
    )
    assert "cheapest of them is smaller, with 3.00 G multiply-adds and 200 k" in said(dear, cheap, smaller)[0]
    assert said(dear, poor) == ["dear has the highest mean, and no other variant ties with it (n = 3 each)."]
    assert said(dear) == []


def test_any_setting_can_be_varied(stage: Stage, tmp_path: Path) -> None:
    plan = plan_ablation(tiny_settings(tmp_path), vary=["search.warmup=0,0.2,0.5"])
    found = [(a.name, a.settings.search.own(BilevelSettings).warmup) for a in plan.variants]
    assert found == [("tiny", 0.2), ("warmup-0", 0), ("warmup-0.5", 0.5)]
    assert plan.reference == "tiny"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": ["ordr"]}, "did you mean 'order'"),
        ({"strategies": ["pcdarts"]}, "did you mean 'pc_darts'"),
        ({"strategies": ["random", "random"]}, "each strategy once"),
        ({"strategies": ["random", "darts"], "reference": "drats"}, "did you mean 'darts'"),
        ({"strategies": ["random"], "factors": ["order"]}, "one of"),
        ({"vary": ["search.warmup"]}, "key.subkey=value"),
        ({"vary": ["search.warmup=0.2"]}, "at least one value that differs"),
        ({"vary": ["search.warmpu=0.2"]}, "did you mean 'warmup'"),
        ({"factors": ["cells"]}, "nothing can be ablated"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: dict, message: str, stage: Stage, tmp_path: Path) -> None:  # type: ignore[type-arg]
    with pytest.raises(UsageError, match=message):
        plan_ablation(tiny_settings(tmp_path), **arguments)


def test_a_discrete_strategy_has_nothing_to_ablate(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no supernet to ablate"):
        ablation_variants(tiny_settings(tmp_path, strategy="random"), [], [])


def test_the_command_plans_runs_and_resumes(stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tiny_settings(tmp_path)
    words = [
        "ablate",
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
        "4",
        "--seeds",
        "2",
        "--strategies",
        "pc_darts,random",
        "--set",
        "data.validation=2",
        "--set",
        "retrain.steps=2",
    ]

    def ended(*more: str) -> str:
        with pytest.raises(SystemExit) as end:
            main([*words, *more] if more[:1] != ("ablate",) else list(more))
        out = capsys.readouterr()
        assert end.value.code == 0, out.err
        return out.out

    assert "pc_darts: strategy pc_darts, 4 steps" in ended("--dry-run") and not stage.calls
    out = ended("--out", str(tmp_path / "a"))
    assert "| pc_darts | strategy: pc_darts | 2 |" in out and out.splitlines()[-1].startswith("wrote")
    calls = len(stage.calls)
    assert ended("ablate", "--resume", str(tmp_path / "a")) == out and len(stage.calls) == calls
