"""TorchScript files: a network that torch runs in C++ or Python without its source."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.files import replacing
from nas.models.export.checking import allowed_example
from nas.models.export.host import HostModel
from nas.models.export.program import DESCRIPTION, depends_on_size


def save_torchscript(host: HostModel, dtype: torch.dtype, out: Path, description: dict[str, Any]) -> None:
    """Trace a network and write it, atomically; every size and batch can be given to the file.

    Raises:
        NasError: The network cannot be traced.
    """
    example = allowed_example(host.descriptor, dtype)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numbers that are fixed; the check at other sizes decides
            traced = torch.jit.trace(host, example, check_trace=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # the tracer's errors have no common class
        raise depends_on_size(host.descriptor.name, type(error).__name__) from error
    with replacing(out) as partial:
        torch.jit.save(traced, str(partial), _extra_files={DESCRIPTION: json.dumps(description)})


class ScriptRunner:
    """A TorchScript file, run by torch."""

    name = "TorchScript"

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]

    def __call__(self, image: Tensor) -> Tensor:
        """Run it once."""
        with torch.no_grad():
            y: Tensor = self._module(image)
        return y
