"""Trained networks as ONNX files, checked against torch before they are called done."""

from __future__ import annotations

from pathlib import Path

import torch

from nas.errors import NasError
from nas.weights import load_weights

#: largest allowed difference between torch and onnxruntime on 0..255
TOLERANCE = 0.05


def export_onnx(weights: str | Path, out: str | Path) -> float:
    """Write ``out`` (input ``image`` (1, C, H, W), output ``restored``, H and W free); returns the largest difference.

    The check runs onnxruntime at a size other than the traced one. Raises NasError when the extra ``onnx`` is
    not installed or the results disagree.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (the exporter needs it; say so before tracing)
    except ImportError as error:
        raise NasError(
            f"export to ONNX needs the extra 'onnx' ({error.name} is missing): pip install 'jsnas[onnx]'"
        ) from error
    loaded = load_weights(weights)
    model, descriptor = loaded.model.eval(), loaded.descriptor
    side = max(48, descriptor.min_size)
    example = torch.rand(1, descriptor.channels, side, side + 8) * descriptor.value_range
    height, width = (
        torch.export.Dim("height", min=descriptor.min_size),
        torch.export.Dim("width", min=descriptor.min_size),
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    program = torch.onnx.export(
        model, (example,), dynamo=True, input_names=["image"], output_names=["restored"],
        dynamic_shapes=({2: height, 3: width},), verbose=False,
    )  # fmt: skip
    assert program is not None
    program.save(str(out))
    other = torch.rand(1, descriptor.channels, side + 13, side + 6) * descriptor.value_range
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"image": other.numpy()})[0])
    with torch.inference_mode():
        wanted = model(other)
    difference = float((found - wanted).abs().max()) * 255 / descriptor.value_range
    if not difference <= TOLERANCE:
        raise NasError(
            f"the ONNX file differs from torch by {difference:.3g} on 0..255; it was kept at {out} for inspection"
        )
    return difference
