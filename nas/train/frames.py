"""The trials of a search as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: columns that are there even when no trial has ended
_ALWAYS = ("step", "genotype", "state")


def trials_frame(events: Iterable[Mapping[str, Any]], timing: Iterable[Mapping[str, Any]] = ()) -> pd.DataFrame:
    """Collect the trials of a search in a DataFrame.

    Args:
        events: Events of a run as ``nas.train.events.read_events`` gives them; all but trials are left out.
        timing: Its timing as ``nas.train.events.read_timing`` gives it, from which the trials get their seconds.

    Returns:
        One line a trial in the order in which they ended. Columns are ``step``, ``genotype`` (hash), the objectives and
        costs by their names, ``state`` (complete, pruned or failed) and whatever else the engine logged. Text is
        ``str`` and empty where it is missing, whole numbers are ``Int64``, other numbers are ``float64`` with NaN
        where a trial has none, as failed trials have no score.
    """
    import pandas as pd

    took = {t["step"]: t["seconds"] for t in timing if t.get("kind") == "trial" and "seconds" in t}
    trials = [
        {**event, "seconds": took[event["step"]]} if event.get("step") in took else event
        for event in events
        if event.get("kind") == "trial"
    ]
    names = dict.fromkeys([*(k for trial in trials for k in trial if k != "kind"), *_ALWAYS])
    return pd.DataFrame({name: _column([trial.get(name) for trial in trials]) for name in names})


def _column(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    known = [v for v in values if v is not None]
    if known and all(isinstance(v, int) and not isinstance(v, bool) for v in known):
        return pd.Series(values, dtype="Int64")
    if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        return pd.Series([float("nan") if v is None else float(v) for v in values], dtype="float64")
    if all(isinstance(v, str) for v in known):
        return pd.Series(["" if v is None else v for v in values], dtype="str")
    return pd.Series(values, dtype=object)
