"""Trained networks as files of other programs: ONNX, TorchScript, torch's own programs (pt2) and ncnn.

Every file is run by its own runtime and compared with torch before it is called done. Read first: ``exporting.py``
for the one function and its options, ``host.py`` for how a network meets another program.
"""

from nas.models.export.exporting import FORMATS, ExportResult, export

__all__ = ["FORMATS", "ExportResult", "export"]
