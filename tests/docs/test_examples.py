"""The code and the documents that the manual shows work."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nas import load_space
from nas.errors import UsageError
from nas.registry import load_plugin
from nas.space import OPERATIONS
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
    """The space document and the plug-in of docs/spaces.md, as files; the block is forgotten afterwards."""
    for block in blocks(text_of("docs/spaces.md")):
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
    shown = next(line for line in text_of("docs/spaces.md").splitlines() if line.startswith("`my.yaml, line"))
    assert str(caught.value).endswith(shown.strip("`"))
