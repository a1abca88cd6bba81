"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.quantities import parse_count, parse_duration, parse_milliseconds, quantity


def device_here(device: str | None) -> str | None:
    """The value of ``--device`` in every command: one that is on this machine, ``auto`` found out.

    Raises:
        UsageError: It is not here; the message lists what is.
    """
    if device is None:
        return None
    from nas.machine import check_device

    return check_device(device)


def device_to_time(device: str | None) -> str:
    """The device of a command that times networks: the one that was given, else cuda where it is here, else the CPU."""
    from nas.machine import devices

    return device or ("cuda" if "cuda" in devices() else "cpu")


TaskOption = Annotated[
    str | None, typer.Option("--task", "-t", help="What is restored, e.g. sr_x2 ('nas list tasks').")
]
DataOption = Annotated[
    list[str] | None,
    typer.Option("--data", "-d", help="Folder of training images; may be repeated."),
]
CleanOption = Annotated[
    list[str] | None,
    typer.Option(
        "--clean",
        help="Folder of clean images, whatever its name: those of pairs with --degraded, otherwise clean images only.",
    ),
]
DegradedOption = Annotated[
    list[str] | None, typer.Option("--degraded", help="Folder of the degraded images that belong to --clean.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
StepsOption = Annotated[int | None, typer.Option("--steps", help="Length of the training in steps.")]
TimeOption = Annotated[
    float | None,
    quantity(
        "--time", parse_duration, "Stop after this much work, e.g. 90s, 30m or 1h30m, whatever the number of steps."
    ),
]
LearningRateOption = Annotated[float | None, typer.Option("--lr", help="Learning rate.")]
BatchOption = Annotated[int | None, typer.Option("--batch", help="Patches per step (per process under torchrun).")]
PatchOption = Annotated[
    int | None, typer.Option("--patch", help="Side of the target patch in pixels, a multiple of the scale.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        help="cpu, cuda, cuda:N, mps, or auto: the first of cuda, mps and cpu that this machine has.",
        show_default="auto",
        callback=device_here,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads of torch; by default one for searches and trainings on up to 4 cores, else torch's own choice.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="YAML file of settings (a run's config.yaml fits), or a recipe ('nas list recipes')."
    ),
]
AssignOption = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting, dotted: --set train.optimizer.lr=5e-4. May be repeated.")
]
PluginOption = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="Python file or module with your own blocks, tasks, models; may be repeated."),
]
SpaceOption = Annotated[
    str | None, typer.Option("--space", "-s", help="Registered space or path of a YAML document ('nas list spaces').")
]
PresetOption = Annotated[str | None, typer.Option("--preset", help="Preset of the space, e.g. code or paper.")]
CellsOption = Annotated[int | None, typer.Option("--cells", help="Number of cells L.")]
WidthOption = Annotated[int | None, typer.Option("--width", help="Base width C.")]
MaxParamsOption = Annotated[int | None, quantity("--max-params", parse_count, "Most parameters, e.g. 300k.")]
MaxMacsOption = Annotated[
    int | None, quantity("--max-macs", parse_count, "Most multiply-adds at the task's output size, e.g. 60G.")
]
MaxLatencyOption = Annotated[
    float | None, quantity("--max-latency", parse_milliseconds, "Most milliseconds by the latency table.")
]
LatencyTableOption = Annotated[
    Path | None, typer.Option("--latency-table", help="File written by 'nas profile --latency-table'.")
]
BenchmarkDataOption = Annotated[
    Path | None, typer.Option("--data", "-d", help="Folder that contains the benchmark sets.")
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.")]
ResumeOption = Annotated[
    Path | None, typer.Option("--resume", help="Run folder to continue; other flags change how it continues.")
]
ForceOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Resume even though images, space, plug-ins or versions differ from the recorded ones."
    ),
]
JobsOption = Annotated[
    int, typer.Option("--jobs", help="Runs at the same time, each in a process of its own (set --threads too).")
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Build everything, print costs, memory and the whole configuration; train nothing."),
]
