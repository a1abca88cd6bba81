"""Benchmark sets by name: what they contain and where to get them. Nothing is downloaded from here."""

from __future__ import annotations

from typing import NamedTuple


class SetSource(NamedTuple):
    """What is known of a benchmark set.

    Attributes:
        title: What it holds.
        where: Where its images are published.
        folders: Other names that its folder has when it is unpacked.
    """

    title: str
    where: str
    folders: tuple[str, ...] = ()


_EDSR = "https://cv.snu.ac.kr/research/EDSR/benchmark.tar (with Set5, Set14, B100, Urban100)"
_BERKELEY = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/"
#: name, as papers have it -> what is known of it
SET_SOURCES: dict[str, SetSource] = {
    "Set5": SetSource("5 photographs, super-resolution (Bevilacqua et al., BMVC 2012)", _EDSR),
    "Set14": SetSource("14 photographs, super-resolution (Zeyde et al., 2010)", _EDSR),
    "B100": SetSource(
        "100 photographs of BSDS300, super-resolution (Martin et al., ICCV 2001)", _EDSR, ("BSD100", "BSDS100")
    ),
    "Urban100": SetSource(
        "100 photographs of buildings, super-resolution (Huang et al., CVPR 2015)", _EDSR, ("urban100",)
    ),
    "Manga109": SetSource(
        "109 pages of comics, super-resolution (Matsui et al., 2017)",
        "https://huggingface.co/datasets/hal-utokyo/Manga109 (on request, for research)",
        ("manga109",),
    ),
    "DIV2K-valid": SetSource(
        "100 photographs of 2K pixels, super-resolution (Agustsson and Timofte, CVPRW 2017)",
        "https://data.vision.ee.ethz.ch/cvl/DIV2K/ (DIV2K_valid_HR.zip)",
        ("DIV2K_valid_HR", "DIV2K_valid"),
    ),
    "Set12": SetSource("12 grey images, denoising", "https://github.com/cszn/DnCNN (folder testsets)"),
    "BSD68": SetSource("68 grey photographs, denoising", "https://github.com/cszn/DnCNN (folder testsets)"),
    "CBSD68": SetSource("68 photographs, colour denoising", _BERKELEY),
    "Kodak24": SetSource("24 photographs, colour denoising", "https://r0k.us/graphics/kodak/", ("Kodak", "kodak")),
    "McMaster": SetSource(
        "18 photographs, colour denoising", "https://www4.comp.polyu.edu.hk/~cslzhang/CDM_Dataset.htm"
    ),
    "Classic5": SetSource("5 grey images, JPEG deblocking", "https://github.com/cszn/DnCNN (folder testsets)"),
    "LIVE1": SetSource(
        "29 photographs, JPEG deblocking", "https://live.ece.utexas.edu/research/quality/subjective.htm"
    ),
    "SIDD": SetSource("photographs taken with phones, real noise", "https://abdokamel.github.io/sidd/"),
    "GoPro": SetSource("blurred and sharp video frames, deblurring", "https://seungjunnah.github.io/Datasets/gopro"),
    "sample": SetSource("photographs inside scikit-image; nothing to fetch", "scikit-image"),
}


def where_to_get(name: str) -> str:
    """A clause that says where to get a set; empty for sets that are not known here."""
    known = {key.casefold(): source for key, source in SET_SOURCES.items()}
    found = known.get(name.casefold())
    return f"; {name} ({found.title}) is published at {found.where}" if found is not None else ""
