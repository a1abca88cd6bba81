"""The settings of the skeleton say what is wrong and where, survive JSON, and are equal for equal networks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from nas.errors import UsageError
from nas.space import BLOCKS
from nas.space.document import DocumentError, dotted, parse_yaml
from nas.space.skeleton_settings import read_settings
from search_spaces.modern.catalogue import ENTRIES
from search_spaces.modern.network import ResidualNetwork
from search_spaces.modern.settings import ResidualSettings, slot, uniform

MODULATION, OPERATION = "modulation", "operation"


def document(**changes: Any) -> dict[str, Any]:
    slots = [{"role": MODULATION, "block": "smfa"}, {"role": OPERATION, "block": "pcfn"}]
    return {"width": 16, "stages": [{"cells": 2, "slots": slots}], **changes}


def test_settings_survive_json() -> None:
    settings = ResidualSettings(**document(residual="cell", tail="dw", image_skip="nearest"))
    again = ResidualSettings(**json.loads(json.dumps(settings.model_dump())))
    assert again == settings and again.depth == 2 and again.min_size == 8


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"width": "16"}, ("width",)),
        ({"width": True}, ("width",)),
        ({"width": 0}, ("width",)),
        ({"stages": []}, ("stages",)),
        ({"stages": [{"cells": 0, "slots": [{"role": OPERATION, "block": "ccm"}]}]}, ("stages", 0, "cells")),
        ({"stages": [{"cells": 1, "slots": []}]}, ("stages", 0, "slots")),
        ({"stages": [{"cells": 1, "slots": [{"role": "gate", "block": "pa"}]}]}, ("stages", 0, "slots", 0, "role")),
        ({"norm": "batch"}, ("norm",)),
        ({"tails": "dw"}, ("tails",)),
    ],
)
def test_what_has_the_wrong_type_is_found_at_its_place(changes: dict[str, Any], place: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError) as found:
        ResidualSettings(**document(**changes))
    assert found.value.errors()[0]["loc"] == place


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        (slot(OPERATION, "pcfm"), ("stages", 0, "slots", 0, "block"), "did you mean 'pcfn'"),
        (slot(MODULATION, "pcfn"), ("stages", 0, "slots", 0, "block"), "unknown modulation block"),
        (slot(OPERATION, "none"), ("stages", 0, "slots", 0, "block"), "cannot stand in a network"),
        (slot(MODULATION, "lk_select", kernle=7), ("stages", 0, "slots", 0, "parameters"), "did you mean 'kernel'"),
        (
            slot(MODULATION, "lk_select", kernel=8),
            ("stages", 0, "slots", 0, "parameters"),
            "use one of 7, 11, 15, 21, 31",
        ),
        (slot(OPERATION, "spab", gain=2), ("stages", 0, "slots", 0, "parameters"), "it takes none"),
        (slot(MODULATION, "mlka"), ("width",), "multiples of 3"),
    ],
)
def test_what_types_cannot_see_is_found_at_its_place_too(wrong: Any, place: tuple[Any, ...], words: str) -> None:
    settings = ResidualSettings(**document(stages=[{"cells": 1, "slots": [wrong.model_dump()]}]))
    (found,) = settings.problems()
    assert found[0] == place and words in found[1]
    with pytest.raises(UsageError, match=f"^{re.escape(dotted(place))}: .*{words}"):
        ResidualNetwork(settings)


DOCUMENT = """
title: a network
network:
  width: 16
  stages:
    - cells: 2
      slots:
        - {role: modulation, block: smfa}
        - role: operation
          block: ccm
          parameters: {expansion: 2}
  tail: dw
"""


def read(text: str) -> ResidualSettings:
    return read_settings(ResidualSettings, parse_yaml(text, "net.yaml"), ("network",))


def test_a_document_holds_the_settings() -> None:
    wanted = uniform(16, 2, slot(MODULATION, "smfa"), slot(OPERATION, "ccm", expansion=2), tail="dw")
    assert read(DOCUMENT) == wanted


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "words"),
    [
        ("width: 16", "width: 16.5", 4, "network.width", "valid integer"),
        ("tail: dw", "tial: dw", 12, "network.tial", "did you mean 'tail'"),
        ("- cells: 2", "- cell: 2", 6, "network.stages[0].cell", "did you mean 'cells'"),
        ("- cells: 2", "- cells: 0", 6, "network.stages[0].cells", "greater than or equal to 1"),
        ("          block: ccm", "          blok: ccm", 10, "network.stages[0].slots[1].blok", "did you mean 'block'"),
        ("block: ccm", "block: cmc", 10, "network.stages[0].slots[1].block", "did you mean 'ccm'"),
        ("{expansion: 2}", "{expansion: 3}", 11, "network.stages[0].slots[1].parameters", "use one of 1.5, 2.0"),
        ("width: 16", "width: 15", 4, "network.width", "multiples of 2"),
    ],
)
def test_faults_of_a_document_name_path_line_and_nearest_name(
    old: str, new: str, line: int, path: str, words: str
) -> None:
    with pytest.raises(DocumentError, match=words) as found:
        read(DOCUMENT.replace(old, new))
    assert (found.value.line, found.value.path) == (line, path)
    assert str(found.value).startswith(f"net.yaml, line {line}: {path}: ")


def test_a_value_that_equals_a_choice_becomes_that_choice() -> None:
    ccm = BLOCKS[OPERATION].get("ccm").traits
    assert isinstance(ccm.options("ccm", {"expansion": 2})["expansion"], float)
    with pytest.raises(UsageError, match="cannot be True"):
        BLOCKS[OPERATION].get("pcfn").traits.options("pcfn", {"expansion": True})


@pytest.mark.parametrize(
    "slots",
    [
        (slot(MODULATION, "skip"), slot(OPERATION, "ccm"), slot(MODULATION, "skip"), slot(MODULATION, "lk_select")),
        (
            slot(MODULATION, "skip"),
            slot(OPERATION, "ccm", expansion=2),
            slot(MODULATION, "lk_select", kernel=31),
            slot(MODULATION, "skip"),
        ),
        (slot(OPERATION, "ccm"), slot(OPERATION, "skip"), slot(MODULATION, "lk_select")),
    ],
)
def test_settings_of_equal_networks_are_equal_in_canonical_form(slots: Any) -> None:
    plain = uniform(16, 1, slot(OPERATION, "ccm"), slot(MODULATION, "lk_select"))
    settings = uniform(16, 1, *slots)
    assert settings != plain and settings.canonical() == plain.canonical()
    assert set(ResidualNetwork(settings).state_dict()) == set(ResidualNetwork(plain).state_dict())


def test_other_parameters_are_another_network() -> None:
    made = {uniform(16, 1, slot(MODULATION, "lk_select", kernel=k)).canonical().model_dump_json() for k in (7, 11, 31)}
    assert len(made) == 3


def test_a_stage_of_skips_alone_passes_everything_on() -> None:
    for residual in ("slot", "cell", "none"):
        settings = uniform(8, 2, slot(MODULATION, "skip"), slot(OPERATION, "skip"), residual=residual)
        network = ResidualNetwork(settings)
        x = torch.rand(1, 8, 3, 3)
        assert torch.equal(network.cells[0](x), x)
        assert len(settings.canonical().stages[0].slots) == 1


@pytest.mark.parametrize("name", ENTRIES)
def test_declared_defaults_are_those_of_the_constructor(name: str) -> None:
    entry = ENTRIES[name]
    for role in entry.roles:
        info = BLOCKS[role].get(name)
        assert BLOCKS[role].traits(name) == info.traits
        defaults = getattr(info.factory.__init__, "__kwdefaults__", None) or {}
        for parameter, declared in info.parameters.items():
            assert defaults[parameter] == declared.default and declared.default in declared.choices
            assert declared.description
            for choice in declared.choices:
                block = info.build(48, **{parameter: choice})
                assert block(torch.rand(1, 48, 16, 17)).shape == (1, 48, 16, 17)
