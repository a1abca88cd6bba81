"""The name of what a benchmark ran on."""

from __future__ import annotations

from pathlib import Path

import torch


def device_name(device: str = "cpu", cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The name of a GPU or of the processor, e.g. "Intel(R) Xeon(R) Processor".

    Args:
        device: Name of a torch device.
        cpuinfo: Where Linux describes the processor.
    """
    if torch.device(device).type == "cuda":
        return str(torch.cuda.get_device_name(device))
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    if names:
        return names[0]
    import platform

    return platform.processor() or platform.machine() or "cpu"
