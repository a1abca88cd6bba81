"""What a space document may say, and how its faults are reported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import UsageError
from nas.space import SPACES, DocumentError, load_space, space_from_document
from nas.space.document import parse_yaml
from tests.space.space_examples import documents

OWN_SPACE = """\
format: nas.space/1
name: mine
cells:
  operation:
    role: operation
    nodes: 2
    candidates: [skip_connect, rb, acb]
    edges:
      1->2: [lrb, srb, sep_conv_3x3, none]
    relaxation: {partial_channels: 2}
  attention:
    role: attention
    nodes: 3
    inputs: [[0], [1], [0, 2]]
    candidates: [esab, ca_sa_cascade]
    merge: mean
network:
  width: 12
  cells: 3
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def _write(text: str) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return _write


def test_a_users_document_needs_no_code(write: Callable[[str], Path]) -> None:
    space = load_space(str(write(OWN_SPACE)))
    assert (space.name, space.features, space.network_settings.cells) == ("mine", 36, 3)
    assert space.size() == 3 * 3 * 3 * 2**4
    assert [d.name for d in space.decisions if d.cell == "attention"] == [
        f"attention.{e}" for e in ("0->1", "1->2", "0->3", "2->3")
    ]
    assert space.cells["attention"].merge == "mean"
    space.validate(space.sample(0))


# (what is replaced, by what, path of the fault, part of the message)
FAULTS = [
    ("nodes: 2", "nods: 2", "cells.operation.nods", "did you mean 'nodes'"),
    ("nodes: 2", "nodes: two", "cells.operation.nodes", "integer"),
    ("nodes: 2", "nodes: 0", "cells.operation.nodes", "greater than or equal to 1"),
    ("nodes: 2", "nodes: 2.0", "cells.operation.nodes", "integer"),
    ("rb, acb", "rbb, acb", "cells.operation.candidates[1]", "'rb'"),
    ("rb, acb", "rb, rb", "cells.operation.candidates[2]", "listed twice"),
    ("rb, acb", "rb, esab", "cells.operation.candidates[2]", "attention block"),
    ("[skip_connect, rb, acb]", "[none]", "cells.operation.candidates", "no candidate can be selected"),
    ("[skip_connect, rb, acb]", "[]", "cells.operation.candidates", "no candidate can be selected"),
    ("[skip_connect, rb, acb]", "rb", "cells.operation.candidates", "list"),
    ("1->2: [lrb", "1->3: [lrb", "cells.operation.edges.1->3", "has no edge"),
    ("1->2: [lrb", "2->1: [lrb", "cells.operation.edges.2->1", "has no edge"),
    ("1->2: [lrb", "1->2: [lrx", "cells.operation.edges.1->2[0]", "unknown operation block"),
    (
        "{partial_channels: 2}",
        "{partial_channels: 5}",
        "cells.operation.relaxation.partial_channels",
        "divided by 5",
    ),
    ("{partial_channels: 2}", "{partial: 2}", "cells.operation.relaxation.partial", "'partial_channels'"),
    ("[[0], [1], [0, 2]]", "[[0], [1]]", "cells.attention.inputs", "2 lists for 3 nodes"),
    ("[[0], [1], [0, 2]]", "[[0], [], [2]]", "cells.attention.inputs[1]", "no input"),
    ("[[0], [1], [0, 2]]", "[[0], [2], [1]]", "cells.attention.inputs[1][0]", "cannot take its input"),
    ("[[0], [1], [0, 2]]", "[[0], [1], [0, 0]]", "cells.attention.inputs[2][1]", "twice"),
    ("[[0], [1], [0, 2]]", "[[0], [1], [0]]", "cells.attention.inputs", "feeds no later node"),
    ("[[0], [1], [0, 2]]", "every", "cells.attention.inputs", "expected 'all'"),
    ("merge: mean", "merge: max", "cells.attention.merge", "'sum' or 'mean'"),
    ("role: attention", "role: operation", "cells.attention.role", "one cell a role"),
    ("role: attention", "role: attn", "cells.attention.role", "'operation' or 'attention'"),
    ("width: 12", "width: 10", "network.width", "W >= 32"),
    ("width: 12", "widht: 12", "network.widht", "did you mean 'width'"),
    ("width: 12", "width: true", "network.width", "integer"),
    ("cells: 3", "features: 40", "network.features", "= 36 here"),
    ("[esab, ca_sa_cascade]", "[esab, cea]", "cells.attention.candidates[1]", "multiples of 8"),
    ("cells: 3", "cells: 3\n  cells: 4", "network.cells", "given twice"),
    ("cells: 3", "7: 3", "network.7", "not a word"),
    ("name: mine", "name: mine\nskeleton: jsnett", "skeleton", "did you mean 'jsnet'"),
    ("name: mine", "name: mine\npreset: big", "preset", "unknown preset"),
    ("name: mine", "name: mine\npresets: {big: {network.widht: 8}}", "network.widht", "preset 'big', line 3"),
    ("nas.space/1", "nas.space/9", "format", "expected 'nas.space/1'"),
    ("format: nas.space/1\n", "", "format", "missing"),
    ("name: mine", "name: &n [*n]", "(document)", "inside what it refers to"),
    ("name: mine", "name: !!python/name:os.system ''", "name", "not allowed"),
    ("[esab, ca_sa_cascade]", "[esab, ca_sa_cascade", "(document)", "not valid YAML"),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), FAULTS)
def test_a_fault_is_reported_with_path_line_and_mend(
    write: Callable[[str], Path], old: str, new: str, path: str, words: str
) -> None:
    assert OWN_SPACE.count(old) == 1, "each fault is planted in one place"
    file = write(OWN_SPACE.replace(old, new))
    with pytest.raises(DocumentError) as caught:
        load_space(file)
    message = str(caught.value)
    assert caught.value.path == path and path in message
    assert words in message
    assert "mine.yaml, " in message and "line " in message and "\n" not in message


def test_the_reported_line_is_the_line_of_the_fault(write: Callable[[str], Path]) -> None:
    text = OWN_SPACE.replace("rb, acb", "rb,\n      acx")
    with pytest.raises(DocumentError) as caught:
        load_space(write(text))
    assert caught.value.line == next(i for i, row in enumerate(text.splitlines(), 1) if "acx" in row)


@given(documents(), st.data())
@settings(max_examples=80, deadline=None)
def test_a_fault_planted_in_any_document_is_a_document_error(document: dict[str, Any], data: st.DataObject) -> None:
    role = data.draw(st.sampled_from(sorted(document["cells"])))
    cell, network = document["cells"][role], document["network"]

    def unknown_key() -> str:
        target, path = data.draw(
            st.sampled_from([(document, ""), (cell, f"cells.{role}."), (network, "network."), (cell["relaxation"], "")])
        )
        target["surplus"] = 1
        return path + "surplus"

    def unknown_block() -> str:
        place = data.draw(st.integers(0, len(cell["candidates"])))
        cell["candidates"].insert(place, "no_such_block")
        return f"cells.{role}.candidates[{place}]"

    def repeated_block() -> str:
        cell["candidates"].append(cell["candidates"][0])
        return f"cells.{role}.candidates[{len(cell['candidates']) - 1}]"

    def later_node() -> str:
        cell.pop("edges", None)
        cell["inputs"] = [[0]] * (cell["nodes"] - 1) + [[cell["nodes"]]]
        return f"cells.{role}.inputs"

    def wrong_type() -> str:
        key = data.draw(st.sampled_from(["width", "cells"]))
        network[key] = data.draw(st.sampled_from(["many", None, 1.5, [], {}, True, -1]))
        return f"network.{key}"

    def too_narrow() -> str:
        network["features" if list(document["cells"]) == ["attention"] else "width"] = 4
        for each in document["cells"].values():
            each["nodes"] = 1
            each.pop("inputs", None), each.pop("edges", None)
        return "network."

    path = data.draw(
        st.sampled_from([unknown_key, unknown_block, repeated_block, later_node, wrong_type, too_narrow])
    )()
    with pytest.raises(DocumentError) as caught:
        space_from_document(document)
    assert path in caught.value.path and caught.value.path in str(caught.value)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
@settings(max_examples=150, deadline=None)
def test_arbitrary_text_is_never_a_traceback(text: str) -> None:
    try:
        document = parse_yaml(text, "any.yaml")
    except UsageError as error:
        assert "any.yaml" in str(error)
    else:
        assert isinstance(document.data, dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(documents(), json_values, st.data())
@settings(max_examples=100, deadline=None)
def test_any_value_anywhere_is_either_accepted_or_a_usage_error(
    document: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    target: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
        if not isinstance(target[key], dict | list) or not target[key] or data.draw(st.booleans()):
            break
        target = target[key]
    target[key] = value
    try:
        assert space_from_document(document).size() >= 1
    except UsageError as error:
        assert str(error).startswith("space document")


def test_many_nested_aliases_are_refused_quickly() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    with pytest.raises(DocumentError, match="more than 50000 values"):
        parse_yaml(text, "bomb.yaml")


def test_anchors_and_merge_keys_work(write: Callable[[str], Path]) -> None:
    text = OWN_SPACE.replace("[skip_connect, rb, acb]", "&ops [skip_connect, rb]").replace(
        "[lrb, srb, sep_conv_3x3, none]", "*ops"
    )
    assert load_space(write(text)).cells["operation"].edges[2].candidates == ("skip_connect", "rb")


def test_overrides_go_before_the_preset_and_the_preset_before_the_document() -> None:
    space = load_space("jsm", preset="paper", overrides={"network.cells": 3, "network": {"width": 32}})
    assert (space.network_settings.cells, space.network_settings.width, space.features) == (3, 32, 128)
    assert space.size() == 5**12
    assert load_space("jsm", preset="code").hash == load_space("jsm").hash != space.hash
    assert load_space(space, overrides={"network.cells": 4}).network_settings.width == 32


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"network.widht": 3}, "did you mean 'width'"),
        ({"cels.operation.nodes": 3}, "did you mean 'cells'"),
        ({"cells.opration.nodes": 3}, "did you mean 'operation'"),
        ({"network.width": "16"}, "integer"),
        ({"name.first": "a"}, "no mapping"),
        ({"network..width": 3}, "dotted path"),
    ],
)
def test_a_wrong_override_is_named_as_such(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError, match=r"jsm\.yaml, override: ") as caught:
        load_space("jsm", overrides=overrides)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("jms", "did you mean 'jsm'"), ("nowhere/jsm.yaml", "does not exist"), (7, "name of a space or a path")],
)
def test_an_unknown_space_is_a_usage_error(name: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_space(name)


def test_an_unknown_preset_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'paper'"):
        load_space("jsm", preset="papers")


@pytest.mark.parametrize("name", SPACES.names())
def test_registered_documents_carry_their_own_name_and_all_presets_work(name: str) -> None:
    presets = yaml.safe_load(SPACES.get(name).read_text(encoding="utf-8")).get("presets", {})
    for preset in [None, *presets]:
        space = load_space(name, preset=preset)
        assert space.name == name
        space.validate(space.sample(0))


def test_the_language_works_without_importing_torch() -> None:
    code = (
        "import sys, nas.space as s; space = s.load_space('jsm', preset='paper'); "
        "space.mutate(space.sample(0), 1); s.load_genotype('jsnet_released');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
