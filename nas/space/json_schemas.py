"""JSON schemas of space documents, for editors, and the table of keys in the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nas.errors import UsageError
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.choices import KEY
from nas.space.open_schema import FORMAT_2, OpenSchema
from nas.space.schema import FORMAT, SpaceSchema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: words by which a document of the manual names the keys of a mapping with free keys
_FREE = "NAME"


def space_schema() -> dict[str, Any]:
    """The JSON schema of a space document of either format; settings of registered skeletons are described."""
    old, new = SpaceSchema.model_json_schema(), OpenSchema.model_json_schema()
    definitions = {**old.pop("$defs", {}), **new.pop("$defs", {})}
    conditions = []
    for name in SKELETONS.names():
        model = SKELETONS.settings(name)
        if model is None:
            continue
        settings = with_choices(model.model_json_schema())
        definitions |= {f"{name}_{key}": _renamed(value, name) for key, value in settings.pop("$defs", {}).items()}
        settings.pop("required", None)  # a preset or an override may add what is missing
        conditions.append(
            {
                "if": {"properties": {"skeleton": {"const": name}}, "required": ["skeleton"]},
                "then": {"properties": {"network": _renamed(settings, name)}},
            }
        )
    new["allOf"] = conditions
    for text in (old, new):
        text["required"] = [key for key in text.get("required", []) if key != "name"]
    return {
        "$schema": DIALECT,
        "title": "search space of jsnas",
        "if": {"properties": {"format": {"const": FORMAT_2}}},
        "then": new,
        "else": {**old, "properties": {**old["properties"], "format": {"enum": [FORMAT, FORMAT_2]}}},
        "$defs": definitions,
    }


def _renamed(schema: Any, prefix: str) -> Any:
    if isinstance(schema, dict):
        return {
            k: v.replace("#/$defs/", f"#/$defs/{prefix}_") if k == "$ref" else _renamed(v, prefix)
            for k, v in schema.items()
        }
    return [_renamed(item, prefix) for item in schema] if isinstance(schema, list) else schema


def with_choices(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of settings in which every single value may be ``{choice: [...]}`` instead."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {k: _or_choice(v) for k, v in made["properties"].items()}
    if "items" in made:
        made["items"] = _or_choice(made["items"])
    if "$defs" in made:
        made["$defs"] = {k: with_choices(v) for k, v in made["$defs"].items()}
    return made


def _or_choice(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") in ("array", "object") or "$ref" in schema:
        return with_choices(schema)
    told: dict[str, Any] = {k: schema[k] for k in ("title", "description", "default") if k in schema}
    plain = {k: v for k, v in schema.items() if k not in told}
    opened = {
        "type": "object",
        "properties": {KEY: {"type": "array", "items": plain, "minItems": 1}},
        "required": [KEY],
        "additionalProperties": False,
    }
    return {**told, "anyOf": [plain, opened]}


# -- the table of the manual ------------------------------------------------------------------------------------


def key_table() -> str:
    """A Markdown table of every key of a document of format 2."""
    schema = OpenSchema.model_json_schema()
    rows = list(_rows(schema, schema.get("$defs", {}), ""))
    return _table(rows)


def settings_table(skeleton: str) -> str:
    """A Markdown table of the settings of a skeleton.

    Raises:
        UsageError: It declares none.
    """
    model = SKELETONS.settings(skeleton)
    if model is None:
        raise UsageError(f"the skeleton {skeleton!r} declares no settings")
    schema = model.model_json_schema()
    return _table(list(_rows(schema, schema.get("$defs", {}), "network")))


def parameter_table() -> str:
    """A Markdown table of all parameters of blocks that a document may leave open."""
    lines = ["| block | parameter | choices | default | meaning |", "|---|---|---|---|---|"]
    seen: set[str] = set()
    for registry in BLOCKS.values():
        for name in registry.names():
            for key, parameter in registry.traits(name).parameters.items() if name not in seen else ():
                choices = ", ".join(f"`{c}`" for c in parameter.choices) or "any"
                lines.append(f"| `{name}` | `{key}` | {choices} | `{parameter.default}` | {parameter.description} |")
            seen.add(name)
    return "\n".join(lines) + "\n"


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    lines = ["| key | values | default | meaning |", "|---|---|---|---|"]
    rows = list(dict.fromkeys(rows))  # cells of both kinds have some keys in common
    lines += [f"| `{key}` | {values} | {default} | {meaning} |" for key, values, default, meaning in rows]
    return "\n".join(lines) + "\n"


def _rows(schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for key, field in schema.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        default = "" if key in required or "default" not in field else f"`{_plain(field['default'])}`"
        if key in required:
            default = "required"
        elif field.get("default") in ("", [], {}) or isinstance(field.get("default"), dict):
            default = ""
        yield here, _values(field, definitions), default, field.get("description", "").replace("|", "\\|")
        for inner, below in _inside(field, definitions, here):
            yield from _rows(inner, definitions, below)


def _inside(field: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Iterator[tuple[Any, str]]:
    """The models inside a field, with the path of their keys."""
    if "$ref" in field:
        yield definitions[field["$ref"].rpartition("/")[2]], path
    for arm in (*field.get("oneOf", ()), *field.get("anyOf", ())):
        yield from _inside(arm, definitions, path)
    if isinstance(field.get("items"), dict):
        yield from _inside(field["items"], definitions, f"{path}[]")
    for value in (field.get("additionalProperties"), *field.get("patternProperties", {}).values()):
        if isinstance(value, dict):
            yield from _inside(value, definitions, f"{path}.{_FREE}")


def _values(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return "mapping"
    if "const" in field or "enum" in field:
        return ", ".join(f"`{_plain(v)}`" for v in field.get("enum", [field.get("const")]))
    arms = [a for a in (*field.get("oneOf", ()), *field.get("anyOf", ())) if a.get("type") != "null"]
    if arms:
        return " or ".join(dict.fromkeys(_values(a, definitions) for a in arms))
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_values(field.get('items', {}), definitions)}"
    words = {"integer": "whole number", "object": "mapping", "boolean": "`true`, `false`", "string": "word"}
    low = field.get("minimum", field.get("exclusiveMinimum"))
    above = (
        "" if low is None else f" {'above' if 'exclusiveMinimum' in field else 'from'} {re.sub(r'[.]0$', '', str(low))}"
    )
    return words.get(kind, kind) + above


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "none" if value is None else str(value)
