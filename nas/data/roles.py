"""What the names of folders and files say: clean or degraded, at which scale, for training or for tests.

The vocabulary is that of the data sets in use; names are compared without case. Names that are not in it say nothing,
and what says nothing is never guessed (``nas.data.layouts``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from nas.data.vocabulary import (
    ACCUSING_WORDS,
    ALL_WORDS,
    CLEAN_WORDS,
    DEGRADED_WORDS,
    EDGE_WORDS,
    FILLERS,
    KINDS,
    LOW_WORDS,
    RESULT_WORDS,
    SCENE_WORDS,
    SORTS,
    SPELLINGS,
    SPLIT_OF,
    SPOKEN_WORDS,
    TOPIC_WORDS,
    WEAK_CLEAN_WORDS,
    WEAK_DEGRADED_WORDS,
)

CLEAN, DEGRADED, DEPTH, RESULT = "clean", "degraded", "depth", "result"

_TOKEN = re.compile(r"[a-z]+|\d+")
#: the ending that DIV2K gives to its inputs: x2, x4m, x4w1, x8d
_SUFFIX = re.compile(r"[ _-]?x([2-9]|1[06])(?:[mdbw]\d?)?$")


@dataclass(frozen=True)
class Role:
    """What one name says.

    Attributes:
        side: CLEAN, DEGRADED, DEPTH, RESULT (of another program) or "".
        words: The words that say so.
        scale: Down-sampling factor; None where the name has none.
        split: "train", "valid", "test" or "".
        rest: What is left of the name without case, e.g. "div2k"; "" where it says nothing else.
        certain: Whether the side is meant even where no counterpart is seen.
    """

    side: str = ""
    words: tuple[str, ...] = ()
    scale: int | None = None
    split: str = ""
    rest: str = ""
    certain: bool = False

    @property
    def sort(self) -> str:
        """How the low-resolution images were made, one of the values of SORTS; "" where the name does not tell."""
        return next((SORTS[w] for w in self.words if w in SORTS), "")

    @property
    def kind(self) -> str:
        """What the images are degraded by: "rain", "haze", "snow" or "blur"; "" where the name does not tell."""
        return next((KINDS[w] for w in self.words if w in KINDS), "") if self.side == DEGRADED else ""

    @property
    def low(self) -> bool:
        """Whether the name says low resolution, not another degradation."""
        return self.side == DEGRADED and (self.scale is not None or any(w in LOW_WORDS for w in self.words))


@lru_cache(maxsize=65536)
def folder_role(name: str) -> Role:
    """What the name of a folder says, e.g. of ``DIV2K_train_LR_bicubic``, ``GTmod12``, ``X2_sub`` or ``trainH``."""
    text = _spelt(name)
    if text == "depth":
        return Role(DEPTH, ("depth",), certain=True)
    tokens, scale = _tokens(text)
    said = [t for t in tokens if not t.isdigit() and t not in FILLERS and t not in SPLIT_OF]
    split = next((SPLIT_OF[t] for t in tokens if t in SPLIT_OF), "")
    side, words = _side(said, tokens)
    rest = [t for t in tokens if t not in words and t not in SPLIT_OF and t not in FILLERS]
    if side or scale is not None:  # numbers in the name of a role are scales, sizes and levels: LRbicx2, GTmod12
        rest = rest if any(not t.isdigit() for t in rest) else []
    if not tokens or not text.isascii():  # a name in another script says what it says, and nothing of a role
        rest = [*rest, text]
    certain = side in (CLEAN, RESULT) and not all(w in WEAK_CLEAN_WORDS | SCENE_WORDS for w in words)
    certain = certain or (side == DEGRADED and not all(w in TOPIC_WORDS for w in words))
    return Role(side, tuple(words), scale, split, "_".join(rest), certain)


@lru_cache(maxsize=65536)
def file_role(stem: str) -> tuple[Role, str]:
    """What the name of a file says, and the name without it.

    Returns:
        The role, and what two files of one scene have in common: "baby" of ``baby_GT`` and ``baby_LRBI_x2``, "001" of
        ``norain-001`` and ``rain-001``, "0001" of ``0001x2``; the whole name without case where nothing is left.
    """
    text = _spelt(stem)
    scale: int | None = None
    suffix = _SUFFIX.search(text)
    if suffix and suffix.start() > 0:
        scale, text = int(suffix[1]), text[: suffix.start()]
    parts = [p for p in re.split(r"[ _.-]+", text) if p]
    words, kept = [], []
    for index, part in enumerate(parts):
        low = re.fullmatch(r"(lr|hr|lq|gt|hq)x?([2-9])?", part)
        edge = index in (0, len(parts) - 1)
        if low:
            words.append(low[1])
            scale = int(low[2]) if low[2] and low[1].startswith("l") else scale
        elif part in CLEAN_WORDS | (DEGRADED_WORDS - {"bicubic", "bic"}) or (edge and part in EDGE_WORDS):
            words.append(part)
        elif part == "srf" and index + 1 < len(parts) and parts[index + 1].isdigit():
            scale = int(parts[index + 1])
        elif index and parts[index - 1] == "srf" and part.isdigit():
            continue
        elif re.fullmatch(r"x[2-9]", part) and index:
            scale = int(part[1:])
        else:
            kept.append(part)
    side, used = _side(words, words)
    if not side and scale is not None and suffix:
        side, used = DEGRADED, []
    core = "_".join(kept) or stem.casefold()
    certain = side == DEGRADED and (not used or any(w in ACCUSING_WORDS for w in used))
    return Role(side, tuple(used), scale, "", core, certain), core


def _spelt(name: str) -> str:
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z]{2})", "_", name).casefold()  # groundTruth, trainRainy
    for pattern, word in SPELLINGS:
        text = pattern.sub(word, text)
    return text


def _tokens(text: str) -> tuple[list[str], int | None]:
    """The words and numbers of a name, run-together ones taken apart, and its scale."""
    found = _TOKEN.findall(text)
    tokens: list[str] = []
    for token in found:
        tokens += _apart(token) if token not in ALL_WORDS else [token]
    scale: int | None = None
    for index, token in enumerate(tokens[:-1]):
        following = tokens[index + 1]
        if token in ("x", "srf", "scale") and following.isdigit() and 2 <= int(following) <= 16:
            scale = int(following)
    match = re.fullmatch(r"([2-9])x(_sub)?", text)
    return tokens, int(match[1]) if match else scale


@lru_cache(maxsize=65536)
def _apart(token: str) -> tuple[str, ...]:
    """``lrbicx`` -> lr, bic, x: the words of the vocabulary that a run of letters consists of; else the run itself."""
    words = _segments(token)
    return words if words and _sensible(words) else (token,)


def _segments(run: str) -> tuple[str, ...]:
    """The words that a run of letters consists of, the longest ones first; () where there are no such words."""
    if run in ALL_WORDS:
        return (run,)
    for length in range(len(run) - 1, 1, -1):
        rest = _segments(run[length:]) if run[:length] in ALL_WORDS else ()
        if rest:
            return (run[:length], *rest)
    return ()


def _sensible(words: tuple[str, ...]) -> bool:
    """Runs that are no accident: a split word before anything, a word of role before a modifier."""
    if words[0] in SPLIT_OF:
        return True
    if any(w in ("h", "l") for w in words):
        return False
    first = ("lr", "lrbi", "hr", "gt", "lq", "hq", "bicubic", "bic", "image", "img")
    return words[0] in first or words[-1] in ("images", "image", "imgs", "img")


def _side(said: list[str], tokens: list[str]) -> tuple[str, list[str]]:
    """The side that the words of a name speak for, and those words."""
    clean = [w for w in said if w in CLEAN_WORDS]
    degraded = [w for w in said if w in DEGRADED_WORDS]
    if any(w in RESULT_WORDS for w in said):
        return RESULT, [w for w in said if w in RESULT_WORDS]
    if degraded and clean:
        down = [w for w in degraded if w in LOW_WORDS]  # train_sharp_bicubic, HR_LR: made smaller from the clean ones
        return (DEGRADED, [*clean, *degraded]) if down else ("", [])
    if clean:
        return CLEAN, clean
    if degraded:
        return DEGRADED, [w for w in said if w in DEGRADED_WORDS or w in SORTS]
    ends = {said[0], said[-1]} if said else set()
    for side, weak in ((CLEAN, WEAK_CLEAN_WORDS), (DEGRADED, WEAK_DEGRADED_WORDS)):
        words = [w for w in said if w in weak]
        if words and (len(words) == len(said) or (set(words) - {"in"}) & ends & SPOKEN_WORDS):
            return side, words
    if len(said) == 1 and said[0] in ("h", "l") and (len(tokens) == 1 or tokens[0] in SPLIT_OF):
        return (CLEAN if said[0] == "h" else DEGRADED), said
    return "", []
