"""``nas watch``: a run as it goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from rich.console import Console


def watch_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run or experiment, finished or not.")],
    every: Annotated[float, typer.Option("--every", min=0.1, help="Seconds between updates.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print one page and end.")] = False,
    plugin: o.PluginOption = None,
) -> None:
    """Watch a run or experiment live: loss, PSNR, time left, genotype, and how decided every edge is.

    It ends with the run, or by Ctrl-C.

    Example: [bold]nas watch runs/search[/bold]
    """
    from rich.console import Console

    from nas.registry import load_plugins
    from nas.report.watch.page import watch_page

    load_plugins(plugin)
    console = Console()
    shown, over = watch_page(run)
    if once or over or not console.is_terminal:
        console.print(shown)
        return
    _follow(console, run, every)


def _follow(console: Console, run: Path, every: float) -> None:
    """Refresh until the run is over; the last page stays on the screen."""
    import time

    from rich.live import Live

    from nas.report.watch.page import watch_page

    shown, over = watch_page(run)
    try:
        with Live(shown, console=console, screen=True, auto_refresh=False) as live:
            while not over:
                time.sleep(every)
                shown, over = watch_page(run)
                live.update(shown, refresh=True)
    except KeyboardInterrupt:
        pass
    console.print(shown)
