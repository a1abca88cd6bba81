"""The reference of settings and of the columns of a row, from the models themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

from _manual.commands import escaped
from nas.config.runs import RetrainSettings, SearchSettings
from nas.config.search import SearchOptions
from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.registry import ESTIMATORS, STRATEGIES

HEAD = "| setting | values | default | meaning |\n|---|---|---|---|"


def settings_pages() -> str:
    """Sections for a search, for each strategy and estimator, and for a training."""
    parts = ["## Settings of a search", "", HEAD, *rows(SearchSettings), ""]
    parts += [
        "Keys of the search itself under `search`; those of the chosen strategy and estimator follow.",
        "",
    ]
    parts += [HEAD, *rows(SearchOptions, "search."), ""]
    for title, registry in (("strategy", STRATEGIES), ("estimator", ESTIMATORS)):
        for name in registry.names():
            try:
                model = registry.get(name).Settings
            except (ImportError, NasError):  # it needs an extra that is not installed
                continue
            if model.model_fields:
                parts += [f"### {title.capitalize()} `{name}`", "", HEAD, *rows(model, "search."), ""]
    parts += ["## Settings of a training", "", HEAD, *rows(RetrainSettings), ""]
    return "\n".join(parts)


def rows(model: Any, prefix: str = "") -> Iterator[str]:
    """Lines of a table, one for each setting of a model and of the groups inside it."""
    schema = model.model_json_schema()
    yield from lines(schema, schema.get("$defs", {}), prefix)


def lines(schema: dict[str, Any], definitions: dict[str, Any], prefix: str) -> Iterator[str]:
    """The lines of one group; the groups inside it follow where they stand."""
    for key, field in schema.get("properties", {}).items():
        inner = group_of(field, definitions)
        if inner is None:
            default = "" if "default" not in field else f"`{shown(field['default'])}`"
            meaning = escaped(field.get("description", ""))
            yield f"| `{prefix}{key}` | {kinds(field, definitions)} | {default} | {meaning} |"
        elif inner.get("title") != SearchOptions.__name__:
            yield from lines(inner, definitions, f"{prefix}{key}.")


def group_of(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of the group that a field is; None for a single setting."""
    found = field.get("$ref")
    if found is None and len(field.get("allOf", [])) == 1:
        found = field["allOf"][0].get("$ref")
    inner = definitions[found.rpartition("/")[2]] if found else None
    return inner if inner and "properties" in inner else None


def kinds(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The kinds of values that a field takes, in words."""
    if "anyOf" in field:
        found = [kinds(f, definitions) for f in field["anyOf"] if f.get("type") != "null"]
        return " or ".join(dict.fromkeys(found))
    if "$ref" in field:
        return kinds(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{v}`" for v in field.get("enum", [field.get("const")]))
    words = {
        "integer": "whole number",
        "string": "text",
        "boolean": "`true`, `false`",
        "array": "list",
        "object": "mapping",
    }
    kind = str(field.get("type", "any"))
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    limits = [f"{word} {field[key]:g}" for key, word in bounds.items() if key in field]
    return " ".join([words.get(kind, kind), *limits])


def shown(value: Any) -> str:
    """A default as YAML writes it."""
    return (
        {None: "none", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, list | dict)
        else str(value)
    )


def row_columns() -> str:
    """A table of the columns of an evaluation row, from its docstring."""
    text = (getdoc(EvaluationRow) or "").partition("Attributes:")[2]
    found = re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\w|\Z)", text, re.M | re.S)
    lines = ["| column | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {escaped(' '.join(meaning.split()).replace('``', '`'))} |" for name, meaning in found]
    return "\n".join(lines) + "\n"
