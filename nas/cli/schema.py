"""``nas schema``: JSON schemas by which editors complete and check documents."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nas.cli import options as o

KINDS = ("space", "search", "retrain")


def schema_command(
    what: Annotated[str, typer.Argument(help="space, search or retrain.")],
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Write JSON schemas of space documents and configuration files, for editors.

    Example: [bold]nas schema space --out space.schema.json[/bold]

    An editor that reads the comment '# yaml-language-server: $schema=space.schema.json' in the first line of a document
    completes its keys. With --plugin the settings of your own skeletons are in it.
    """
    import json

    from nas.cli.output import wrote
    from nas.errors import UsageError, did_you_mean
    from nas.files import write_text
    from nas.registry import load_plugins

    load_plugins(plugin)
    if what not in KINDS:
        raise UsageError(f"there is no schema of {what!r}; {did_you_mean(what, KINDS)}")
    text = json.dumps(_schema(what), indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, text)
    wrote(out)


def _schema(what: str) -> dict[str, Any]:
    from nas.config.json_schemas import retrain_schema, search_schema
    from nas.space.json_schemas import space_schema

    return {"space": space_schema, "search": search_schema, "retrain": retrain_schema}[what]()
