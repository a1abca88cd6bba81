"""A network as one graph with free batch, height and width (``torch.export``), and as a file of that (pt2)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from nas.errors import NasError
from nas.files import replacing
from nas.models.export.checking import allowed_example
from nas.models.export.host import HostModel

#: the entry of a pt2 and of a TorchScript file that holds the description
DESCRIPTION = "jsnas.json"


def free_program(host: HostModel, dtype: torch.dtype) -> ExportedProgram:
    """The graph of a network.

    Conditions on sizes that the tracer could not prove are left out of it, so it must be compared with torch at
    several sizes.

    Args:
        host: The network, of number type ``dtype``.
        dtype: float32 or float16.

    Raises:
        NasError: The network decides by the image size in a way that a graph cannot.
    """
    example = allowed_example(host.descriptor, dtype)
    try:
        with torch.no_grad():
            program = torch.export.export(
                host,
                (example,),
                dynamic_shapes=({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},),
                strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except Exception as error:  # the tracer has many kinds, most of them private
        raise depends_on_size(host.descriptor.name, type(error).__name__) from error
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target is torch.ops.aten._assert_scalar.default:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    program.graph_module.recompile()
    return program


def depends_on_size(name: str, detail: str) -> NasError:
    """The refusal of a network whose work changes with the image size."""
    return NasError(
        f"{name} cannot be exported with free height and width: its work depends on the image size in a way that a "
        f"fixed graph cannot express ({detail})"
    )


def save_program(program: ExportedProgram, out: Path, description: dict[str, Any]) -> None:
    """Write a pt2 file, atomically."""
    with replacing(out) as partial, partial.open("wb") as file:
        torch.export.save(program, file, extra_files={DESCRIPTION: json.dumps(description)})


class ProgramRunner:
    """A pt2 file, run by torch."""

    name = "torch.export"

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._module = torch.export.load(file).module()

    def __call__(self, image: Tensor) -> Tensor:
        """Run it once."""
        with torch.no_grad():
            y: Tensor = self._module(image)
        return y
