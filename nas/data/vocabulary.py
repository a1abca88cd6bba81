"""The words by which data sets name the folders and files of their two sides: to read another layout, add its words.

All are compared without case. A word is "weak" where folders of quite other images bear it too; it then counts only as
(nearly) the whole name, and without a counterpart of the same file names it says nothing.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: clean, wherever the word stands
CLEAN_WORDS = _words(
    """hr hrs hq hqs gt gts clean clear sharp target targets groundtruth norain nohaze nonoise noblur highres
    highquality"""
)
#: clean, as the whole name
WEAK_CLEAN_WORDS = _words("high label labels original originals orig reference references ref normal")
#: clean words that also name what a collection shows: alone they make no folder the clean side of a set
SCENE_WORDS = _words("clear sharp clean")
#: degraded, wherever the word stands
DEGRADED_WORDS = _words(
    """lr lrs lq lqs lrbi lrbd lrdn bicubic bic lowres lowquality lowlight degraded compressed corrupted distorted rain
    rainy raindrop hazy haze foggy snowy noisy blur blurry blurred"""
)
#: degraded, as the whole name
WEAK_DEGRADED_WORDS = _words("input inputs in low dark snow fog noise jpeg bi bd dn unknown mild wild difficult")
#: degraded words that also name what a collection shows: alone they accuse no folder
TOPIC_WORDS = _words("input inputs in low dark snow fog noise rain haze blur jpeg")
#: weak words that count at either end of a longer name too, as in LOL_high
SPOKEN_WORDS = _words("high low input inputs label labels original noise")
#: results of a program, which are neither side
RESULT_WORDS = _words(
    """sr output outputs result results restored prediction predictions pred preds derained dehazed deblurred denoised
    enhanced"""
)
#: part of a data set -> how it is called
SPLITS = {
    "train": _words("train training trn"),
    "valid": _words("valid val validation dev"),
    "test": _words("test testing eval evaluation"),
}
SPLIT_OF = {word: split for split, words in SPLITS.items() for word in words}
#: words without a meaning of their own
FILLERS = _words(
    """sub subs image images img imgs data dataset patch patches crop crops cropped mod png jpg x srf scale s set folder
    srgb gamma"""
)
#: words of file names that count at the beginning or end
EDGE_WORDS = _words("input target high low original noise noised truth lrbicubic")
#: words of file names that accuse a file even where no counterpart is seen
ACCUSING_WORDS = _words("lr lq lrbi lrbd lrdn lrbicubic")
#: low resolution, not another degradation
LOW_WORDS = _words("lr lrs lrbi lrbd lrdn lowres bicubic bic bi bd dn unknown mild wild difficult")
#: how low-resolution images were made -> one name for each way
SORTS = {
    **dict.fromkeys(("bicubic", "bic", "bi", "lrbi"), "bicubic"),
    **dict.fromkeys(("bd", "lrbd"), "bd"),
    **dict.fromkeys(("dn", "lrdn"), "dn"),
    **{word: word for word in ("unknown", "mild", "wild", "difficult")},
}
#: degraded words that name one degradation, which tasks about another do not mean
KINDS = {
    **dict.fromkeys(("rain", "rainy", "raindrop"), "rain"),
    **dict.fromkeys(("haze", "hazy", "fog", "foggy"), "haze"),
    **dict.fromkeys(("snow", "snowy"), "snow"),
    **dict.fromkeys(("blur", "blurry", "blurred"), "blur"),
}
#: spellings of one word in several -> that word
SPELLINGS = (
    (re.compile(r"ground[ _-]?truths?"), "groundtruth"),
    (re.compile(r"(?<![a-z])(no|non|without)[ _-]?rain(y)?(?![a-z])|rain[ _-]?free"), "norain"),
    (re.compile(r"(?<![a-z])(no|non|without)[ _-]?(haze|hazy|fog)(?![a-z])|(haze|fog)[ _-]?free"), "nohaze"),
    (re.compile(r"(?<![a-z])(no|non|without)[ _-]?noise(?![a-z])|noise[ _-]?free"), "nonoise"),
    (re.compile(r"(?<![a-z])(no|non|without)[ _-]?blur(?![a-z])|blur[ _-]?free"), "noblur"),
    (re.compile(r"high[ _-]?res(olution)?(?![a-z])"), "highres"),
    (re.compile(r"low[ _-]?res(olution)?(?![a-z])"), "lowres"),
    (re.compile(r"high[ _-]?quality"), "highquality"),
    (re.compile(r"low[ _-]?quality"), "lowquality"),
    (re.compile(r"low[ _-]?light"), "lowlight"),
)
#: everything that a run of letters such as ``lrbicx`` may consist of
ALL_WORDS = (
    CLEAN_WORDS
    | WEAK_CLEAN_WORDS
    | DEGRADED_WORDS
    | WEAK_DEGRADED_WORDS
    | RESULT_WORDS
    | FILLERS
    | {*SPLIT_OF, "h", "l"}
) - {"s", "in"}
