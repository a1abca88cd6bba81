"""``nas derive``: the genotype of a search run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def derive_command(
    run: Annotated[Path, typer.Argument(help="Run folder of a search.")],
    max_params: o.MaxParamsOption = None,
    max_macs: o.MaxMacsOption = None,
    max_latency: o.MaxLatencyOption = None,
    latency_table: o.LatencyTableOption = None,
    select: Annotated[
        str,
        typer.Option(
            "--select",
            help="weights: the most probable candidates; perturbation: those whose removal costs the supernet most.",
        ),
    ] = "weights",
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Derive the genotype of a search run, finished or not.

    Example: [bold]nas derive runs/mine --out genotype.json[/bold]
    By what each candidate contributes: [bold]nas derive runs/mine --select perturbation --out perturbed.json[/bold]
    The best one within a limit: [bold]nas derive runs/mine --max-params 250k --out small.json[/bold]
    """
    from nas.cli.output import begins, cost_line, ends
    from nas.config.search import LimitSettings
    from nas.engines.derive import derive
    from nas.registry import load_plugins
    from nas.tasks import get_task
    from nas.train.recorded import recorded_space
    from nas.train.run import Run

    load_plugins(plugin)

    limits = LimitSettings(
        params=max_params,
        macs=max_macs,
        latency=max_latency,
        latency_table=None if latency_table is None else str(latency_table),
    )
    limited = any((limits.params, limits.macs, limits.latency))
    # a genotype under another limit, or selected in another way, is not the run's own
    suffix = ("-limited" if limited else "") + (f"-{select}" if select != "weights" else "")
    target = out or run / f"genotype{suffix}.json"
    bounds = ", ".join(f"{k} {v:g}" for k, v in limits.model_dump().items() if isinstance(v, float))
    task = get_task(Run.open(run).settings.task)
    begins(f"derive the genotype of {run} for {task.name}{f' within {bounds}' if bounds else ''}; into {target}")
    genotype = derive(run, target, limits if limited else None, select)
    typer.echo(genotype.to_text())
    found = recorded_space(run)
    cost = cost_line(found.network(genotype, task), task) if found is not None else ""
    ends(target, "nas", "retrain", str(run if out is None and not limited else target), "--task", task.name, cost=cost)
