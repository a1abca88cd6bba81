"""Selection by perturbation keeps what contributes most, whatever the architecture variables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import nas
from nas.config.search import LimitSettings
from nas.engines.derive import derive
from nas.engines.perturbation import select_by_perturbation
from nas.errors import NasError, UsageError
from nas.objectives.costs import GenotypeCosts
from nas.registry import STRATEGIES
from nas.strategies.conformance import tiny_search
from nas.supernet.relaxations import softmax
from nas.tasks import get_task
from tests.space.space_examples import tiny_space

DIFFERENTIABLE = [s for s in STRATEGIES.names() if STRATEGIES.get(s).differentiable]


def contributions(supernet: Any) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {name: torch.rand(supernet.raw_alphas(name).shape, generator=generator) for name in supernet.space.cells}


def analytic(supernet: Any, worth: dict[str, torch.Tensor]) -> Any:
    """A PSNR that is the sum of what each candidate contributes, times its weight."""

    def validate(model: Any) -> dict[str, float]:
        return {"psnr": sum(float((m.candidates * worth[name]).sum()) for name, m in model.mixtures().items())}

    return validate


def best(supernet: Any, worth: dict[str, torch.Tensor]) -> nas.Genotype:
    vector = []
    for decision in supernet.space.decisions:
        edges = supernet.space.cells[decision.cell].edges
        row = next(e for e, x in enumerate(edges) if (x.source, x.target) == (decision.source, decision.target))
        listed = list(edges[row].candidates)
        # equal weights: what contributes most is missed most
        values = [float(worth[decision.cell][row, listed.index(block)]) for block in decision.choices]
        vector.append(values.index(max(values)))
    return supernet.space.decode(vector)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_missed_most_is_kept_in_any_order_of_the_edges(seed: int) -> None:
    supernet = tiny_space().supernet("sr_x2")
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.zero_()
    worth, before = contributions(supernet), supernet.relax
    found, removals = select_by_perturbation(supernet, softmax, analytic(supernet, worth), seed)
    assert found.hash == best(supernet, worth).hash
    assert len(removals) == sum(len(d.choices) for d in supernet.space.decisions)
    assert supernet.relax is before  # the supernet is as it was


def test_a_large_weight_without_a_contribution_is_not_kept() -> None:
    supernet = tiny_space().supernet("sr_x2")
    worth = contributions(supernet)
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.zero_()
        column = int(torch.argmin(worth["operation"][0, 1:])) + 1
        supernet.raw_alphas("operation")[0, column] = 0.5
        worth["operation"][0, column] = 0.0
    assert supernet.genotype().hash != select_by_perturbation(supernet, softmax, analytic(supernet, worth))[0].hash


def test_limits_are_kept() -> None:
    supernet = tiny_space().supernet("sr_x2")
    space, costs = supernet.space, GenotypeCosts(supernet.space, get_task("sr_x2"))
    worth = contributions(supernet)
    free = select_by_perturbation(supernet, softmax, analytic(supernet, worth))[0]
    cheapest = min(costs.of(space.sample(i))["params"] for i in range(200))
    limit = (cheapest + costs.of(free)["params"]) / 2 if costs.of(free)["params"] > cheapest else cheapest
    limits = LimitSettings(params=limit)
    found, _ = select_by_perturbation(supernet, softmax, analytic(supernet, worth), 0, costs, limits)
    assert costs.within(found, limits)
    with pytest.raises(NasError, match="raise them"):
        select_by_perturbation(
            supernet, softmax, analytic(supernet, worth), 0, costs, LimitSettings(params=cheapest / 100)
        )


@pytest.mark.parametrize("strategy", DIFFERENTIABLE)
def test_every_supernet_can_be_selected_from(strategy: str, tmp_path: Path) -> None:
    run = nas.search(tiny_search(strategy, tmp_path), out=tmp_path / "run").run
    own = (run / "genotype.json").read_bytes()
    found = derive(run, tmp_path / "found.json", select="perturbation")
    assert found.provenance["selection"] == "perturbation" and found.hash == derive(run, select="perturbation").hash
    assert (run / "genotype.json").read_bytes() == own


def test_other_selections_and_other_searches_are_refused(tmp_path: Path) -> None:
    run = nas.search(tiny_search("random", tmp_path), out=tmp_path / "run").run
    with pytest.raises(UsageError, match="no supernet"):
        derive(run, select="perturbation")
    with pytest.raises(UsageError, match="did you mean 'perturbation'"):
        derive(run, select="pertubation")
