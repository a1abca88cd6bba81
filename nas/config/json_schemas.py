"""JSON schemas of configuration files, for editors."""

from __future__ import annotations

from typing import Any

from nas.config.runs import RetrainSettings, SearchSettings
from nas.config.search import SearchOptions
from nas.errors import NasError
from nas.registry import ESTIMATORS, STRATEGIES


def search_schema() -> dict[str, Any]:
    """The JSON schema of a search's ``config.yaml``, the keys of all strategies and estimators under ``search``."""
    schema = SearchSettings.model_json_schema()
    definitions = schema["$defs"]
    options = definitions[SearchOptions.__name__]
    for registry in (STRATEGIES, ESTIMATORS):
        for name in registry.names():
            try:
                own = registry.get(name).Settings.model_json_schema()
            except (ImportError, NasError):  # it needs an extra that is not installed
                continue
            for key, value in own.pop("$defs", {}).items():
                definitions.setdefault(key, value)
            for key, value in own.get("properties", {}).items():
                options["properties"].setdefault(key, value)
    options["additionalProperties"] = False
    return _partial(schema, "search")


def retrain_schema() -> dict[str, Any]:
    """The JSON schema of ``config.yaml`` of a training."""
    return _partial(RetrainSettings.model_json_schema(), "retrain")


def _partial(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """A file may leave anything to the command line, say what it is of, and say other things of some tasks."""
    schema.pop("required", None)
    for definition in schema["$defs"].values():
        definition.pop("required", None)
    schema["properties"] = {
        "kind": {"const": kind, "description": "what the settings are of"},
        **schema["properties"],
        "tasks": {
            "type": "object",
            "description": "settings for tasks by name or wildcard, laid over the others",
            "additionalProperties": {"$ref": "#"},
        },
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
