"""The code and the documents that the manual shows work."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import nas
from nas import load_space
from nas.errors import UsageError
from nas.evaluation.rows import read_rows
from nas.registry import LOSSES, METRICS, load_plugin
from nas.space import OPERATIONS
from nas.strategies.conformance import tiny_search
from nas.train.events import read_events
from tests.cli.running import succeed
from tests.docs.markdown import blocks, pages, text_of

PYTHON = [(p, "\n".join(b.lines)) for p in pages() for b in blocks(text_of(p)) if b.language == "python"]


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[page for page, _ in PYTHON])
def test_python_blocks_use_public_names_that_exist(page: str, code: str) -> None:
    import baselines
    import nas

    packages = {"nas": nas, "baselines": baselines}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute):
            words = ast.unparse(node).split(".")
            if words[0] in packages and all(w.isidentifier() for w in words):
                functools.reduce(getattr, words[1:], packages[words[0]])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "nas":
            module = __import__(node.module or "", fromlist=["*"])
            assert all(hasattr(module, name.name) for name in node.names)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Path]:
    """The space document and the plug-in of docs/guides/spaces.md, as files; the block is forgotten afterwards."""
    for block in blocks(text_of("docs/guides/spaces.md")):
        if block.language in ("yaml", "python"):
            (tmp_path / block.lines[0].removeprefix("# ")).write_text("\n".join(block.lines) + "\n", encoding="utf-8")
    load_plugin(tmp_path / "my_blocks.py")
    yield tmp_path / "my.yaml"
    OPERATIONS.remove("my_conv")


def test_the_space_of_the_manual_gives_a_network_with_its_own_block(example: Path) -> None:
    space = load_space(str(example))
    genotype = next(g for g in map(space.sample, range(100)) if "my_conv" in g.to_text())
    network = space.network(genotype, task="denoise_gray_30").eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 24, 32)).shape == (1, 1, 24, 32)


def test_the_mistake_of_the_manual_is_reported_as_it_says(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    example.write_text(text.replace("my_conv", "my_convv"), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_space(str(example))
    shown = next(line for line in text_of("docs/guides/spaces.md").splitlines() if line.startswith("`my.yaml, line"))
    assert str(caught.value).endswith(shown.strip("`"))


@pytest.fixture
def own_measures(tmp_path: Path) -> Iterator[Path]:
    """The loss and the metric of docs/guides/extending.md as a plug-in file; both are forgotten afterwards."""
    (code,) = (b for b in blocks(text_of("docs/guides/extending.md")) if b.lines[0] == "# my_measures.py")
    file = tmp_path / "my_measures.py"
    file.write_text("\n".join(code.lines) + "\n", encoding="utf-8")
    yield file
    LOSSES.remove("edges")
    METRICS.remove("worst")


def test_the_loss_and_the_metric_of_the_manual_train_search_and_measure(
    own_measures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, run, rows = str(own_measures), tmp_path / "run", tmp_path / "rows.csv"
    tiny = {"data__batch": 1, "data__patch": 32, "data__validation": 1, "threads": 1, "plugins": [file]}
    sums: dict[str, Any] = {"train__loss": {"l1": 1, "edges": 0.5}, "train__metrics": ["worst"]}
    retrained = nas.retrain(
        model="mspan",
        network={"width": 8, "distilled": 4, "n_blocks": 1},
        out=run,
        **{**tiny, **sums, "train__steps": 2, "train__log_every": 1, "train__monitor": "worst"},
    )
    assert 0 < retrained.scores["worst"] <= 255 and retrained.best is not None
    assert all(e["edges"] > 0 for e in read_events(run) if e["kind"] == "train")
    settings = tiny_search("pc_darts", tmp_path, plugins=[file], train__loss="edges", train__metrics=["worst"])
    assert 0 < nas.search(settings, out=tmp_path / "search").scores["worst"] <= 255
    evaluate = ("evaluate", str(run), "--sets", "sample", "--task", "sr_x2", "--out", str(rows))
    succeed(capsys, *evaluate, "--plugin", file, "--metric", "worst", "--metric", "mae")
    (row,) = read_rows(rows)
    values = dict(value.split("=") for value in row.metrics.split(", "))
    assert 0 < float(values["mae"]) < float(values["worst"]) <= 255
    assert "edges" in succeed(capsys, "list", "losses") and "lower is better" in succeed(capsys, "list", "metrics")
