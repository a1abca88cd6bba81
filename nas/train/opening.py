"""The first line of a run: what will be done, for which task, with which images, how long, where."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from pathlib import Path

from nas.config.runs import Settings

#: what the images are called where no folder is given
SAMPLE = "the photographs inside scikit-image"


def opening(
    what: str, settings: Settings, images: Mapping[str, Sized], budget: str, folder: str | Path, ranks: int = 1
) -> str:
    """One sentence on a run that begins.

    Args:
        what: What is searched or trained, and how large it is, e.g. "search space jsm by pc_darts".
        settings: The whole configuration.
        images: Images by what they are for.
        budget: How long, e.g. ``steps_of(settings)``.
        folder: The run folder.
        ranks: Processes that train together.

    Returns:
        The sentence, without a full stop.
    """
    data = settings.data
    source = ", ".join([*data.path, *data.clean]) or SAMPLE
    held = len(images.get("validation", ()))
    training = sum(len(found) for part, found in images.items() if part != "validation")
    device = settings.device if ranks == 1 else f"{ranks} x {settings.device}"
    return (
        f"{what} for {settings.task}: {training} training and {held} validation images of {source}; {budget}; on "
        f"{device}; into {folder}"
    )


def steps_of(settings: Settings, steps: int | None = None) -> str:
    """The budget of a training in words: its steps, the batch and the patch, and the time limit if there is one."""
    data, train = settings.data, settings.train
    sizes = sorted({stage.patch for stage in data.stages}) or [data.patch]
    batches = sorted({stage.batch for stage in data.stages}, reverse=True) or [data.batch]
    side = " to ".join(dict.fromkeys((str(sizes[0]), str(sizes[-1]))))
    patches = " to ".join(dict.fromkeys((str(batches[-1]), str(batches[0]))))
    limit = f", {train.time:,.0f} s at most" if train.time is not None else ""
    return f"{train.steps if steps is None else steps:,} steps of {patches} patches, {side} pixels wide{limit}"
