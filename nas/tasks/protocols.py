"""Protocols by name, beside each task's own: those of single papers, kept only to compare with their figures.

Figures of different protocols must not stand in one column; every row therefore begins its protocol with the
name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial

from nas.errors import UsageError, did_you_mean
from nas.tasks.degradations import bicubic_plane
from nas.tasks.protocol import Protocol
from nas.tasks.task import Task, get_task


@dataclass(frozen=True)
class NamedProtocol:
    """A protocol that users can ask for.

    Attributes:
        name: What they type.
        tasks: Names of the tasks it serves; shell wildcards are allowed.
        protocol: How images are compared.
        title: A line for lists.
        noise: How the noise of these tasks is stored, see ``nas.tasks.task.NOISE_FORMS``; "": as the task says.
    """

    name: str
    tasks: tuple[str, ...]
    protocol: Protocol
    title: str
    noise: str = ""


_COLOUR = ("denoise_color_*", "denoise_real", "deblur", "derain", "dehaze", "all_in_one")
_DSRIR = Protocol("rgb", rounded=False, ssim="uniform 7", crop=8)

#: Several entries of one name serve different tasks; the first that matches is taken.
NAMED: tuple[NamedProtocol, ...] = (
    NamedProtocol("y", (*_COLOUR, "sr_x*"), Protocol("y"), "luma, output rounded; border as in the task"),
    NamedProtocol("rgb", (*_COLOUR, "sr_x*"), Protocol("rgb"), "all channels jointly, output rounded"),
    # Set5, bicubic x2: 33.66 by this path, 33.67 from stored RGB inputs
    NamedProtocol(
        "y_plane",
        ("sr_x2", "sr_x3", "sr_x4", "sr_x8"),
        Protocol("gray", plane=True),
        "the Y plane alone, resized in floating point: the bicubic rows of most papers, and one-channel networks",
    ),
    # Classic5, JPEG quality 10: 0.7800 by this window, 0.7595 by the 11 x 11 Gaussian of DnCNN and its followers
    NamedProtocol(
        "arcnn",
        ("jpeg_*",),
        Protocol("gray", ssim="uniform 8", psnr_b=True),
        "SSIM of the JPEG, SA-DCT and AR-CNN rows of the deblocking tables",
    ),
    NamedProtocol(
        "dsrir",
        ("derain",),
        replace(_DSRIR, luma="y"),
        "DSRIR's evaluation of rain, with two-dimensional SSIM",
    ),
    NamedProtocol(
        "dsrir",
        ("denoise_color_*", "dehaze", "all_in_one"),
        _DSRIR,
        "DSRIR's evaluation; noisy inputs clipped and truncated to 8 bits",
        noise="clipped, truncated",
    ),
    NamedProtocol(
        "dsrir_columnwise",
        ("derain",),
        replace(_DSRIR, luma="y", ssim="columnwise 7"),
        "DSRIR's published rain SSIM: each column of Y as a one-dimensional signal (a slip in its code)",
    ),
    NamedProtocol(
        "jdnet_rgb_float",
        ("derain",),
        Protocol("rgb", rounded=False, ssim="gaussian 11 padded", ssim_clipped=False, equal_psnr=100.0),
        "JDNet's evaluation: RGB in floating point, SSIM with zero padding on the unclipped output",
    ),
)


def protocols_for(task: str | Task) -> dict[str, NamedProtocol]:
    """The named protocols that serve a task, by their names."""
    task = get_task(task)
    found: dict[str, NamedProtocol] = {}
    for entry in NAMED:
        if any(fnmatchcase(task.name, pattern) for pattern in entry.tasks):
            found.setdefault(entry.name, entry)
    return found


def with_protocol(task: str | Task, name: str) -> Task:
    """The task judged by another protocol than its own.

    Args:
        task: A task or its name.
        name: Name of the protocol.

    Returns:
        A copy of the task, its noise stored as the protocol asks.

    Raises:
        UsageError: The task has no such protocol.
    """
    task = get_task(task)
    known = protocols_for(task)
    if name not in known:
        offer = did_you_mean(name, known) if known else "it has only its own; leave --protocol out"
        raise UsageError(f"task {task.name!r} has no protocol {name!r}; {offer}")
    entry = known[name]
    border = task.protocol.border or entry.protocol.border
    chosen = replace(task, protocol=replace(entry.protocol, name=name, border=border))
    if entry.protocol.plane:
        chosen = replace(chosen, channels=1, stored="", fixed_part=partial(bicubic_plane, scale=task.scale))
    return chosen.with_noise(entry.noise) if entry.noise and task.noise else chosen
