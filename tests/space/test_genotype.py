"""A genotype survives every form it is written in, and no damaged form is accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import UsageError
from nas.space import Choice, Genotype, load_genotype, load_space, space_from_document
from tests.space.space_examples import documents

NORMAL = [("rb", 0), ("lrb", 0), ("rb", 1), ("rb", 0), ("srb", 1), ("rb", 2)]
ATTENTION = [("esab", 0), ("cea", 0), ("cea", 1), ("esab", 0), ("skip_connect", 1), ("cea", 2)]


@given(documents(), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_saving_and_loading_changes_nothing(tmp_path_factory: Any, document: dict[str, Any], seed: int) -> None:
    genotype = space_from_document(document).sample(seed).with_provenance(seed=seed, task="sr_x2")
    file = genotype.save(tmp_path_factory.mktemp("genotype") / "deep" / "g.json")
    again = Genotype.load(file)
    assert again == genotype and again.hash == genotype.hash
    assert again.to_json() == genotype.to_json() and again.provenance["seed"] == seed
    assert [p.name for p in file.parent.iterdir()] == ["g.json"], "no temporary file is left"


@given(st.integers(0, 2**32), st.sampled_from(["jsm", "osm", "asm"]))
@settings(max_examples=40, deadline=None)
def test_the_two_list_form_is_inverted_exactly(seed: int, name: str) -> None:
    genotype = load_space(name).sample(seed)
    lists = genotype.to_lists()
    again = Genotype.from_lists(*lists, **genotype.network)
    assert again == genotype and again.to_lists() == lists and again.space_name == name


def test_the_released_genotype_is_that_of_the_paper() -> None:
    genotype = load_genotype("jsnet_released")
    assert genotype.to_lists() == (NORMAL, ATTENTION)
    assert genotype == Genotype.from_lists(NORMAL, ATTENTION, width=16, cells=5)
    assert genotype.space_hash == load_space("jsm").hash
    load_space("jsm").validate(genotype)
    assert load_genotype(genotype) is genotype


def test_absent_settings_count_as_defaults_in_equality() -> None:
    assert Genotype.from_lists(NORMAL, ATTENTION) == Genotype.from_lists(NORMAL, ATTENTION, width=16, cells=5)
    assert Genotype.from_lists(NORMAL, ATTENTION) != Genotype.from_lists(NORMAL, ATTENTION, cells=4)


def test_provenance_is_no_part_of_hash_or_equality() -> None:
    plain = Genotype.from_lists(NORMAL, ATTENTION)
    noted = plain.with_provenance(run="a", seed=3)
    assert noted == plain and noted.hash == plain.hash and len({noted, plain}) == 1


def test_the_order_in_which_edges_are_given_does_not_matter() -> None:
    plain = Genotype.from_lists(NORMAL, [])
    assert Genotype({"operation": tuple(reversed(plain.cells["operation"]))}) == plain


def test_a_two_list_file_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "released.json"
    file.write_text(json.dumps({"normal": NORMAL, "attention": ATTENTION, "cells": 5}))
    assert load_genotype(file) == load_genotype("jsnet_released")


@pytest.mark.parametrize("key", ["cells", "network", "skeleton", "hash"])
def test_a_tampered_file_is_refused(tmp_path: Path, key: str) -> None:
    content = load_genotype("jsnet_released").to_json()
    if key == "cells":
        content["cells"]["operation"][0]["block"] = "srb"
    elif key == "network":
        content["network"]["cells"] = 6
    else:
        content[key] = "0" * 16
    file = tmp_path / "g.json"
    file.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"g\.json: the content has the hash"):
        Genotype.load(file)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_file_with_any_part_removed_is_refused_or_equal(data: st.DataObject) -> None:
    genotype = load_genotype("jsnet_released")
    content: Any = json.loads(json.dumps(genotype.to_json()))
    target = content
    while True:
        key = data.draw(st.sampled_from(list(target) if isinstance(target, dict) else range(len(target))))
        if not isinstance(target[key], dict | list) or data.draw(st.booleans()):
            break
        target = target[key]
    del target[key]
    try:
        assert Genotype.from_json(content) == genotype
    except UsageError as error:
        assert str(error).startswith("genotype")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1: not valid JSON"),
        ("[]", "JSON object"),
        ('{"format": "nas.genotype/7"}', "expected 'nas.genotype/1'|missing"),
        ('{"normal": [["rb", 0]], "attension": []}', "unknown key 'attension'"),
        ('{"normal": 3}', "list of"),
        ('{"normal": [], "normal": []}', "given twice"),
    ],
)
def test_a_malformed_file_is_a_usage_error(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "g.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        Genotype.load(file)
    assert "g.json" in str(caught.value)


@pytest.mark.parametrize(
    ("normal", "words"),
    [
        (NORMAL[:4], "4 entries belong to no number of nodes"),
        ([*NORMAL[:5], ("rb", 1)], r"normal\[5\]: the predecessor is 1"),
        ([("rbb", 0)], "did you mean 'rb'"),
        ([("none", 0)], "never be selected"),
        ([("esab", 0)], "unknown operation block"),
        ([("rb", "0")], "not a pair"),
        ([("rb",)], "not a pair"),
        ("rb", "list of"),
        ([], "both lists"),
    ],
)
def test_a_wrong_list_is_refused(normal: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Genotype.from_lists(normal, [])


@pytest.mark.parametrize(
    "choices",
    [(), (Choice(1, 1, "rb"),), (Choice(-1, 1, "rb"),), (Choice(0, 1, "rb"), Choice(0, 1, "lrb")), ((0, 1),)],
)
def test_a_genotype_that_is_no_graph_cannot_be_made(choices: Any) -> None:
    with pytest.raises(UsageError, match="operation"):
        Genotype({"operation": choices})


def test_unknown_settings_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'width'"):
        Genotype.from_lists(NORMAL, ATTENTION, widht=16)


def test_a_partial_wiring_has_no_two_list_form() -> None:
    with pytest.raises(UsageError, match="two-list form cannot"):
        Genotype({"operation": (Choice(0, 1, "rb"), Choice(1, 2, "rb"))}).to_lists()


def test_missing_files_and_names_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read genotype"):
        Genotype.load(tmp_path / "none.json")
    with pytest.raises(UsageError, match="did you mean 'jsnet_released'"):
        load_genotype("jsnet_release")


def test_the_text_form_shows_every_block() -> None:
    text = load_genotype("jsnet_released").to_text()
    assert "3 = rb(0) + srb(1) + rb(2)" in text and "3 = esab(0) + skip_connect(1) + cea(2)" in text
