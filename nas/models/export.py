"""Trained networks as ONNX files, checked against torch before they are called done."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.files import replacing
from nas.models.calling import allowed_size, final_image
from nas.models.descriptor import ModelDescriptor
from nas.models.merging import merge
from nas.models.weights import load_weights

#: Largest allowed difference between torch and onnxruntime, on 0..255.
TOLERANCE = 0.05


class _FinalImage(nn.Module):
    """The network with the restored image as its only output."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> Tensor:
        return final_image(self.model(image))


def export_onnx(weights: str | Path, out: str | Path) -> float:
    """Write a trained network as an ONNX file and check it against torch.

    The file has one input ``image`` (1, C, H, W) and one output ``restored``, H and W free. Values are on the model's
    own range and both sides multiples of its ``size_multiple``, as its descriptor says, which stands in the file
    (metadata ``descriptor``). Of several outputs only the final image is exported. The check runs onnxruntime at
    another size than the traced one.

    Args:
        weights: A weights file.
        out: The ONNX file to be written.

    Returns:
        The largest difference between torch and onnxruntime, on 0..255.

    Raises:
        NasError: The extra ``onnx`` is not installed, the network cannot be exported with free height and width, or
            the results disagree.
    """
    _require_onnx()
    loaded = load_weights(weights)
    model, descriptor = _FinalImage(merge(loaded.model)).eval(), loaded.descriptor
    side = allowed_size(48, descriptor.size_multiple, descriptor.min_size)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    _export(model, descriptor, side, out)
    difference = _difference(model, descriptor, side, out)
    if not difference <= TOLERANCE:
        raise NasError(
            f"the ONNX file differs from torch by {difference:.3g} on 0..255; it was kept at {out} for inspection"
        )
    return difference


def _require_onnx() -> None:
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  (the exporter needs it; say so before tracing)
    except ImportError as error:
        raise NasError(
            f"export to ONNX needs the extra 'onnx' ({error.name} is missing): pip install 'jsnas[onnx]'"
        ) from error


def _export(model: nn.Module, descriptor: ModelDescriptor, side: int, out: Path) -> None:
    """Trace ``model`` at about ``side`` pixels, height and width free."""
    multiple = descriptor.size_multiple
    example = torch.rand(1, descriptor.channels, side, side + 8 * multiple) * descriptor.value_range
    least = -(-descriptor.min_size // multiple)
    height, width = (torch.export.Dim(name, min=least) for name in ("height", "width"))
    if multiple > 1:  # then these count the multiples
        height, width = multiple * height, multiple * width
    try:
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=["image"],
            output_names=["restored"],
            dynamic_shapes=({2: height, 3: width},),
            verbose=False,
        )
    except Exception as error:  # the exporter has many kinds, all private
        raise NasError(
            f"{descriptor.name} cannot be exported with free height and width: its work depends on the image size "
            f"in a way ONNX cannot express ({type(error).__name__})"
        ) from error
    assert program is not None
    program.model.metadata_props["descriptor"] = json.dumps(descriptor.to_json())
    with replacing(out) as partial:
        program.save(str(partial))


def _difference(model: nn.Module, descriptor: ModelDescriptor, side: int, out: Path) -> float:
    """The largest difference between torch and the file, on 0..255, at another size than ``_export`` traced."""
    import onnxruntime

    multiple = descriptor.size_multiple
    other = torch.rand(1, descriptor.channels, side + 13 * multiple, side + 6 * multiple) * descriptor.value_range
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    try:
        found = torch.from_numpy(session.run(None, {"image": other.numpy()})[0])
    except Exception as error:  # onnxruntime's errors have no common class
        raise NasError(
            f"{descriptor.name} was exported for {side + 8 * multiple} x {side} pixels only, since its work "
            f"depends on the image size; the file was kept at {out} ({type(error).__name__})"
        ) from error
    with torch.inference_mode():
        wanted = model(other)
    return float((found - wanted).abs().max()) * 255 / descriptor.value_range
