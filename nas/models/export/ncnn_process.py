"""One run of ncnn: ``python -m nas.models.export.ncnn_process PARAM IN.npy OUT.npy THREADS`` writes milliseconds."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np

RUNS = 3


def main(param: str, given: str, found: str, threads: str) -> int:
    """Run the network on a float32 array (C, H, W) in float32 and save what it gives.

    Returns:
        The exit code; 1: ncnn does not read the files or does not run them.
    """
    import ncnn

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = int(threads)
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(param) or net.load_model(str(Path(param).with_suffix(".bin"))):
        return 1
    image = np.load(given)
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        extractor = net.create_extractor()
        if extractor.input("in0", ncnn.Mat(image).clone()):
            return 1
        failed, result = extractor.extract("out0")
        if failed:
            return 1
        array = np.array(result)
        seconds.append(time.perf_counter() - start)
    np.save(found, array)
    sys.stdout.write(f"{1000 * statistics.median(seconds):.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
