"""The page of the space language: its tables are current, and its example works from search to report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch

import nas
from nas.errors import UsageError
from nas.models.weights import load_weights
from nas.registry import load_plugin
from nas.report.page.html import write_report
from nas.space import SKELETONS, load_space
from nas.space.json_schemas import key_table, parameter_table, settings_table
from tests.docs.markdown import blocks, text_of

PAGE = "docs/reference/space-language.md"
TABLES = re.findall(r"<!-- (.*?) -->\n\n(?:<!-- no rows: .*? -->\n)?((?:\|.*\n)+)", text_of(PAGE))
SMALL: dict[str, Any] = {
    "task": "sr_x2",
    "data__patch": 24,
    "data__batch": 1,
    "data__validation": 1,
    "threads": 1,
}


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_the_tables_are_those_of_the_schema(name: str, table: str) -> None:
    kind, _, skeleton = name.partition(" ")
    made = settings_table(skeleton) if skeleton else {"keys": key_table, "parameters": parameter_table}[kind]()
    assert table == made


def test_every_table_is_on_the_page() -> None:
    assert [name for name, _ in TABLES] == ["keys", "settings jsnet", "settings residual", "parameters"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the skeleton and the space of the page, and small photographs; the skeleton is forgotten later."""
    folder = tmp_path_factory.mktemp("stairs")
    for block in blocks(text_of(PAGE)):
        if block.language in ("yaml", "python"):
            (folder / block.lines[0].removeprefix("# ")).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
    image = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    (folder / "photos").mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / "photos" / f"crop{i}.png"), image[60 * i : 60 * i + 48, 100:148])
    load_plugin(folder / "my_skeleton.py")
    yield folder
    SKELETONS.remove("stairs")


@pytest.mark.parametrize("strategy", ["random", "evolution"])
def test_a_skeleton_of_the_user_goes_from_search_to_report(example: Path, strategy: str) -> None:
    plugins, photos = [str(example / "my_skeleton.py")], [str(example / "photos")]
    found = nas.search(
        space=str(example / "stairs.yaml"),
        strategy=strategy,
        plugins=plugins,
        data__path=photos,
        search__trials=2,
        search__trial_steps=1,
        out=example / strategy,
        **SMALL,
    )
    genotype = nas.derive(found.run)
    assert genotype == found.genotype and genotype.network["stages"][0]["width"] in (8, 12, 16)
    trained = nas.retrain(
        model=str(found.run), data__path=photos, train__steps=1, out=example / f"{strategy}_trained", **SMALL
    )
    loaded = load_weights(trained.weights)
    assert loaded.genotype == genotype and sum(p.numel() for p in loaded.model.parameters()) <= 8000
    rows = nas.evaluate(str(trained.weights), "sr_x2", clean=example / "photos", with_costs=False)
    assert [row.genotype for row in rows] == [genotype.hash]
    page = write_report(example / f"{strategy}.html", [found.run, trained.run], rows)
    assert genotype.hash in page.read_text(encoding="utf-8")


def test_the_mistake_of_the_page_is_reported_as_it_says(example: Path) -> None:
    text = (example / "stairs.yaml").read_text(encoding="utf-8")
    (example / "wrong").mkdir()
    (example / "wrong" / "stairs.yaml").write_text(text.replace("width", "widht", 1), encoding="utf-8")
    (said,) = re.findall(r"`(stairs\.yaml, line .*)`", text_of(PAGE))
    with pytest.raises(UsageError) as caught:
        nas.load_space(str(example / "wrong" / "stairs.yaml"))
    assert str(caught.value) == said


def test_a_strategy_with_a_supernet_names_what_fixes_a_decision() -> None:
    space = nas.load_space("jsm_sizes")
    with pytest.raises(UsageError, match=r"--set 'overrides\.network\.width=16'"):
        space.supernet("sr_x2")
    fixed = load_space("jsm_sizes", overrides={"network.width": 16, "network.cells": 1})
    fixed.validate(fixed.supernet("sr_x2").genotype())


def test_a_supernet_of_slots_is_searched_like_one_of_graphs() -> None:
    changes = {"network.width": 8, "network.depths": [1, 1, 1], "network.tail": "dw", "network.image_skip": "none"}
    space = load_space("modern_small", overrides=changes)
    supernet = space.supernet("sr_x2")
    image = torch.rand(1, 3, 16, 16)
    path = space.sample(3)
    with torch.no_grad(), supernet.only(path):
        alone = supernet(image)
    assert supernet(image).shape == (1, 3, 32, 32) and not torch.equal(alone, supernet(image))
    supernet(image).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in supernet.arch_parameters())
    space.validate(supernet.genotype())
