"""Properties of a space that every strategy relies on."""

from __future__ import annotations

import itertools
import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import UsageError
from nas.space import ATTENTIONS, OPERATIONS, Genotype, Space, load_space, space_from_document
from tests.registries import replaced
from tests.space.space_examples import ATTENTION_NAMES, OPERATION_NAMES, documents, tiny_space

seeds = st.integers(0, 2**32)
quick = settings(max_examples=60, deadline=None)


def differences(space: Space, a: Genotype, b: Genotype) -> int:
    return sum(x != y for x, y in zip(space.encode(a), space.encode(b), strict=True))


@given(documents(), seeds)
@quick
def test_decode_is_the_inverse_of_encode(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    genotype = space.sample(seed)
    assert space.decode(space.encode(genotype)) == genotype
    vector = tuple(random.Random(seed).randrange(len(d.choices)) for d in space.decisions)
    assert space.encode(space.decode(vector)) == vector


@given(documents(), seeds)
@quick
def test_the_effective_document_rebuilds_the_same_space(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    again = space_from_document(space.document)
    assert again == space and again.hash == space.hash and again.document == space.document
    assert again.decisions == space.decisions and again.cells == space.cells
    assert again.sample(seed) == space.sample(seed)


@given(documents(), seeds)
@quick
def test_a_mutant_is_valid_and_differs_in_one_decision(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    parent = space.sample(seed)
    child = space.mutate(parent, seed)
    space.validate(child)
    assert differences(space, parent, child) == (1 if space.size() > 1 else 0)


@given(documents(), seeds)
@quick
def test_a_crossover_takes_every_decision_from_a_parent(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    rng = random.Random(seed)
    a, b = space.sample(rng), space.sample(rng)
    child = space.encode(space.crossover(a, b, rng))
    assert all(c in pair for c, pair in zip(child, zip(space.encode(a), space.encode(b), strict=True), strict=True))


@given(documents(), seeds)
@quick
def test_neighbours_are_all_points_at_distance_one(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    genotype = space.sample(seed)
    found = space.neighbours(genotype)
    assert len(found) == sum(len(d.choices) - 1 for d in space.decisions) == len(set(found))
    assert all(differences(space, genotype, n) == 1 for n in found)


@given(documents(), seeds)
@quick
def test_no_zero_block_is_ever_sampled(document: dict[str, Any], seed: int) -> None:
    blocks = [c.block for choices in space_from_document(document).sample(seed).cells.values() for c in choices]
    assert "none" not in blocks


def test_size_is_the_number_of_distinct_genotypes() -> None:
    space = tiny_space()
    vectors = itertools.product(*(range(len(d.choices)) for d in space.decisions))
    assert len({space.decode(v).hash for v in vectors}) == space.size() == 2 * 3 * 2 * 3


def test_sampling_reaches_the_whole_of_a_tiny_space() -> None:
    space, rng = tiny_space(), random.Random(0)
    assert len({space.encode(space.sample(rng)) for _ in range(600)}) == space.size()


@pytest.mark.parametrize(
    ("name", "preset", "size"),
    [
        ("jsm", None, 6**6 * 8**6),
        ("jsm", "code", 6**6 * 8**6),
        ("jsm", "paper", 5**12),
        ("osm", None, 6**6),
        ("osm", "paper", 5**6),
        ("asm", None, 8**6),
        ("asm", "paper", 5**6),
    ],
)
def test_the_registered_spaces_have_the_published_sizes(name: str, preset: str | None, size: int) -> None:
    space = load_space(name, preset=preset)
    assert space.size() == size and isinstance(space.size(), int)
    assert space.features == 64


def test_the_candidates_stand_in_the_order_of_the_release() -> None:
    space = load_space("jsm")
    operation, attention = space.cells["operation"], space.cells["attention"]
    assert operation.edges[0].candidates == tuple(OPERATION_NAMES)
    assert attention.edges[0].candidates == tuple(ATTENTION_NAMES)
    assert [(e.source, e.target) for e in operation.edges] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert operation.relaxation.partial_channels == 4 and operation.relaxation.edge_weights
    assert attention.relaxation.partial_channels == 1 and not attention.relaxation.edge_weights


@pytest.mark.parametrize("make", [lambda: 7, lambda: np.int64(7), lambda: random.Random(7)])
def test_a_seed_and_its_generator_draw_alike(make: Any) -> None:
    space = load_space("jsm")
    assert space.sample(make()) == space.sample(7)


def test_a_numpy_generator_is_advanced_and_repeatable() -> None:
    space = load_space("jsm")
    rng = np.random.default_rng(0)
    first, second = space.sample(rng), space.sample(rng)
    assert first != second and first == space.sample(np.random.default_rng(0))


@pytest.mark.parametrize("wrong", ["0", True, 1.5])
def test_other_sources_of_randomness_are_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="numpy Generator"):
        tiny_space().sample(wrong)


@pytest.mark.parametrize("wrong", [(), (0,) * 5, (0, 0, 0, 3), (0, 0, -1, 0), (0, 0, 0, 0.5), (0, 0, 0, True)])
def test_a_vector_outside_the_space_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="tiny"):
        tiny_space().decode(wrong)


def test_a_genotype_of_another_wiring_or_other_candidates_is_refused() -> None:
    space = load_space("jsm", preset="paper")
    with pytest.raises(UsageError, match="lacks edges"):
        space.validate(tiny_space().sample(0))
    with pytest.raises(UsageError, match="no cell 'attention'"):
        space.validate(load_space("osm").sample(0))
    skips = load_space("jsm").decode([0] * 12)
    with pytest.raises(UsageError, match=r"operation.0->1: 'skip_connect' is not selectable"):
        space.validate(skips)
    with pytest.raises(UsageError, match="Genotype is expected"):
        space.validate({"normal": []})  # type: ignore[arg-type]


def test_a_genotype_may_be_wider_than_its_space_but_never_too_narrow() -> None:
    space = load_space("jsm")
    space.validate(space.sample(0).with_network(width=18, cells=2))
    with pytest.raises(UsageError, match="W >= 32"):
        space.validate(space.sample(0).with_network(width=4))


def test_search_operations_keep_the_network_settings_of_the_parent() -> None:
    space = load_space("jsm")
    parent = space.sample(0).with_network(cells=2)
    assert space.mutate(parent, 1).network["cells"] == 2
    assert all(n.network["cells"] == 2 for n in space.neighbours(parent)[:3])


@pytest.mark.parametrize("registry", [OPERATIONS, ATTENTIONS])
def test_none_is_the_zero_and_skips_are_the_identities(registry: Any) -> None:
    zeros = [n for n in registry.names() if registry.traits(n).zero]
    identities = [n for n in registry.names() if registry.traits(n).identity]
    assert zeros == ["none"] and identities == [n for n in ("skip_connect", "skip") if n in registry]


def test_the_skeleton_gets_the_genotypes_own_network_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.space import SKELETONS

    class Recorder:
        def network(self, space: Space, genotype: Genotype, task: str, **options: Any) -> tuple[Any, ...]:
            return (
                space.network_settings.width,
                space.features,
                space.document["network"]["width"],
                task,
                options,
            )

        def supernet(self, space: Space, task: str, **options: Any) -> SimpleNamespace:
            return SimpleNamespace(given=(space, task, options))

    space = load_space("jsm")
    narrow = space.sample(0).with_network(width=8)
    with replaced(SKELETONS, "jsnet", Recorder()):
        assert space.network(narrow, "sr_x2", plain=True) == (8, 32, 8, "sr_x2", {"plain": True})
        assert space.network_settings.width == 16
        supernet = space.supernet("sr_x2", edge_weights=False)
        assert supernet.given == (space, "sr_x2", {"edge_weights": False}) and supernet.fused
