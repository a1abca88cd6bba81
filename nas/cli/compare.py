"""nas compare"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.evaluation.rows import EvaluationRow
    from nas.report.scenes import Scene

EXAMPLE = """Tables and figures from evaluation rows; with --crops, details of every model side by side.

Example: [bold]nas compare rows.csv --out comparison[/bold]

Example: [bold]nas compare --crops mine=runs/a/weights.safetensors bicubic --task sr_x2 --sets Set5 --data benchmarks[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def compare(
        sources: Annotated[
            list[str] | None,
            typer.Argument(
                help="CSV files of rows, or folders that hold a rows.csv. With --crops also weights files, NAME=weights file, run folders and names of models."
            ),
        ] = None,
        task: o.Task = None,
        set_name: Annotated[
            str | None, typer.Option("--set-name", help="Set of the figures; default: the first one measured.")
        ] = None,
        published: Annotated[
            bool, typer.Option("--published/--no-published", help="Put the published numbers beside ours, marked.")
        ] = True,
        crops: Annotated[bool, typer.Option("--crops", help="Draw details of every model with PSNR.")] = False,
        images: Annotated[
            Path | None, typer.Option("--images", help="--crops: folder written by 'nas evaluate --save-images'.")
        ] = None,
        sets: Annotated[
            list[str] | None, typer.Option("--sets", help="--crops: benchmark sets to restore; 'sample' needs no data.")
        ] = None,
        data: Annotated[
            Path | None, typer.Option("--data", "-d", help="--crops: folder that holds the benchmark sets.")
        ] = None,
        picture: Annotated[
            list[str] | None,
            typer.Option("--picture", help="--crops: picture by name (may be repeated), e.g. Set5/baby."),
        ] = None,
        pictures: Annotated[int, typer.Option("--pictures", min=1, help="--crops: how many pictures, if unnamed.")] = 3,
        region: Annotated[
            list[str] | None,
            typer.Option(
                "--region",
                help="--crops: x,y,w,h in pixels of the true image (may be repeated); default: where the models disagree most.",
            ),
        ] = None,
        regions: Annotated[
            int, typer.Option("--regions", min=1, help="--crops: how many regions, if none is given.")
        ] = 1,
        size: Annotated[int, typer.Option("--size", min=8, help="--crops: side of a chosen region in pixels.")] = 64,
        error_maps: Annotated[
            bool, typer.Option("--error-maps", help="--crops: below each detail, where it is wrong.")
        ] = False,
        dpi: Annotated[int, typer.Option("--dpi", min=20, help="--crops: of the PNG; 300 is for print.")] = 300,
        plugin: o.Plugin = None,
        device: o.Device = None,
        out: o.Out = None,
    ) -> None:
        from nas.errors import UsageError
        from nas.registry import load_plugins

        load_plugins(plugin)
        rows, models = _sort(sources or [])
        folder = out or Path("comparison")
        if models and not crops:
            raise UsageError(
                f"{models[0]!r} holds no evaluation rows; measure it with 'nas evaluate', or draw it with --crops"
            )
        if not crops and (error_maps or region or images):
            raise UsageError("--images, --region and --error-maps belong to --crops; add it")
        if rows or not crops:
            _tables(rows, task, set_name, published, folder)
        if crops:
            from nas.report.crop_figures import write_crop_figures
            from nas.report.figures.regions import parse_region

            boxes = [parse_region(text) for text in region or ()]
            found = _scenes(rows, models, task, images, sets, data, picture or [], pictures, device or "cpu")
            written = write_crop_figures(
                found, folder, regions=boxes, size=size, count=regions, error_maps=error_maps, dpi=dpi
            )
            for path in written:
                typer.echo(str(path))
        o.wrote(folder)


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
    from nas.report.comparison import compare
    from nas.report.published import load_published

    result = compare(rows, load_published() if published else [], folder, task=task, set_name=set_name)
    typer.echo(result.markdown)
    for path in result.files:
        typer.echo(str(path))


def _scenes(
    rows: Sequence[EvaluationRow],
    models: Sequence[str],
    task: str | None,
    images: Path | None,
    sets: list[str] | None,
    data: Path | None,
    wanted: Sequence[str],
    most: int,
    device: str,
) -> list[Scene]:
    from nas.cli.evaluate import _named, _task_of
    from nas.errors import UsageError
    from nas.report.scenes import scenes_from_images, scenes_from_models

    if images is not None and models:
        raise UsageError("--crops takes either models or a folder with --images, not both")
    if images is not None:
        order = list(dict.fromkeys(row.model for row in rows))
        return scenes_from_images(images, task, data, wanted=wanted, order=order, most=most)
    names = [part for text in sets or ["sample"] for part in text.replace(",", " ").split()]
    chosen = task or _task_of(list(models))
    return scenes_from_models([_named(m) for m in models], chosen, names, data, wanted=wanted, most=most, device=device)
