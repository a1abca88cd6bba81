"""Candidates divided by the spread of their outputs at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import nas
from nas.errors import UsageError
from nas.space import load_space
from nas.strategies.conformance import tiny_search
from search_spaces.modern.search import PROBE, ScaledSlot

FIXED = {"network.depths": [1, 1, 1], "network.tail": "plain", "network.image_skip": "none"}
SMALL = """
format: nas.space/2
name: small
skeleton: residual
cells: {body: {slots: [{role: operation, candidates: [skip, pcfn, lk_mix]}]}}
network: {width: {choice: [8, 12]}, depths: [1]}
"""


def test_every_candidate_starts_with_the_same_spread_and_learns_as_before() -> None:
    space = load_space("modern_small", overrides={**FIXED, "network.width": 32})
    torch.manual_seed(0)
    supernet = space.supernet("sr_x2", start_scale=True)
    slots = [m for m in supernet.modules() if isinstance(m, ScaledSlot)]
    noise = torch.randn(2, 32, PROBE, PROBE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        spreads = [float(slot.inside(noise).std()) for slot in slots[:28]]
    assert spreads == pytest.approx([1.0] * 28, rel=1e-3)
    assert not any("start_scale" in name for name, p in supernet.named_parameters() if p.requires_grad)


def test_without_it_a_supernet_has_the_weights_it_had() -> None:
    space = load_space("modern_small", overrides={**FIXED, "network.width": 32})
    assert not any("start_scale" in name for name in space.supernet("sr_x2").state_dict())


def test_smaller_widths_have_the_scale_of_the_weights_that_they_share() -> None:
    space = load_space("modern_small", overrides={**FIXED, "network.width": {"choice": [8, 16]}})
    supernet = space.supernet("sr_x2", start_scale=True)
    genotype = next(g for g in map(space.sample, range(99)) if g.network["width"] == 8)
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad(), supernet.only(genotype):
        before = supernet(image)
        for name, parameter in supernet.named_parameters():
            if "start_scale" in name:
                parameter.mul_(4.0)
        assert not torch.equal(supernet(image), before)


def test_the_provenance_says_it(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    settings = tiny_search("gdas", tmp_path, space=str(tmp_path / "small.yaml"), search__start_scale=True)
    settings = settings.model_copy(update={"overrides": {}})
    assert nas.search(settings, out=tmp_path / "run").genotype.provenance["start_scale"] is True


def test_what_cannot_do_it_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="start_scale"):
        load_space("jsm").supernet("sr_x2", start_scale=True)
    with pytest.raises(UsageError, match=r"search\.start_scale is for mixtures"):
        nas.search(tiny_search("single_path", tmp_path, search__start_scale=True), out=tmp_path / "run")
