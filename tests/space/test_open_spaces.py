"""Spaces of format 2: every kind of decision, canonical genotypes, exact sizes, errors that name their place."""

from __future__ import annotations

import copy
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import UsageError
from nas.space import Genotype, Space, load_space, space_from_document
from nas.space.catalogue import load_space as load
from nas.space.json_schemas import space_schema

#: every kind of decision at once: ordered, flag, block (with an open parameter), positions by depth, kept edges
DOCUMENT: dict[str, Any] = {
    "format": "nas.space/2",
    "name": "open",
    "skeleton": "jsnet",
    "share": "cell",
    "cells": {
        "operation": {
            "role": "operation",
            "nodes": 3,
            "inputs": [[0], [1], [0, 1, 2]],
            "candidates": ["none", "skip_connect", {"block": "lk_mix", "kernel": {"choice": [11, 21, 31]}}],
            "edges": {"0->1": ["lrb"], "1->2": ["srb"]},
            "keep": 2,
        }
    },
    "network": {"width": {"choice": [8, 12]}, "cells": {"choice": [1, 2]}, "image_residual": {"choice": [False, True]}},
}
CHAIN: dict[str, Any] = {
    "format": "nas.space/2",
    "name": "chain",
    "skeleton": "residual",
    "share": "stage",
    "cells": {
        "body": {
            "slots": [
                {"role": "modulation", "candidates": ["skip", "cca", "pa"]},
                {"role": "operation", "candidates": ["skip", "pcfn"]},
                {"role": "modulation", "candidates": ["pa", "skip", "cca"]},
            ]
        }
    },
    "network": {"width": {"choice": [8, 16]}, "depths": [1, 1], "tail": {"choice": ["plain", "dw"]}},
}


def space_of(document: dict[str, Any], **network: Any) -> Space:
    made = copy.deepcopy(document)
    made["network"] |= network
    return space_from_document(made)


def vectors(space: Space) -> list[tuple[int, ...]]:
    return list(product(*(range(len(d.choices)) for d in space.decisions)))


documents = st.sampled_from([DOCUMENT, CHAIN])
quick = settings(max_examples=12, deadline=None)


def test_the_kinds_of_decisions() -> None:
    assert {d.kind for d in space_of(DOCUMENT).decisions} == {"ordered", "flag", "block", "edges"}
    assert {d.kind for d in space_of(CHAIN).decisions} == {"ordered", "option", "block"}


@quick
@given(documents, st.integers(0, 10**6))
def test_a_genotype_survives_its_vector_its_file_and_its_document(document: dict[str, Any], seed: int) -> None:
    space = space_of(document)
    genotype = space.sample(seed)
    vector = space.encode(genotype)
    assert space.decode(vector) == genotype and space.canonical(vector) == vector
    assert Genotype.from_json(genotype.to_json_text()) == genotype
    assert space_from_document(space.document) == space


@quick
@given(documents, st.integers(0, 10**6))
def test_mutants_and_neighbours_are_other_points_one_move_away(document: dict[str, Any], seed: int) -> None:
    space = space_of(document)
    genotype = space.sample(seed)
    around = space.neighbours(genotype)
    assert genotype not in around and len({g.hash for g in around}) == len(around)
    mutant = space.mutate(genotype, seed)
    assert mutant in around
    child = space.crossover(genotype, mutant, seed)
    assert space.decode(space.encode(child)) == child


def test_an_ordered_setting_and_a_parameter_move_by_a_step() -> None:
    space = space_from_document({**DOCUMENT, "network": {"width": {"choice": [8, 12, 16, 20]}, "cells": 1}})
    genotype = next(g for g in map(space.sample, range(99)) if g.network["width"] == 12 and "kernel=11" in str(g))
    around = [g for g in space.neighbours(genotype) if g.network["width"] != 12]
    assert {g.network["width"] for g in around} == {8, 16}
    names = {c.block for g in space.neighbours(genotype) for c in g.cells["operation.1"]}
    assert "lk_mix(kernel=21)" in names


@pytest.mark.parametrize("document", [DOCUMENT, CHAIN], ids=["graph", "chain"])
def test_the_size_is_the_number_of_different_genotypes(document: dict[str, Any]) -> None:
    small = {"width": 8, "image_residual": False} if document is DOCUMENT else {"width": 8}
    space = space_of(document, **small)
    found = {space.decode(v).hash for v in vectors(space)}
    assert space.size_is_exact and space.size() == len(found)


def test_what_a_depth_or_a_kept_set_makes_irrelevant_does_not_change_the_hash() -> None:
    space = space_of(DOCUMENT)
    names = [d.name for d in space.decisions]
    start = [0] * len(names)  # one cell, which keeps 0 -> 3 and 1 -> 3
    for name in ("operation.2.0->3", "operation.1.2->3"):
        other = list(start)
        other[names.index(name)] = 1
        assert space.decode(other).hash == space.decode(start).hash
    relevant = list(start)
    relevant[names.index("operation.1.1->3")] = 1
    assert space.decode(relevant).hash != space.decode(start).hash


def test_the_same_blocks_with_skips_elsewhere_are_the_same_genotype() -> None:
    space = space_from_document({**CHAIN, "share": "all", "network": {"width": 8, "depths": [1]}})
    choices = [d.choices for d in space.decisions]

    def point(*blocks: str) -> Genotype:
        return space.decode([c.index(b) for c, b in zip(choices, blocks, strict=True)])

    assert point("skip", "skip", "pa") == point("pa", "skip", "skip")
    assert point("skip", "pcfn", "pa") != point("pa", "pcfn", "skip")


def test_a_genotype_of_jsnet_is_that_of_the_space_with_fixed_sizes() -> None:
    sizes, fixed = load_space("jsm_sizes"), load_space("jsm")
    genotype = next(g for g in map(sizes.sample, range(99)) if (g.network["width"], g.network["cells"]) == (16, 5))
    assert fixed.decode(fixed.encode(genotype)).hash == genotype.hash


def test_sampling_reaches_every_genotype_and_needs_no_argument() -> None:
    space = space_of(CHAIN, width=8, tail="plain", depths=[1])
    rng = random.Random(0)
    assert len({space.sample(rng).hash for _ in range(600)}) == space.size()
    assert space.sample().skeleton == "residual"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (("width: 8", "width: {choice: [8, 10]}"), "cells.body", "multiples of 4"),
        (("width: 8", "widht: 8"), "network.widht", "did you mean 'width'"),
        (("width: 8", "width: {choice: [16, 8]}"), "network.width.choice[1]", "ascend"),
        (("width: 8", "width: {choice: [8, 0]}"), "network.width.choice[1]", "ascend"),
        (("width: 8", "width: {choice: []}"), "network.width.choice", "at least one"),
        (("width: 8", "width: {choice: [8, 16], keep: 1}"), "network.width", "remove 'keep'"),
        (("tail: dw", "tail: {choice: [dw, plian]}"), "network.tail.choice[1]", "plian"),
        (("residual\n", "residul\n"), "skeleton", "did you mean 'residual'"),
        (("share: stage", "share: satge"), "share", "'stage'"),
        (("[skip, safm]", "[skip, safmm]"), "cells.body.slots[0].candidates[1]", "did you mean 'safm'"),
        (
            ("[skip, safm]", "[skip, {block: smfa, enlarge: {choice: [near]}}]"),
            "slots[0].candidates[1].enlarge",
            "near",
        ),
        (("[skip, safm]", "[skip, {block: smfa, size: 3}]"), "slots[0].candidates[1].size", "no parameter 'size'"),
        (("[skip, safm]", "[skip, {kind: smfa}]"), "slots[0].candidates[1]", "name the block"),
        (("params: 8k", "params: many"), "limits.params", "many"),
        (("nas.space/2", "nas.space/3"), "format", "expected 'nas.space/1' or 'nas.space/2'"),
    ],
)
def test_a_fault_is_reported_with_path_line_and_mend(
    tmp_path: Path, change: tuple[str, str], place: str, words: str
) -> None:
    text = (
        "format: nas.space/2\nname: faulty\nskeleton: residual\nshare: stage\ncells:\n  body:\n    slots:\n"
        "      - role: modulation\n        candidates: [skip, safm]\n"
        "network:\n  width: 8\n  depths: [1, 2]\n  tail: dw\nlimits: {params: 8k}\n"
    )
    file = tmp_path / "faulty.yaml"
    file.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(UsageError, match=r"faulty\.yaml, line \d+: ") as caught:
        load(file)
    assert place in str(caught.value) and words in str(caught.value)


def test_a_genotype_with_a_value_that_is_not_offered_is_no_point() -> None:
    space = space_of(CHAIN)
    with pytest.raises(UsageError, match=r"network\.width of the genotype is 12; space 'chain' has 8, 16"):
        space.encode(space.sample(0).with_network(width=12))


def test_the_limits_stand_in_the_document() -> None:
    assert load_space("modern_small").limits == {"params": 190_000, "macs": 41e9}
    assert load_space("jsm").limits == {}


def test_the_schema_knows_every_key_and_the_settings_of_every_skeleton() -> None:
    schema = space_schema()
    new = schema["then"]
    assert {"cells", "network", "share", "limits"} <= new["properties"].keys()
    (residual,) = [c for c in new["allOf"] if c["if"]["properties"]["skeleton"]["const"] == "residual"]
    width = residual["then"]["properties"]["network"]["properties"]["width"]
    assert width["anyOf"][1]["properties"]["choice"]["items"]["type"] == "integer"


@pytest.mark.parametrize(
    ("name", "size", "digest"),
    [
        ("jsm", 6**6 * 8**6, "d0d9d9d164b07197"),
        ("osm", 6**6, "cd82c5fa50dc6bbd"),
        ("asm", 8**6, "48104a42e36735e0"),
        ("bench", 375, "ec4445896884598e"),
        ("jsm_sizes", 16 * 6**6 * 8**6, None),
        ("jsm_modern", 9**6 * 4**6, None),
        # per stage the sequences of up to four blocks, see the skips in a chain
        ("modern", 2688 * (1 + 7 + 49 + 343 + 7 * (8 * 57)) ** 3, None),
    ],
)
def test_the_registered_spaces_have_their_sizes_and_old_ones_their_hashes(
    name: str, size: int, digest: str | None
) -> None:
    space = load_space(name)
    assert space.size() == size and (digest is None or space.hash == digest)
