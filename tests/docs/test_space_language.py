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
from nas.space import SKELETONS, load_space
from nas.space.json_schemas import key_table, parameter_table, settings_table
from tests.cli.running import succeed
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


@pytest.mark.parametrize("strategy", ["pc_darts", "single_path", "evolution"])
def test_a_skeleton_of_the_user_goes_from_search_to_report(
    example: Path, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands of the page, in little time."""
    run, trained, rows = (example / f"{strategy}{word}" for word in ("", "_trained", ".csv"))
    plug = ("--plugin", example / "my_skeleton.py")
    small = ("--task", "sr_x2", "--data", example / "photos", "--threads", "1", "--batch", "1", "--patch", "24")
    budget = ("--trials", "2", "--set", "search.trial_steps=1") if strategy == "evolution" else ("--steps", "2")
    samples = ("--set", "search.samples=2") if strategy == "single_path" else ()
    space = ("--space", example / "stairs.yaml", "--strategy", strategy)
    succeed(capsys, "search", *space, *plug, *small, "--set", "data.validation=1", *budget, *samples, "--out", run)
    found = nas.Genotype.load(run / "genotype.json")
    first, second = found.network["stages"]
    assert first["width"] in (8, 12, 16) and first["kernel"] in (3, 5, 7) and second["kernel"] in (3, 7, 11)
    succeed(capsys, "derive", run, *plug, "--out", example / f"{strategy}.json")
    assert nas.Genotype.load(example / f"{strategy}.json") == found
    succeed(capsys, "retrain", run, *plug, *small, "--set", "data.validation=1", "--steps", "1", "--out", trained)
    loaded = load_weights(trained / "weights.safetensors")
    assert loaded.genotype == found and sum(p.numel() for p in loaded.model.parameters()) <= 8000
    weights = (trained / "weights.safetensors", *plug)
    succeed(capsys, "evaluate", *weights, "--task", "sr_x2", "--clean", example / "photos", "--out", rows)
    assert found.hash in rows.read_text(encoding="utf-8")
    if strategy != "pc_darts":  # what follows does not depend on how the genotype was found
        return
    succeed(capsys, "export", *weights, "--format", "onnx", "--out", example / f"{strategy}.onnx")
    succeed(capsys, "restore", *weights, example / "photos" / "crop0.png", "--out", example / f"{strategy}_restored")
    assert (example / f"{strategy}.onnx").is_file() and any((example / f"{strategy}_restored").iterdir())
    page = example / f"{strategy}.html"
    succeed(capsys, "report", run, trained, rows, "--out", page)
    assert found.hash in page.read_text(encoding="utf-8")


def test_the_mistake_of_the_page_is_reported_as_it_says(example: Path) -> None:
    text = (example / "stairs.yaml").read_text(encoding="utf-8")
    (example / "wrong").mkdir()
    (example / "wrong" / "stairs.yaml").write_text(text.replace("width", "widht", 1), encoding="utf-8")
    (said,) = re.findall(r"`(stairs\.yaml, line .*)`", text_of(PAGE))
    with pytest.raises(UsageError) as caught:
        nas.load_space(str(example / "wrong" / "stairs.yaml"))
    assert str(caught.value) == said


def test_a_mixture_names_what_fixes_a_word() -> None:
    space = nas.load_space("modern_small")
    with pytest.raises(UsageError, match=r"--set 'overrides\.network\.tail=dw'"):
        space.supernet("sr_x2")


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
