"""Options that several verbs share, each defined once."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

Task = Annotated[str | None, typer.Option("--task", "-t", help="What is restored, e.g. sr_x2 ('nas list tasks').")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data", "-d", help="Folder of training images; may be repeated. Default: the photographs inside scikit-image."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Length of the training in steps.")]
Time = Annotated[
    str | None, typer.Option("--time", help="End after this much work, e.g. 90s, 30m or 2h, whatever the steps.")
]
Batch = Annotated[int | None, typer.Option("--batch", help="Patches a step, of each process under torchrun.")]
Patch = Annotated[
    int | None, typer.Option("--patch", help="Side of the target patch in pixels, a multiple of the scale.")
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="CPU threads of torch.")]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file of settings (a run's config.yaml fits).")]
Assign = Annotated[
    list[str] | None, typer.Option("--set", help="Any setting, dotted: --set train.optimizer.lr=5e-4. May be repeated.")
]
Plugin = Annotated[
    list[str] | None, typer.Option("--plugin", help="Python file or module with your own blocks; may be repeated.")
]
Space = Annotated[
    str | None, typer.Option("--space", "-s", help="Registered space or path of a YAML document ('nas list spaces').")
]
Preset = Annotated[str | None, typer.Option("--preset", help="Preset of the space, e.g. code or paper.")]
Cells = Annotated[int | None, typer.Option("--cells", help="Number of cells L.")]
Width = Annotated[int | None, typer.Option("--width", help="Base width C.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.")]
Resume = Annotated[Path | None, typer.Option("--resume", help="Run folder of an interrupted run to continue.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Build everything, print costs, memory and the whole configuration; train nothing."),
]


def wrote(path: object) -> None:
    """The last line of a verb: the artefact it wrote."""
    typer.echo(f"wrote {path}")


def command_line() -> str:
    """The command as typed, for rows: the program's name without its folder."""
    return shlex.join(["nas", *sys.argv[1:]])


def config_tree(path: Path | None) -> dict[str, object] | None:
    """Settings of a YAML file, without the ``kind`` that a run's own config.yaml begins with."""
    from nas.config.reading import read_yaml

    if path is None:
        return None
    tree = dict(read_yaml(path))
    tree.pop("kind", None)
    return tree
