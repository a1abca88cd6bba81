"""The section of pictures: a viewer with a slider between two versions of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.report.page.pictures import TRUE_NAMES, Picture, encode

#: characters that a picture may take at least; with fewer, the losses of JPEG would show
LEAST_CHARACTERS = 200_000
#: characters that a picture may take at most
MOST_CHARACTERS = 1_500_000
#: what is shown at the left of the slider first
LEFT_NAMES = ("degraded", "input", "lr", "bicubic", "identity")


@dataclass(frozen=True)
class StoredPicture:
    """One version of a scene as a data URI, with its size in pixels."""

    scene: str
    version: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class ViewerView:
    """The scenes that a user may choose, their pictures, what is shown first, and how many scenes did not fit."""

    scenes: list[str]
    pictures: list[StoredPicture]
    left: str
    right: str
    left_out: int


def viewer_view(pictures: Sequence[Picture], limit: int, models: Sequence[str]) -> ViewerView | None:
    """Encode the pictures, for ``viewer.html.j2``.

    Args:
        pictures: Scenes in several versions.
        limit: Characters that all pictures may take together.
        models: Names of models, the best first; the first that is there is shown at the right at first, and beside it
            the degraded picture or that of a reference without a network.

    Returns:
        What fits, or None where there are no pictures.
    """
    scenes = _in_turn([s for s in pictures if len(s.versions) > 1] or [s for s in pictures if s.versions])
    stored = _encoded(scenes, limit)
    if not stored:
        return None
    kept = list(dict.fromkeys(p.scene for p in stored))
    names = list(dict.fromkeys(n for s in scenes if s.name in kept for n in s.versions))
    left = next((n for word in LEFT_NAMES for n in names if n.lower() == word), names[0])
    others = (
        [n for n in names if n != left and n.lower() not in TRUE_NAMES] or [n for n in names if n != left] or [left]
    )
    right = next((m for m in models if m in others and m.lower() not in LEFT_NAMES), others[-1])
    return ViewerView(kept, stored, left, right, len(scenes) - len(kept))


def _encoded(scenes: Sequence[Picture], limit: int) -> list[StoredPicture]:
    """The pictures of the scenes that fit together within the limit."""
    stored: list[StoredPicture] = []
    used = 0
    each = max(LEAST_CHARACTERS, min(MOST_CHARACTERS, limit // max(sum(len(s.versions) for s in scenes), 1)))
    for scene in scenes:
        if used + len(scene.versions) * each // 2 > limit:
            continue  # it would not fit: not worth encoding
        encoded = {name: encode(image, each) for name, image in scene.versions.items()}
        weight = sum(len(e[0]) for e in encoded.values() if e)
        if used + weight <= limit:
            used += weight
            stored += [StoredPicture(scene.name, name, *e) for name, e in encoded.items() if e]
    return stored


def _in_turn(scenes: Sequence[Picture]) -> list[Picture]:
    """Scenes of the sets in turn, so that every set has a part of what fits."""
    groups: dict[str, list[Picture]] = {}
    for scene in scenes:
        groups.setdefault(scene.name.rpartition(" / ")[0], []).append(scene)
    longest = max((len(g) for g in groups.values()), default=0)
    return [group[i] for i in range(longest) for group in groups.values() if i < len(group)]
