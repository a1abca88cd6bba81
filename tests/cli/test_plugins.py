"""Blocks and tasks of one's own are known to every command: --plugin is an option of all that could need them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data

from nas.images import write_image
from nas.registry import TASKS
from nas.space import OPERATIONS
from tests.cli.running import run, succeed
from tests.cli.surface import commands

LOADED = dict(commands())
#: commands that need none: the demo, the table of one fixed space, and what looks at the machine alone
WITHOUT = {"demo", "doctor", *(words for words in LOADED if words.startswith("bench table"))}

BLOCK = """
from torch import nn
from nas.space import block

@block("operation", name="plug_conv")
class PlugConv(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)
"""
TASK = """
from nas.registry import TASKS
from nas.tasks import Protocol, Task

TASKS.add("plug_negative", Task("plug_negative", "negative", "other", fixed_part=lambda image: 255 - image,
    protocol=Protocol("rgb"), sets=("Set5",)))
"""
SPACE = """
format: nas.space/1
name: mine
skeleton: jsnet
cells:
  operation: {role: operation, nodes: 1, candidates: [plug_conv]}
network: {width: 16, cells: 1}
"""
TINY = ("--batch", "1", "--patch", "32", "--steps", "2", "--threads", "1", "--set", "data.validation=1")


def required(command: Any) -> list[str]:
    """A word for each argument and option that a command needs."""
    words = []
    for parameter in command.params:
        if parameter.required:
            words += [parameter.opts[0]] if parameter.param_type_name == "option" else []
            words += ["tasks" if parameter.name == "what" else "x"]
    return words


@pytest.mark.parametrize("words", [w for w in LOADED if w not in WITHOUT])
def test_every_command_loads_plugins_before_anything_else(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, *words.split(), *required(LOADED[words]), "--plugin", "no_such_plugin.py")
    assert ended.code == 2 and "plugin file 'no_such_plugin.py' does not exist" in ended.err


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "my_block.py").write_text(BLOCK)
    (tmp_path / "my_task.py").write_text(TASK)
    (tmp_path / "my.yaml").write_text(SPACE)
    image = skimage.data.astronaut()
    for i in range(4):
        write_image(tmp_path / f"photos/{i}.png", np.ascontiguousarray(image[50 * i : 50 * i + 48, 100:160]))
        write_image(tmp_path / f"sets/Tiny/HR/{i}.png", np.ascontiguousarray(image[50 * i : 50 * i + 48, 100:160]))
    yield tmp_path
    for registry, name in ((OPERATIONS, "plug_conv"), (TASKS, "plug_negative")):
        registry.remove(name)


def forget(mine: Path) -> None:
    """As if the next command were a process of its own."""
    import sys

    for name in ("nas_plugin_my_block", "nas_plugin_my_task"):
        sys.modules.pop(name, None)
    OPERATIONS.remove("plug_conv")
    TASKS.remove("plug_negative")


def test_a_block_and_a_task_of_ones_own_go_all_the_way(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugins = ("--plugin", mine / "my_block.py", "--plugin", mine / "my_task.py")
    data = ("--task", "plug_negative", "--data", mine / "photos")

    def nas(*words: object) -> str:
        forget(mine)
        return succeed(capsys, *words, *plugins)

    assert "plug_negative" in nas("list", "tasks", "plug_*")
    assert "plug_conv" in nas("list", "blocks", "plug_*")
    assert "4 images" in nas("data", "check", mine / "photos", "--task", "plug_negative")
    nas("data", "prepare", mine / "photos", "--task", "plug_negative", "--out", mine / "prepared")
    assert "plug_conv" in nas("show", mine / "my.yaml")
    nas("search", "--space", mine / "my.yaml", *data, *TINY, "--out", mine / "s")
    assert "plug_conv" in nas("derive", mine / "s", "--out", mine / "g.json")
    nas("retrain", mine / "s", *data, *TINY, "--out", mine / "r")
    weights = mine / "r/weights.safetensors"
    assert "parameters" in nas("profile", weights)
    assert "32x32" in nas("bench", "models", weights, "--size", "32x32", "--repeats", "1", "--warmup", "0")
    nas(
        "evaluate",
        weights,
        "--task",
        "plug_negative",
        "--sets",
        "Tiny",
        "--data",
        mine / "sets",
        "--out",
        mine / "r.csv",
    )
    nas("report", mine / "r", mine / "r.csv", "--out", mine / "report.html")
    nas("watch", mine / "s", "--once")


def test_what_cannot_be_rebuilt_names_the_option(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = ("--plugin", mine / "my_block.py")
    data = ("--task", "dehaze", "--data", mine / "photos")
    succeed(capsys, "search", "--space", mine / "my.yaml", *data, *TINY, *plugin, "--out", mine / "s")
    succeed(capsys, "retrain", mine / "s", *data, *TINY, *plugin, "--out", mine / "r")
    weights = mine / "r/weights.safetensors"
    for words in (
        ("export", weights, "--out", mine / "m.onnx"),
        ("profile", weights),
        ("evaluate", weights, "--task", "dehaze"),
    ):
        forget(mine)
        ended = run(capsys, *words)
        assert ended.code == 2 and "plug_conv" in ended.err and "--plugin" in ended.err
