"""One function says what a network costs, whatever names it."""

from __future__ import annotations

import pytest

import nas
from nas.errors import UsageError


def test_module_genotype_and_name_cost_the_same() -> None:
    space = nas.load_space("jsm")
    genotype = space.sample(1)
    found = nas.cost(genotype, "sr_x2")
    assert found == nas.cost(space.network(genotype, "sr_x2"), "sr_x2")
    assert nas.cost("jsnet", "sr_x2").parameters == 476_467
    assert nas.cost("bicubic", "sr_x2").parameters == 0
    assert f"{found.parameters:,}" in found._repr_html_()


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UsageError, match="jsnet"):
        nas.cost("jsnett", "sr_x2")


def test_a_genotype_at_hand_is_trained_and_its_run_goes_on(tmp_path: object) -> None:
    genotype = nas.load_space("jsm").sample(3).with_network(cells=1)
    small = {"data__batch": 1, "data__patch": 32, "data__validation": 0}
    result = nas.retrain(genotype, task="sr_x2", train__steps=1, out=f"{tmp_path}/run", **small)
    again = nas.retrain(resume=result.run, train__steps=2)
    assert nas.Genotype.load(again.run / "genotype.json") == genotype
    assert "genotype-" in (again.run / "config.yaml").read_text() and str(again.weights) in again._repr_html_()
