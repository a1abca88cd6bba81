"""The derived cell as a drawing: every choice named, nothing on top of anything else."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from nas.report.figures.block_colours import SHORT_NAMES, block_colours
from nas.report.figures.cell import draw_cell
from nas.report.figures.style import DARK, LIGHT, figure_bytes
from nas.space import Genotype
from nas.space.genotype import Choice

OPERATIONS = ["skip_connect", "sep_conv_3x3", "dil_conv_3x3", "rb", "lrb", "srb", "somebodys_very_long_block_name"]
ATTENTIONS = ["esab", "cea", "pixel_wise_attention", "contrast_aware_channel_attention", "spatial_attention_v2"]


def genotype(operation: int, attention: int, seed: int = 0) -> Genotype:
    rng = random.Random(seed)
    cells = {}
    # attention first: the drawing, not the file, decides what stands left
    for name, nodes, blocks in (("attention", attention, ATTENTIONS), ("operation", operation, OPERATIONS)):
        if nodes:
            cells[name] = tuple(Choice(s, t, rng.choice(blocks)) for t in range(1, nodes + 1) for s in range(t))
    return Genotype(cells)


def labels(figure: Figure) -> list[Text]:
    return [t for t in figure.axes[0].texts if t.get_gid() == "edge label"]


SHAPES = [(1, 1), (3, 3), (6, 6), (2, 5), (3, 0), (6, 0), (1, 0), (0, 1), (0, 4), (0, 6)]


@pytest.mark.parametrize(("operation", "attention"), SHAPES)
def test_every_choice_has_a_label_of_its_own_place(operation: int, attention: int) -> None:
    figure = draw_cell(genotype(operation, attention))
    found = labels(figure)
    assert len(found) == operation * (operation + 1) // 2 + attention * (attention + 1) // 2
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_bbox_patch().get_window_extent()) for t in found]
    for (a, first), (b, second) in combinations(boxes, 2):
        assert not first.overlaps(second), f"{a} and {b} overlap"
    for name, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height, name


def test_operations_stand_above_attentions() -> None:
    texts = {t.get_text(): -t.get_position()[1] for t in draw_cell(genotype(2, 2)).axes[0].texts}
    assert max(texts["S₀"], texts["S₁"], texts["S₂"]) < min(texts["F₀"], texts["F₁"], texts["F₂"])


@pytest.mark.parametrize(("operation", "attention", "there", "absent"), [(2, 0, "S₀", "F₀"), (0, 2, "F₀", "S₀")])
def test_a_cell_with_one_part_shows_that_part_only(operation: int, attention: int, there: str, absent: str) -> None:
    texts = [t.get_text() for t in draw_cell(genotype(operation, attention)).axes[0].texts]
    assert there in texts and absent not in texts
    assert ("concat\n1×1" in texts) == (operation > 0)


def test_the_same_block_has_the_same_colour_and_others_another() -> None:
    cells = {"operation": (Choice(0, 1, "rb"), Choice(0, 2, "lrb"), Choice(1, 2, "rb"))}
    colours: dict[str, set[str]] = {}
    for text in labels(draw_cell(Genotype(cells))):
        colours.setdefault(text.get_text(), set()).add(to_hex(text.get_bbox_patch().get_edgecolor()))
    assert all(len(c) == 1 for c in colours.values())
    assert colours["rb"] != colours["lrb"]


def test_one_colour_is_one_block_in_all_cells_together() -> None:
    blocks = [*OPERATIONS, *ATTENTIONS, *(f"theirs_{i}" for i in range(30))]
    for theme in (LIGHT, DARK):
        colours = block_colours(blocks, theme)
        assert len(set(colours.values())) == len(blocks)
        assert block_colours(["rb", "esab"], theme)["rb"] == colours["rb"], "known blocks keep their colour"
    colours = {}
    for text in labels(draw_cell(genotype(5, 5))):
        colours.setdefault(to_hex(text.get_bbox_patch().get_edgecolor()), set()).add(text.get_text())
    assert all(len(names) == 1 for names in colours.values()), colours


def test_the_released_genotype_reads_as_published() -> None:
    released = Genotype.from_lists(
        [("rb", 0), ("lrb", 0), ("rb", 1), ("rb", 0), ("srb", 1), ("rb", 2)],
        [("esab", 0), ("cea", 0), ("cea", 1), ("esab", 0), ("skip_connect", 1), ("cea", 2)],
    )
    names = sorted(t.get_text() for t in labels(draw_cell(released)))
    expected = ["rb"] * 4 + ["lrb", "srb"] + ["esab"] * 2 + ["cea"] * 3 + [SHORT_NAMES["skip_connect"]]
    assert names == sorted(expected)


def test_it_is_drawn_in_both_themes() -> None:
    for dark in (False, True):
        assert figure_bytes(draw_cell(genotype(3, 3), dark=dark), "svg").lstrip().startswith(b"<?xml")
