"""Enlarge a photograph with a trained network; no ground truth is needed."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

import nas


def main(steps: int = 300, size: int = 128, out: str | Path = "runs/example-05") -> np.ndarray:
    trained = nas.retrain(
        model="jsnet_released",
        task="sr_x2",
        network={"cells": 1, "image_residual": True},
        train__steps=steps,
        train__optimizer__lr=1e-3,
        data__batch=4,
        threads=1,
        out=out,
    )
    network = nas.load(trained.run)
    print(f"scale {network.descriptor.scale}, values 0..{network.descriptor.value_range:g}")

    photograph = data.coffee()[:size, :size]  # (H, W, 3), uint8; any array, tensor, path or Pillow image will do
    enlarged = nas.restore(network, photograph)
    Image.fromarray(enlarged).save(Path(out) / "coffee_x2.png")

    small = nas.imresize(photograph, 1 / 2)  # MATLAB's bicubic
    again = nas.restore(network, small)
    print(f"restored from half its size: {nas.metrics.psnr(again, photograph, luma=True, border=2):.2f} dB")
    return enlarged


if __name__ == "__main__":
    main()
