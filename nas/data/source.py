"""Where pairs are to be found: a folder or list whose layout is recognised, or folders whose sides are said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import UsageError

LISTS = (".csv", ".txt", ".tsv")
LAYOUTS = ("div2k", "benchmark", "folders", "names", "side_by_side", "list", "plain")


@dataclass(frozen=True)
class Source:
    """Where pairs are to be found, and what was said of them.

    Attributes:
        path: A folder, or a list of pairs; None where the folders of both sides are given.
        clean: The folder of the clean images; without ``degraded`` all images below it are clean, whatever they are
            called.
        degraded: The folder of the degraded images.
        split: "train", "valid" or "test": which part is wanted where there are several.
        layout: One of LAYOUTS; None: it is recognised.
        clean_half: "left" or "right", of side-by-side files.
    """

    path: Path | None = None
    clean: Path | None = None
    degraded: Path | None = None
    split: str = "train"
    layout: str | None = None
    clean_half: str = "left"

    @classmethod
    def of_sides(cls, clean: str | Path | None, degraded: str | Path | None, split: str = "train") -> Source:
        """The pairs of two folders, of which either may be missing by mistake."""
        return cls(None, _path(clean), _path(degraded), split)

    @property
    def root(self) -> Path:
        """The folder or list that errors name."""
        return self.path or self.clean or self.degraded or Path()


def sources(
    paths: Sequence[str | Path] = (),
    clean: Sequence[str | Path] = (),
    degraded: Sequence[str | Path] = (),
    split: str = "train",
    clean_half: str = "left",
) -> list[Source]:
    """The sources that settings or flags name.

    Args:
        paths: Folders and lists whose layout is recognised.
        clean: Folders of clean images.
        degraded: Folders of their degraded images, as many, or none at all.
        split: Which part of ``paths`` is wanted where there are several.
        clean_half: "left" or "right", of side-by-side files.

    Raises:
        UsageError: There are other numbers of clean and of degraded folders.
    """
    if degraded and len(degraded) != len(clean):
        raise UsageError(
            f"{len(clean)} folders of clean and {len(degraded)} of degraded images are no pairs; give --clean and "
            "--degraded (data.clean and data.degraded) the same number of times"
        )
    partners: list[Path | None] = [Path(d) for d in degraded] or [None for _ in clean]
    return [
        *(Source(Path(p), split=split, clean_half=clean_half) for p in paths),
        *(Source(None, Path(c), d, split) for c, d in zip(clean, partners, strict=True)),
    ]


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def check_source(source: Source) -> None:
    """Raise a UsageError where a source makes no sense or is not there."""
    if source.layout is not None and source.layout not in LAYOUTS:
        raise UsageError(f"unknown layout {source.layout!r}; known: {', '.join(LAYOUTS)}")
    if source.clean_half not in ("left", "right"):
        raise UsageError(f"the clean half of side-by-side files is 'left' or 'right', not {source.clean_half!r}")
    if source.degraded is not None and source.clean is None:
        raise UsageError(f"--degraded {source.degraded} is given without --clean; give the folder of clean images too")
    for folder, flag in ((source.clean, "--clean"), (source.degraded, "--degraded")):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{flag} {str(folder)!r} is no folder; check the path")
    path = source.path
    if source.clean is not None or path is None:
        return
    if path.is_file() and path.suffix.lower() not in LISTS:
        raise UsageError(f"{str(path)!r} is a file; give a folder of images or a .csv list of pairs")
    if not path.exists():
        raise UsageError(f"no data at {str(path)!r}; check the path, or leave it out to use the sample set")
