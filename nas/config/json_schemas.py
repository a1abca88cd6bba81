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
    return _partial(schema)


def retrain_schema() -> dict[str, Any]:
    """The JSON schema of ``config.yaml`` of a training."""
    return _partial(RetrainSettings.model_json_schema())


def _partial(schema: dict[str, Any]) -> dict[str, Any]:
    """A file may leave anything to the command line."""
    schema.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
