"""The tasks that come with the platform."""

from __future__ import annotations

from functools import partial

from nas.registry import TASKS
from nas.tasks.degradations import (
    bicubic,
    blind_noise,
    blur_and_pick,
    gaussian_noise,
    jpeg,
    mixture,
    synthetic_haze,
    synthetic_rain,
)
from nas.tasks.protocol import Protocol
from nas.tasks.task import Task

_SR_SETS = ("Set5", "Set14", "B100")


def _super_resolution() -> list[Task]:
    tasks = [
        Task(
            f"sr_x{s}",
            f"super-resolution x{s}, bicubic",
            "sr",
            scale=s,
            fixed_part=partial(bicubic, scale=s),
            protocol=Protocol("y", border=s),
            sets=_SR_SETS,
            stored="LR_bicubic",
        )
        for s in (2, 3, 4)
    ]
    tasks.append(
        Task(
            "sr_x3_bd",
            "super-resolution x3, blur 1.6 and direct down-sampling",
            "sr",
            scale=3,
            fixed_part=blur_and_pick,
            protocol=Protocol("y", border=3),
            sets=_SR_SETS,
            stored="LR_BD",
        )
    )
    tasks.append(
        Task(
            "sr_x3_dn",
            "super-resolution x3, bicubic and noise 30",
            "sr",
            scale=3,
            fixed_part=partial(bicubic, scale=3),
            random_part=partial(gaussian_noise, sigma=30.0, clip=True),  # the noisy input is an 8-bit image
            protocol=Protocol("y", border=3),
            sets=_SR_SETS,
            stored="LR_DN",
        )
    )
    return tasks


def _denoising() -> list[Task]:
    grey = [
        Task(
            f"denoise_gray_{s}",
            f"grey denoising, sigma {s}",
            "denoise",
            channels=1,
            random_part=partial(gaussian_noise, sigma=float(s)),
            protocol=Protocol("gray"),
            sets=("Set12", "BSD68"),
            cost_output=(320, 480),
        )
        for s in (10, 15, 25, 30, 50, 70)
    ]
    colour = [
        Task(
            f"denoise_color_{s}",
            f"colour denoising, sigma {s}",
            "denoise",
            random_part=partial(gaussian_noise, sigma=float(s)),
            protocol=Protocol("rgb"),
            sets=("CBSD68", "Kodak24", "McMaster"),
            cost_output=(320, 480),
        )
        for s in (15, 25, 30, 50, 70)
    ]
    blind = Task(
        "denoise_color_blind",
        "colour denoising, sigma 0 to 55",
        "denoise",
        random_part=blind_noise,
        protocol=Protocol("rgb"),
        sets=("CBSD68", "Kodak24", "McMaster"),
        cost_output=(320, 480),
    )
    return [*grey, *colour, blind]


def _others() -> list[Task]:
    deblocking = [
        Task(
            f"jpeg_q{q}",
            f"JPEG deblocking, quality {q}",
            "jpeg",
            channels=1,
            fixed_part=partial(jpeg, quality=q),
            protocol=Protocol("gray", psnr_b=True),
            sets=("Classic5", "LIVE1"),
            cost_output=(320, 480),
        )
        for q in (10, 20, 30, 40)
    ]
    weather = [
        Task(
            "derain",
            "rain removal",
            "derain",
            random_part=synthetic_rain,
            paired=True,
            protocol=Protocol("y"),
            sets=("rain",),
            cost_output=(320, 480),
        ),
        Task(
            "dehaze",
            "haze removal",
            "dehaze",
            random_part=synthetic_haze,
            paired=True,
            protocol=Protocol("rgb"),
            sets=("haze",),
            cost_output=(460, 620),
        ),
        Task(
            "all_in_one",
            "noise, rain and haze by one network",
            "all_in_one",
            random_part=mixture,
            paired=True,
            protocol=Protocol("rgb"),
            sets=("CBSD68", "rain", "haze"),
            cost_output=(256, 256),
        ),
    ]
    return [*deblocking, *weather]


def provide() -> None:
    """Register every built-in task; called once by the registry."""
    for task in [*_super_resolution(), *_denoising(), *_others()]:
        if task.name not in TASKS.names():
            TASKS.add(task.name, task)
