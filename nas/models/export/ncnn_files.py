"""ncnn files (.param and .bin): converted by pnnx, run by ncnn in a process of its own, which may not survive."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.errors import NasError
from nas.files import replacing
from nas.models.export.checking import allowed_example
from nas.models.export.host import HostModel

#: seconds after which a conversion or a run is given up
PATIENCE = 600


def require_ncnn() -> None:
    """NasError unless the extra ``ncnn`` is installed."""
    try:
        import ncnn  # noqa: F401
        import pnnx  # noqa: F401
    except ImportError as error:
        raise NasError(
            f"export to ncnn needs the extra 'ncnn' ({error.name} is missing): pip install 'jsnas[ncnn]'"
        ) from error


def save_ncnn(host: HostModel, out: Path, description: dict[str, Any], half: bool) -> None:
    """Convert a network for images one at a time, of any size that it takes.

    Written are ``out`` (.param), the weights beside it (.bin) and the description (.json).

    Args:
        host: The network in float32, without padding.
        out: The .param file.
        description: What the .json holds.
        half: Store weights in float16.

    Raises:
        NasError: pnnx fails, or ncnn has no layer for something.
    """
    with tempfile.TemporaryDirectory() as folder:
        param = convert(host, allowed_example(host.descriptor)[:1], Path(folder), half, host.descriptor.name)
        for source, target in (
            (param, out),
            (param.with_suffix(".bin"), out.with_suffix(".bin")),
        ):
            with replacing(target) as partial:
                partial.write_bytes(source.read_bytes())
    with replacing(out.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def convert(module: torch.nn.Module, example: Tensor, folder: Path, half: bool = False, name: str = "module") -> Path:
    """Convert any module by pnnx.

    Two sizes are traced. From one, pnnx keeps the traced size in layers that resize (``esab``), and the file is
    wrong at every other size without a word.

    Args:
        module: In evaluation mode.
        example: An input (1, C, H, W).
        folder: Where the files go, ``m.ncnn.param`` and ``m.ncnn.bin`` among them.
        half: Store weights in float16.
        name: Of the network, for messages.

    Returns:
        The .param file.

    Raises:
        NasError: It was not converted.
    """
    import pnnx

    traced = folder / "m.pt"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(module, example, check_trace=False).save(str(traced))  # type: ignore[no-untyped-call]
    _, channels, height, width = example.shape
    shapes = [f"[1,{channels},{h},{w}]f32" for h, w in ((height, width), (height + 24, width + 8))]
    command = [pnnx.EXEC_PATH, "m.pt", f"inputshape={shapes[0]}", f"inputshape2={shapes[1]}", f"fp16={int(half)}"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    param = folder / "m.ncnn.param"
    if ended.returncode or not param.is_file():
        raise NasError(f"{name} cannot be exported to ncnn: pnnx did not convert it (exit code {ended.returncode})")
    foreign = foreign_layers(param.read_text(encoding="utf-8"))
    if foreign:
        raise NasError(f"{name} cannot be exported to ncnn: ncnn has no layer for {', '.join(foreign)}")
    return param


def foreign_layers(param: str) -> list[str]:
    """Operations in a .param file that pnnx left in the words of torch, which no layer of ncnn does.

    Args:
        param: Its text.
    """
    kinds = {line.split()[0] for line in param.splitlines()[2:] if line.strip()}
    foreign = sorted(kind for kind in kinds if re.match(r"(aten|prim|torch|F|nn|Tensor|pnnx)[.:]", kind))
    named = [kind for kind in foreign if not kind.startswith("pnnx.")]  # that is but the size that one of them takes
    return named or foreign


class NcnnRunner:
    """ncnn files, run in a process of its own.

    Attributes:
        ms: Milliseconds of the last image.
    """

    name = "ncnn"

    def __init__(self, param: Path) -> None:
        self._param = param
        self.ms = 0.0

    def __call__(self, image: Tensor) -> Tensor:
        """Run one image, (1, C, H, W) on the CPU.

        Raises:
            NasError: The process failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            given, found = Path(folder) / "in.npy", Path(folder) / "out.npy"
            np.save(given, image[0].float().numpy())
            command = [sys.executable, "-m", "nas.models.export.ncnn_process", str(self._param), str(given), str(found)]
            command.append(str(torch.get_num_threads()))
            ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            if ended.returncode or not found.is_file():
                raise NasError(f"ncnn cannot run it (exit code {ended.returncode})")
            self.ms = float(ended.stdout.split()[-1])
            return torch.from_numpy(np.load(found))[None]
