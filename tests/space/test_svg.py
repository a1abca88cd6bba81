"""What a notebook shows of genotypes and spaces: well-formed, complete, escaped."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from nas.space import SPACES, load_genotype, load_space
from nas.space.svg import table_html


@pytest.mark.parametrize("name", SPACES.names())
def test_a_genotype_is_drawn_with_every_block(name: str) -> None:
    genotype = load_space(name).sample(1)
    drawing = ElementTree.fromstring(genotype._repr_svg_())
    words = [element.text for element in drawing.iter() if element.tag.endswith("text")]
    blocks = [choice.block for choices in genotype.cells.values() for choice in choices]
    assert sorted(w for w in words if w in blocks) == sorted(blocks) and set(genotype.cells) <= set(words)
    assert sum(element.tag.endswith("path") for element in drawing.iter()) == len(blocks)


@pytest.mark.parametrize("name", SPACES.names())
def test_a_space_is_a_table_of_its_decisions(name: str) -> None:
    space = load_space(name)
    html = space._repr_html_()
    ElementTree.fromstring(f"<div>{html}</div>")
    assert html.count("<tr>") == 1 + len(space.decisions) and f"{space.size():,} genotypes" in html


def test_text_of_others_is_escaped() -> None:
    assert "<script>" not in table_html("<script>", ["<script>"], [["<script>"]])


def test_the_released_genotype_has_two_cells() -> None:
    assert load_genotype("jsnet_released")._repr_svg_().count('font-weight="bold"') == 2


def test_a_space_samples_without_an_argument_something_else_each_time() -> None:
    space = load_space("jsm")
    assert len({space.sample().hash for _ in range(4)}) > 1
