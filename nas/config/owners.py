"""The settings under ``search``, checked against the models of the chosen strategy and estimator.

Every key has an owner: the strategy, the estimator, or the search itself (``SearchOptions``). A key of another
registered strategy or estimator is kept if its value is not the default, because a comparison of strategies may set it
for one of its variants. ``foreign`` names such keys for commands in which they would have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from nas.config.faults import sentence
from nas.config.merging import merged
from nas.config.runs import SearchSettings
from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.errors import NasError, UsageError, did_you_mean
from nas.registry import ESTIMATORS, STRATEGIES


def owners(settings: SearchSettings) -> dict[str, type[Section]]:
    """The owners of keys under ``search`` in this search.

    Returns:
        Their names as messages say them ("strategy 'gdas'", "estimator 'train'") and their models.

    Raises:
        UsageError: The strategy or the estimator is unknown.
    """
    return {
        f"strategy {settings.strategy!r}": STRATEGIES.get(settings.strategy).Settings,
        f"estimator {settings.search.estimator!r}": ESTIMATORS.get(settings.search.estimator).Settings,
    }


def with_owned_settings(settings: SearchSettings) -> SearchSettings:
    """Check the settings under ``search``, and complete them with the defaults of their owners.

    Returns:
        The checked and completed settings.

    Raises:
        UsageError: A key has no owner, or its value is not valid.
    """
    chosen = owners(settings)
    given = dict(settings.search.model_extra or {})
    whole: dict[str, Any] = {}
    for model in chosen.values():
        whole |= _checked(model, given)
    for key in [k for k in given if k not in whole]:
        others = dict(_owners_of(key))
        if not others:
            known = [*SearchOptions.model_fields, *whole]
            raise UsageError(f"unknown setting 'search.{key}'; {did_you_mean(key, known)}")
        value = _checked(next(iter(others.values())), {key: given[key]})[key]
        if all(value != _default(model, key) for model in others.values()):
            whole[key] = value
    common = {name: getattr(settings.search, name) for name in SearchOptions.model_fields}
    return settings.model_copy(update={"search": SearchOptions.model_validate({**common, **whole})})


def with_strategy(settings: SearchSettings, strategy: str, **search: Any) -> SearchSettings:
    """The same search by another strategy.

    Args:
        settings: The search as it is.
        strategy: Name of the new strategy; its defaults replace the settings that only the old one had.
        search: Further changes under ``search``.

    Returns:
        The checked and completed settings.
    """
    update = {"strategy": strategy, "search": settings.search.model_copy(update=search)}
    return with_owned_settings(settings.model_copy(update=update))


def foreign(settings: SearchSettings) -> dict[str, str]:
    """Keys under ``search`` that have no effect in this search, each with the name of its owner."""
    mine = {name for model in owners(settings).values() for name in model.model_fields}
    others = [key for key in settings.search.model_extra or {} if key not in mine]
    return {key: next(iter(dict(_owners_of(key))), "nothing") for key in others}


def refuse_foreign(settings: SearchSettings) -> None:
    """Refuse settings that have no effect.

    Raises:
        UsageError: A key under ``search`` belongs to another strategy or estimator than the chosen ones.
    """
    for key, owner in foreign(settings).items():
        mine = " and ".join(owners(settings))
        raise UsageError(f"setting 'search.{key}' belongs to {owner} and has no effect with {mine}; leave it out")


def _owners_of(key: str) -> Iterator[tuple[str, type[Section]]]:
    """Every registered strategy and estimator that has this key, except those that cannot be imported here."""
    for kind, registry in (("strategy", STRATEGIES), ("estimator", ESTIMATORS)):
        for name in registry.names():
            try:
                model = registry.get(name).Settings
            except (ImportError, NasError):
                continue
            if key in model.model_fields:
                yield f"{kind} {name!r}", model


def _checked(model: type[Section], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of one owner as plain values, defaults included."""
    mine = {name: given[name] for name in model.model_fields if name in given}
    try:
        found = model.model_validate(merged(model().model_dump(mode="json"), mine))
    except ValidationError as error:
        raise UsageError(sentence(error, model, "search")) from None
    return found.model_dump(mode="json")


def _default(model: type[Section], key: str) -> Any:
    return model().model_dump(mode="json")[key]
