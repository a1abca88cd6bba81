"""Exporting trained networks: one function for every format, and what it reports."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nas.errors import UsageError, did_you_mean
from nas.models.descriptor import ModelDescriptor
from nas.models.export.checking import Parity, Timing, check_shapes, compare, timed
from nas.models.export.host import HostModel
from nas.models.weights import LoadedWeights, load_weights

#: format -> ending of its files
FORMATS = {"onnx": ".onnx", "torchscript": ".torchscript", "pt2": ".pt2", "ncnn": ".param"}
RANGES = ("0..1", "native")
DTYPES = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class ExportResult:
    """An exported file and how it was checked.

    Attributes:
        path: The file (ncnn: the .param file; .bin and .json lie beside it).
        format: A key of ``FORMATS``.
        interface: What another program must feed it and what it gets, in a sentence.
        parity: How its values compare with torch.
        timing: How its time compares with torch.
    """

    path: Path
    format: str
    interface: str
    parity: Parity
    timing: Timing


def export(
    weights: str | Path,
    out: str | Path,
    format: str = "onnx",
    *,
    range: str = "0..1",
    opset: int | None = None,
    dtype: str = "float32",
) -> ExportResult:
    """Write a trained network as a file of another program and check it against torch.

    Batch, height and width of the file are free (ncnn: one image at a time). Sizes that the network does not take are
    padded and cropped inside (ncnn: refused). Of several outputs only the restored image is exported, and
    re-parameterised layers are merged.

    Args:
        weights: A weights file.
        out: The file to be written.
        format: ``onnx``, ``torchscript``, ``pt2`` or ``ncnn``.
        range: ``0..1``: input and output on 0..1, the output clamped; ``native``: both on the network's own range, not
            clamped.
        opset: Operator set of an ONNX file; None: 18.
        dtype: ``float32`` or ``float16``, of weights, input and output (ncnn: of the weights alone).

    Returns:
        The file and the comparison.

    Raises:
        UsageError: An argument is none of these.
        NasError: An extra is not installed, the format cannot express the network, or the file differs from torch; no
            file is left then.
    """
    _check_arguments(format, range, opset, dtype)
    _require(format)
    loaded, out = load_weights(weights), Path(out)
    host = HostModel(loaded.model, loaded.descriptor, native=range == "native", pad=format != "ncnn")
    out.parent.mkdir(parents=True, exist_ok=True)
    description = described(loaded, host, dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the writers talk to their own developers
            parity, timing = _written(host, out, format, description, opset, dtype)
    except BaseException:
        for ending in (FORMATS[format], *((".bin", ".json") if format == "ncnn" else ())):
            out.with_suffix(ending).unlink(missing_ok=True)
        raise
    return ExportResult(out, format, interface(host, dtype, format), parity, timing)


def _check_arguments(format: str, range: str, opset: int | None, dtype: str) -> None:
    from nas.models.export.onnx_file import check_opset

    if format not in FORMATS:
        raise UsageError(f"unknown export format {format!r}; {did_you_mean(format, FORMATS)}")
    if range not in RANGES:
        raise UsageError(f"unknown range {range!r}; give {' or '.join(RANGES)}")
    if dtype not in DTYPES:
        raise UsageError(f"files are not written in {dtype!r}; give {' or '.join(DTYPES)}")
    if opset is not None and format != "onnx":
        raise UsageError(f"only ONNX files have an opset, not {format}; leave --opset out")
    check_opset(opset)


def _require(format: str) -> None:
    if format == "onnx":
        from nas.models.export.onnx_file import require_onnx

        require_onnx()
    elif format == "ncnn":
        from nas.models.export.ncnn_files import require_ncnn

        require_ncnn()


def _written(
    host: HostModel, out: Path, format: str, description: dict[str, Any], opset: int | None, dtype: str
) -> tuple[Parity, Timing]:
    """Write the file, then run and compare it."""
    if format == "ncnn":
        return _written_ncnn(host, out, description, half=dtype == "float16")
    from nas.models.export.onnx_file import OnnxRunner, check_opset, save_onnx
    from nas.models.export.program import ProgramRunner, free_program, save_program
    from nas.models.export.torchscript import ScriptRunner, save_torchscript

    number = DTYPES[dtype]
    reduced = host if dtype == "float32" else _reduced(host, number)
    run: OnnxRunner | ProgramRunner | ScriptRunner
    if format == "torchscript":
        save_torchscript(reduced, number, out, description)
        run = ScriptRunner(out)
    else:
        program = free_program(reduced, number)
        if format == "onnx":
            save_onnx(program, host.descriptor.name, out, description, check_opset(opset))
            run = OnnxRunner(out)
        else:
            save_program(program, out, description)
            run = ProgramRunner(out)
    parity = compare(host, run, number, check_shapes(host.descriptor, padded=True, batches=True))
    return parity, timed(host, run, run.name, number)


def _reduced(host: HostModel, dtype: torch.dtype) -> HostModel:
    import copy

    return copy.deepcopy(host).to(dtype)


def _written_ncnn(host: HostModel, out: Path, description: dict[str, Any], half: bool) -> tuple[Parity, Timing]:
    from nas.errors import NasError
    from nas.models.export.ncnn_files import NcnnRunner, save_ncnn

    d = host.descriptor
    if d.size_multiple > 1:
        raise NasError(
            f"{d.name} cannot be exported to ncnn: it takes multiples of {d.size_multiple} pixels, to which a graph of "
            "ncnn cannot pad; export it as onnx"
        )
    save_ncnn(host, out, description, half)
    run = NcnnRunner(out)
    # weights alone are rounded, the image is not
    parity = compare(host, run, torch.float32, check_shapes(d, padded=False, batches=False), half)
    timing = timed(host, run, run.name, torch.float32)
    return parity, Timing(run.name, run.ms, timing.torch_ms, timing.side, timing.threads)


def described(loaded: LoadedWeights, host: HostModel, dtype: str) -> dict[str, Any]:
    """What the file says of itself: plain values by name."""
    d, genotype = host.descriptor, loaded.genotype
    return {
        "name": d.name,
        "task": loaded.task,
        "scale": str(d.scale),
        "range": value_range(host),
        "clamped": str(not host.native).lower(),
        "channels": "grey" if d.channels == 1 else "rgb",
        "dtype": dtype,
        "min_size": "1" if host.pad else str(d.min_size),
        "licence": d.licence,
        "paper": d.paper,
        "genotype": json.dumps(genotype.to_json()) if genotype is not None else "",
        "descriptor": json.dumps(d.to_json()),
    }


def value_range(host: HostModel) -> str:
    """The range of input and output in words, such as "0..1"."""
    return f"0..{host.descriptor.value_range:g}" if host.native else "0..1"


def interface(host: HostModel, dtype: str, format: str) -> str:
    """What another program must feed the file, and what it gets."""
    d: ModelDescriptor = host.descriptor
    colours = "RGB" if d.channels == 3 else "grey"
    batch = "1" if format == "ncnn" else "N"
    least = f" of at least {d.min_size} pixels" if d.min_size > 1 and not host.pad else ""
    names = ("in0", "out0") if format == "ncnn" else ("image", "restored")
    number = "float32" if format == "ncnn" else dtype
    return (
        f"input '{names[0]}' ({batch}, {d.channels}, H, W) and output '{names[1]}' ({batch}, {d.channels}, "
        f"{'' if d.scale == 1 else f'{d.scale} '}H, {'' if d.scale == 1 else f'{d.scale} '}W): {colours} on "
        f"{value_range(host)}, {number}, any height and width{least}; the output is "
        f"{'not clamped' if host.native else 'clamped'}"
    )
