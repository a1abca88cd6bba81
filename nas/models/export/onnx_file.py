"""ONNX files: written from the graph of a network, run by onnxruntime."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from nas.errors import NasError, UsageError
from nas.files import replacing

#: operator sets that the writer can produce
OPSETS = range(18, 24)
#: the newest that is widely read
OPSET = 18


def require_onnx() -> None:
    """NasError unless the extra ``onnx`` is installed."""
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  (the writer needs it; say so before tracing)
    except ImportError as error:
        raise NasError(
            f"export to ONNX needs the extra 'onnx' ({error.name} is missing): pip install 'jsnas[onnx]'"
        ) from error


def check_opset(opset: int | None) -> int:
    """The operator set to be written.

    Raises:
        UsageError: The writer does not know it.
    """
    if opset is None:
        return OPSET
    if opset not in OPSETS:
        raise UsageError(f"opset {opset} cannot be written; give --opset {OPSETS[0]} to {OPSETS[-1]}")
    return opset


def save_onnx(program: ExportedProgram, name: str, out: Path, description: dict[str, Any], opset: int) -> None:
    """Write an ONNX file, atomically, with the input ``image`` and the output ``restored``.

    Args:
        program: The graph.
        name: Of the network, for messages.
        out: The file.
        description: Written as metadata, each value as text.
        opset: See ``OPSETS``.

    Raises:
        NasError: ONNX has no counterpart for what the network does.
    """
    try:
        with _silent():
            written = torch.onnx.export(
                program,
                (),
                dynamo=True,
                input_names=["image"],
                output_names=["restored"],
                opset_version=opset,
                verbose=False,
            )
    except Exception as error:  # the writer has many kinds, all private
        raise NasError(f"{name} cannot be exported to ONNX: {_reason(error)}") from error
    assert written is not None
    _name_sizes(written.model.graph)
    for key, value in description.items():
        written.model.metadata_props[key] = value if isinstance(value, str) else json.dumps(value)
    with replacing(out) as partial:
        written.save(str(partial))


def _name_sizes(graph: Any) -> None:
    """Call the free sizes what they are; within the graph they keep their symbols."""
    import onnx_ir

    for value, names in ((graph.inputs[0], ("height", "width")), (graph.outputs[0], ("out_height", "out_width"))):
        value.shape = onnx_ir.Shape(["batch", value.shape[1], *names])


#: how the writer names what it cannot translate
_UNTRANSLATED = (
    r"No ONNX function found for <OpOverload\(op='([\w.]+)'",
    r"(?:No|no) (?:ONNX function|decompositions).*?(aten[.:]+\w+)",
    r"Error when translating node .*target=torch\.ops\.([\w.]+)\]",
    r"^(aten::\w+)\(",
)


def _reason(error: BaseException | None) -> str:
    """What has no counterpart, found in the chain of errors."""
    while error is not None:
        for pattern in _UNTRANSLATED:
            if found := re.search(pattern, str(error)):
                return f"the writer has no ONNX for {found[1]} as the network uses it"
        last, error = error, error.__cause__
    return f"its operations cannot be translated ({type(last).__name__})"


@contextmanager
def _silent() -> Iterator[None]:
    """Without the writer's remarks on its own progress."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class OnnxRunner:
    """An ONNX file, run by onnxruntime on the CPU with as many threads as torch has."""

    name = "onnxruntime"

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, image: Tensor) -> Tensor:
        """Run it once."""
        return torch.from_numpy(self._session.run(None, {"image": image.numpy()})[0])
