"""``nas compare``: tables, figures and crops of several models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.evaluation.rows import EvaluationRow
    from nas.report.scenes import Scene

_Sources = Annotated[
    list[str] | None,
    typer.Argument(
        help="CSV files of rows, or folders that hold a rows.csv. With --crops also weights files, NAME=weights file, run folders and names of models."
    ),
]
_SetName = Annotated[
    str | None, typer.Option("--set-name", help="Set of the figures; default: the first one measured.")
]
_Published = Annotated[
    bool, typer.Option("--published/--no-published", help="Put the published numbers beside ours, marked.")
]
_Crops = Annotated[bool, typer.Option("--crops", help="Draw details of every model with PSNR.")]
_Images = Annotated[
    Path | None, typer.Option("--images", help="--crops: folder written by 'nas evaluate --save-images'.")
]
_Sets = Annotated[
    list[str] | None, typer.Option("--sets", help="--crops: benchmark sets to restore; 'sample' needs no data.")
]
_Data = Annotated[Path | None, typer.Option("--data", "-d", help="--crops: folder that contains the benchmark sets.")]
_Picture = Annotated[
    list[str] | None,
    typer.Option("--picture", help="--crops: picture by name (may be repeated), e.g. Set5/baby."),
]
_Pictures = Annotated[int, typer.Option("--pictures", min=1, help="--crops: how many pictures, if none is named.")]
_Region = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        help="--crops: x,y,w,h in pixels of the true image (may be repeated); default: where the models disagree most.",
    ),
]
_Regions = Annotated[int, typer.Option("--regions", min=1, help="--crops: how many regions, if none is given.")]
_Side = Annotated[int, typer.Option("--size", min=8, help="--crops: side of a chosen region in pixels.")]
_ErrorMaps = Annotated[bool, typer.Option("--error-maps", help="--crops: below each detail a map of its errors.")]
_Dpi = Annotated[
    int, typer.Option("--dpi", min=20, help="--crops: resolution of the PNG in dots an inch; 300 is for print.")
]


def compare_command(
    sources: _Sources = None,
    task: o.TaskOption = None,
    set_name: _SetName = None,
    published: _Published = True,
    crops: _Crops = False,
    images: _Images = None,
    sets: _Sets = None,
    data: _Data = None,
    picture: _Picture = None,
    pictures: _Pictures = 3,
    region: _Region = None,
    regions: _Regions = 1,
    size: _Side = 64,
    error_maps: _ErrorMaps = False,
    dpi: _Dpi = 300,
    plugin: o.PluginOption = None,
    device: o.DeviceOption = None,
    out: o.OutOption = None,
) -> None:
    """Make tables and figures from evaluation rows; with --crops, show details of every model side by side.

    Example: [bold]nas compare rows.csv --out comparison[/bold]

    Example: [bold]nas compare --crops mine=runs/a/weights.safetensors bicubic --task sr_x2 --sets Set5 --data benchmarks[/bold]
    """
    from nas.cli.names import set_names
    from nas.cli.output import begins, ends, listed
    from nas.errors import UsageError
    from nas.registry import load_plugins

    load_plugins(plugin)
    rows, models = _sort(sources or [])
    folder = out or Path("comparison")
    if models and not crops:
        raise UsageError(
            f"{models[0]!r} contains no evaluation rows; measure it with 'nas evaluate', or draw it with --crops"
        )
    if not crops and (error_maps or region or images):
        raise UsageError("--images, --region and --error-maps belong to --crops; add it")
    if crops and bool(models) == (images is not None):
        raise UsageError("--crops takes either models or a folder with --images; give one of them")
    what = [f"{len(rows)} evaluation rows"] if rows else []
    what += [f"details of {listed(models) or images}"] if crops else []
    begins(f"compare {' and '.join(what) or 'nothing'}; into {folder}")
    if rows or not crops:
        _tables(rows, task, set_name, published, folder)
    if crops:
        from nas.report.crop_figures import write_crop_figures
        from nas.report.figures.regions import parse_region

        boxes = [parse_region(text) for text in region or ()]
        names = set_names(sets or ["sample"])
        wanted = _Wanted(task, images, names, data, picture or (), pictures, device or "auto")
        scenes = _scenes(rows, models, wanted)
        written = write_crop_figures(
            scenes, folder, regions=boxes, size=size, count=regions, error_maps=error_maps, dpi=dpi
        )
        for path in written:
            typer.echo(str(path))
    tables = [source for source in sources or () if source not in models]
    ends(folder, *(("nas", "report", *tables) if tables else ()))


def _sort(sources: Sequence[str]) -> tuple[list[EvaluationRow], list[str]]:
    """Rows of the sources that hold some, and the other sources, which must be models."""
    from nas.evaluation.rows import read_rows

    rows: list[EvaluationRow] = []
    models: list[str] = []
    for source in sources:
        path = Path(source)
        if path.suffix == ".csv":
            rows += read_rows(path)
        elif (path / "rows.csv").is_file():
            rows += read_rows(path / "rows.csv")
        else:
            models.append(source)
    return rows, models


def _tables(
    rows: Sequence[EvaluationRow], task: str | None, set_name: str | None, published: bool, folder: Path
) -> None:
    from nas.report.comparison import write_comparison
    from nas.report.published import load_published

    result = write_comparison(rows, load_published() if published else [], folder, task=task, set_name=set_name)
    typer.echo(result.markdown)
    for path in result.files:
        typer.echo(str(path))
    for note in result.notes:
        typer.echo(note)


@dataclass(frozen=True)
class _Wanted:
    """Which pictures are drawn, and where their restorations come from: saved images or models on a device."""

    task: str | None
    images: Path | None
    sets: Sequence[str]
    data: Path | None
    pictures: Sequence[str]
    most: int
    device: str


def _scenes(rows: Sequence[EvaluationRow], models: Sequence[str], what: _Wanted) -> list[Scene]:
    from nas.cli.names import named_model, task_of
    from nas.report.scenes import scenes_from_images, scenes_from_models

    if what.images is not None:
        order = list(dict.fromkeys(row.model for row in rows))
        return scenes_from_images(what.images, what.task, what.data, wanted=what.pictures, order=order, most=what.most)
    return scenes_from_models(
        [named_model(model) for model in models],
        what.task or task_of(models),
        list(what.sets),
        what.data,
        wanted=what.pictures,
        most=what.most,
        device=what.device,
    )
