"""``nas show``: a space, a genotype or a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.space import Genotype, Space

#: random networks whose costs are counted for the range that is shown
SAMPLED = 8


def show_command(
    what: Annotated[
        str, typer.Argument(help="Space (name or YAML), genotype (name or JSON), weights file, run folder, or recipe.")
    ],
    preset: o.PresetOption = None,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
    task: Annotated[str, typer.Option("--task", help="Spaces: the task for which costs are counted.")] = "sr_x2",
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures", help="Folders of runs or experiments: write the diagnostic figures and the animation here."
        ),
    ] = None,
) -> None:
    """Show a space, a genotype or a run; draw a derived cell (--out) or the course of a run (--figures).

    Example: [bold]nas show jsnet_released --out cell.png[/bold]

    Example: [bold]nas show runs/search --figures figures[/bold]
    """
    from nas.cli.output import wrote
    from nas.config.recipes import recipe_names, recipe_text
    from nas.errors import UsageError
    from nas.registry import load_plugins
    from nas.space import Genotype

    load_plugins(plugin)
    if what in recipe_names():
        typer.echo(recipe_text(what), nl=False)
        return
    if figures is not None:
        from nas.report.run_figures import write_run_figures

        for path in write_run_figures(what, figures):
            typer.echo(str(path))
        wrote(figures)
        return
    if (Path(what) / "campaign.yaml").is_file():
        raise UsageError(f"{what!r} is an experiment; look at it with 'nas watch {what} --once' or 'nas report {what}'")
    thing = _find(what, preset)
    if isinstance(thing, str):
        typer.echo(thing)
    elif isinstance(thing, Genotype):
        typer.echo(thing.to_text())
        if out is not None:
            _draw(thing, out)
            wrote(out)
    else:
        _show_space(thing, task)
        if out is not None:
            raise UsageError(f"a space has no single cell to draw; draw a genotype: nas show GENOTYPE --out {out}")


def _draw(genotype: Genotype, out: Path) -> None:
    from nas.errors import UsageError
    from nas.files import replacing
    from nas.report.figures.cell import draw_cell
    from nas.report.figures.style import figure_bytes

    kind = out.suffix.lstrip(".") or "png"
    if kind not in ("pdf", "svg", "png"):
        raise UsageError(f"cannot draw into {out.name!r}; use a name that ends in .pdf, .svg or .png")
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = figure_bytes(draw_cell(genotype), kind, 200)
    with replacing(out) as partial:
        partial.write_bytes(drawn)


def _find(what: str, preset: str | None) -> Genotype | Space | str:
    from nas.errors import UsageError
    from nas.space import GENOTYPES, Genotype, load_genotype, load_space

    path = Path(what)
    if path.is_dir():
        return _run(path)
    if path.suffix == ".safetensors":
        from nas.models.weights import part_of, read_metadata

        metadata = read_metadata(path)
        if not metadata.get("genotype"):
            raise UsageError(f"{what!r} contains a fixed baseline, which has no genotype")
        return Genotype.from_json(part_of(metadata, "genotype", path), what)
    if path.suffix == ".json":
        return Genotype.load(path)
    return load_genotype(what) if what in GENOTYPES else load_space(what, preset=preset)


def _run(path: Path) -> Genotype | str:
    from nas.space import Genotype
    from nas.train.events import EVENTS, read_log
    from nas.train.run import Run

    run = Run.open(path)
    typer.echo(
        f"{run.kind} run, task {run.settings.task}, seed {run.settings.seed}, {'finished' if run.finished else 'not finished'}"
    )
    log = read_log(path / EVENTS)
    if damage := log.damage(path / EVENTS):
        typer.echo(f"warning: {damage}", err=True)
    for entry in run.history():
        changed = [f"{key} {before} -> {after}" for key, (before, after) in entry.get("changes", {}).items()]
        forced = [f"although {clause}" for clause in entry.get("forced", ())]
        typer.echo(f"resumed at step {entry.get('step')} with " + ", ".join([*changed, *forced]))
    for kind in ("train", "validation", "warning", "doubt"):
        found = [e for e in log.events if e["kind"] == kind]
        if found:
            last = {
                k: round(v, 4) if isinstance(v, float) else v for k, v in found[-1].items() if k not in ("kind", "step")
            }
            typer.echo(
                f"last {kind} event, step {found[-1]['step']}: " + ", ".join(f"{k} {v}" for k, v in last.items())
            )
    file = path / "genotype.json"
    return Genotype.load(file) if file.is_file() else "no genotype yet"


def _show_space(space: Space, task: str) -> None:
    typer.echo(f"space {space.name}, {space.size_in_words}, hash {space.hash}")
    for name, cell in space.positions()[0].items():
        kept = "" if cell.keep is None else f", {cell.keep} edges of a node kept"
        shape = (
            f"{cell.nodes} slots"
            if cell.role == "chain"
            else f"{cell.nodes} nodes, {len(cell.edges)} edges, merge {cell.merge}"
        )
        shared = {"all": "", "stage": ", one for each stage", "cell": ", one for each position"}[space.share]
        typer.echo(
            f"{name}: {shape}{kept}{shared}, partial channels 1/{cell.relaxation.partial_channels}, edge weights {'on' if cell.relaxation.edge_weights else 'off'}"
        )
        for edge in cell.edges:
            typer.echo(f"  {edge.source} -> {edge.target}: {', '.join(edge.candidates)}")
    opened = {d.name: d for d in space.open_settings}
    for decision in opened.values():
        typer.echo(f"{decision.name}: {', '.join(map(str, decision.choices))} ({decision.kind})")
    settings = space.network_settings.model_dump()
    fixed = [
        f"{k} {v}"
        for k, v in settings.items()
        if v is not None and not any(n.startswith(f"network.{k}") for n in opened)
    ]
    typer.echo("network: " + ", ".join(fixed or ["every setting is open"]))
    if space.limits:
        typer.echo("limits: " + ", ".join(f"{name} {value:,.0f}" for name, value in space.limits.items()))
    typer.echo(_costs(space, task))


def _costs(space: Space, task: str) -> str:
    """The range of costs of some random networks."""
    from nas.errors import NasError
    from nas.objectives.costs import GenotypeCosts
    from nas.tasks import get_task

    try:
        costs = GenotypeCosts(space, get_task(task))
        found = [costs.of(space.sample(seed)) for seed in range(SAMPLED)]
    except NasError as error:
        return f"costs are unknown: {error}"
    ends = {name: (min(c[name] for c in found), max(c[name] for c in found)) for name in ("params", "macs")}
    (least, most), (low, high) = ends["params"], ends["macs"]
    return (
        f"{SAMPLED} random networks for {task}: {least:,.0f} to {most:,.0f} parameters, {low / 1e9:.2f} to "
        f"{high / 1e9:.2f} G multiply-adds"
    )
