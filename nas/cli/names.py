"""Lists of names as they are typed: objectives, strategies, benchmark sets, models."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def comma_separated(text: str | None) -> list[str]:
    """``psnr, params`` -> ``["psnr", "params"]``; no text is an empty list."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def set_names(texts: Iterable[str], folder: Path | None = None) -> list[str]:
    """Names of benchmark sets, separated by commas or blanks.

    Args:
        texts: The values of --sets.
        folder: Folder of the benchmark sets; a set there whose name contains blanks counts as one name.

    Returns:
        The single names, in the order in which they were typed.
    """
    parts = [part for text in texts for part in comma_separated(text)]
    return [name for part in parts for name in ([part] if _is_set(part, folder) else part.split())]


def _is_set(name: str, folder: Path | None) -> bool:
    return folder is not None and any((base / name).is_dir() for base in (folder, folder / "benchmarks"))


def named_model(model: str) -> str | tuple[str, str]:
    """``name=path`` gives a weights file the name that it has in rows and figures; anything else stays as it is."""
    name, sign, path = model.partition("=")
    return (name, path) if sign and name and path and not Path(model).exists() else model


def task_of(models: Iterable[str]) -> str:
    """The task of the first weights file or run folder among ``models``; UsageError when there is none."""
    from nas.errors import UsageError
    from nas.models.weights import read_metadata

    for model in models:
        named = named_model(model)
        path = Path(named if isinstance(named, str) else named[1])
        path = path / "weights.safetensors" if path.is_dir() else path
        if path.suffix == ".safetensors":
            return read_metadata(path)["task"]
    raise UsageError("say what is restored with --task, e.g. --task sr_x2")
