"""How restored and true image are compared; the words of it go into every evaluation row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """The metric protocol of a task.

    luma: "y" (BT.601 Y of RGB images, 16..235, not rounded), "rgb" (all channels jointly) or "gray"
    (one-channel images as they are)
    border: pixels removed at every side before comparing
    rounded: the output is clipped to 0..255 and rounded to integers first (else clipped only)
    with_ssim: SSIM is reported; ``ssim`` names its window
    psnr_b: PSNR-B, which counts block edges, is reported too (JPEG)
    """

    luma: str = "rgb"
    border: int = 0
    rounded: bool = True
    with_ssim: bool = True
    ssim: str = "gaussian 11"
    psnr_b: bool = False

    def __str__(self) -> str:
        names = {"y": "Y", "rgb": "RGB", "gray": "gray"}
        words = [
            names[self.luma],
            f"border {self.border}",
            "output rounded" if self.rounded else "output not rounded",
        ]
        if self.with_ssim:
            words.append(f"SSIM {self.ssim}")
        if self.psnr_b:
            words.append("PSNR-B")
        return ", ".join(words)
