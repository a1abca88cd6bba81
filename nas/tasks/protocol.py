"""How restored and true image are compared; ``str(protocol)`` goes into every evaluation row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """The metric protocol of a task.

    Attributes:
        luma: "y" (BT.601 Y of RGB images, 16..235, not rounded), "rgb" (all channels jointly) or "gray" (one-channel
            images as they are).
        border: Pixels removed at every side before comparing.
        rounded: The output is clipped to 0..255 and rounded to integers first; otherwise it is clipped only.
        with_ssim: SSIM is reported.
        ssim: Its window, a name of ``nas.evaluation.scoring.SSIM``.
        psnr_b: PSNR-B, which counts block edges, is reported too (JPEG).
        crop: Input and target are first cut, about their centre, to multiples of this (equal-size tasks only).
        ssim_clipped: False: SSIM sees the output as the network gave it, neither clipped nor rounded.
        equal_psnr: What two equal images score, in dB; None: infinite.
        plane: One-channel networks are judged, on the rounded Y plane of the clean image and on inputs made from it in
            floating point; stored inputs are not used.
        name: Of a protocol other than the task's own, see ``nas.tasks.protocols``.
    """

    luma: str = "rgb"
    border: int = 0
    rounded: bool = True
    with_ssim: bool = True
    ssim: str = "gaussian 11"
    psnr_b: bool = False
    crop: int = 1
    ssim_clipped: bool = True
    equal_psnr: float | None = None
    plane: bool = False
    name: str = ""

    def __str__(self) -> str:
        names = {"y": "Y", "rgb": "RGB", "gray": "gray"}
        words = [
            names[self.luma],
            f"border {self.border}",
            "output rounded" if self.rounded else "output not rounded",
        ]
        if self.crop > 1:
            words.append(f"cut to multiples of {self.crop}")
        if self.with_ssim:
            words.append(f"SSIM {self.ssim}{'' if self.ssim_clipped else ' of the unclipped output'}")
        if self.psnr_b:
            words.append("PSNR-B")
        return (f"{self.name}: " if self.name else "") + ", ".join(words)
