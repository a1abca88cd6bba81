"""The first error of a validation as one sentence."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from nas.config.hints import way_out
from nas.errors import did_you_mean


def sentence(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Say what is wrong and where, with the nearest valid name if a setting is unknown.

    Args:
        error: What pydantic raised for ``model``.
        model: The model that was validated; its names are offered.
        prefix: Dotted path of the model in the whole configuration.

    Returns:
        One sentence about the first error.
    """
    fault = error.errors()[0]
    # of a setting that may be one of several types, the last part is the type that was tried
    path = [str(part) for part in fault["loc"] if part != "str" and not str(part).startswith("dict[")]
    where = ".".join([*([prefix] if prefix else []), *path])
    if fault["type"] != "extra_forbidden":
        return f"setting {where!r}: {fault['msg'].lower()} (got {fault['input']!r})"
    section = model
    for part in path[:-1]:
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        section = annotation
    nearest, way = did_you_mean(path[-1], section.model_fields), way_out(path[-1])
    return f"unknown setting {where!r}; {f'{way}; {nearest}' if way else nearest}"
